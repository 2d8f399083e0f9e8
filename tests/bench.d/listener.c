/* SPDX-License-Identifier: MIT */
/*
 * A vm_event listener in dom0, as xen-access of Xen's tools is one, that answers requests of a guest.
 *
 *   bench-listener altp2m DOMAIN   lets a domain use altp2m for itself
 *   bench-listener listen DOMAIN   says "ready", answers requests (listener.h) until the last one, says "served N"
 *
 * It answers by setting the guest's registers, the instruction pointer behind the instruction that asked: Xen
 * emulates nothing, and no page's access changes from request to request.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xenctrl.h>
#include <xenevtchn.h>
/* after xenctrl.h */
#include <xen/hvm/params.h>
#include <xen/vm_event.h>

#include "listener.h"

#define INSTRUCTION_SIZE 3 /* of VMCALL, and of MOV %RAX, (%RDI) */

static xc_interface *xc;
static uint32_t domain;
static uint64_t watched, served;

static void check(int rc, const char *what)
{
    if (rc)
        err(1, "%s", what);
}

static uint64_t obey(uint64_t command, uint64_t argument, bool *end)
{
    switch (command) {
    case LISTENER_ASK:
        return listener_answer(argument);

    case LISTENER_WATCH:
        check(xc_set_mem_access(xc, domain, XENMEM_access_rx, argument, 1), "access of a page");
        watched = argument;
        return 0;

    case LISTENER_END:
        if (watched)
            check(xc_set_mem_access(xc, domain, XENMEM_access_rwx, watched, 1), "access of a page");
        *end = true;
        return 0;

    default:
        errx(1, "unknown command %llu", (unsigned long long)command);
    }
}

/* Makes the response out of the request. */
static void answer(vm_event_request_t *event, bool *end)
{
    struct vm_event_regs_x86 *regs = &event->data.regs.x86;

    if (event->version != VM_EVENT_INTERFACE_VERSION)
        errx(1, "vm_event interface %u", event->version);
    if (event->reason == VM_EVENT_REASON_GUEST_REQUEST)
        regs->rax = obey(regs->rdx, regs->r10, end);
    else if (event->reason == VM_EVENT_REASON_MEM_ACCESS && event->u.mem_access.gfn == watched)
        regs->rax = listener_answer(regs->rax);
    else
        errx(1, "unexpected event %u, page %llx", event->reason,
             (unsigned long long)event->u.mem_access.gfn);
    regs->rip += INSTRUCTION_SIZE;
    event->flags = (event->flags & VM_EVENT_FLAG_VCPU_PAUSED) | VM_EVENT_FLAG_SET_REGISTERS;
    served++;
}

static void serve(vm_event_back_ring_t *ring, xenevtchn_handle *events, evtchn_port_t port)
{
    bool end = false;

    while (!end) {
        if (xenevtchn_pending(events) != (xenevtchn_port_or_error_t)port)
            err(1, "event channel");
        check(xenevtchn_unmask(events, port), "event channel");
        while (RING_HAS_UNCONSUMED_REQUESTS(ring)) {
            vm_event_request_t event = *RING_GET_REQUEST(ring, ring->req_cons);

            ring->req_cons++;
            ring->sring->req_event = ring->req_cons + 1;
            answer(&event, &end);
            memcpy(RING_GET_RESPONSE(ring, ring->rsp_prod_pvt), &event, sizeof(event));
            ring->rsp_prod_pvt++;
            RING_PUSH_RESPONSES(ring);
        }
        check(xenevtchn_notify(events, port), "event channel");
    }
}

static void listen(void)
{
    xenevtchn_handle *events = xenevtchn_open(NULL, 0);
    vm_event_back_ring_t ring;
    uint32_t remote;
    void *page = xc_monitor_enable(xc, domain, &remote);
    xenevtchn_port_or_error_t port;

    if (!page || !events)
        err(1, "vm_event");
    SHARED_RING_INIT((vm_event_sring_t *)page);
    BACK_RING_INIT(&ring, (vm_event_sring_t *)page, XC_PAGE_SIZE);
    port = xenevtchn_bind_interdomain(events, domain, remote);
    if (port < 0)
        err(1, "event channel");
    check(xc_monitor_guest_request(xc, domain, true, true, true), "guest requests");
    puts("ready");
    fflush(stdout);
    serve(&ring, events, (evtchn_port_t)port);
    check(xc_monitor_guest_request(xc, domain, false, true, false), "guest requests");
    check(xenevtchn_unbind(events, (evtchn_port_t)port), "event channel");
    munmap(page, XC_PAGE_SIZE);
    check(xc_monitor_disable(xc, domain), "vm_event");
    printf("served %llu\n", (unsigned long long)served);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        errx(2, "two arguments");
    xc = xc_interface_open(NULL, NULL, 0);
    if (!xc)
        err(1, "libxenctrl");
    domain = (uint32_t)strtoul(argv[2], NULL, 10);
    if (!strcmp(argv[1], "altp2m"))
        check(xc_hvm_param_set(xc, domain, HVM_PARAM_ALTP2M, XEN_ALTP2M_mixed), "altp2m");
    else if (!strcmp(argv[1], "listen"))
        listen();
    else
        errx(2, "unknown command");
    return 0;
}
