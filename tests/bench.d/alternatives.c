/* SPDX-License-Identifier: MIT */
/*
 * What a tenant can use on an unpatched Xen instead of an enclave.
 *
 *   bench-alternatives listener          requests to bench-listener in dom0, by vm_event
 *   bench-alternatives altp2m            to another view of this guest's memory and back
 *   bench-alternatives port DOMAIN PORT  an event to bench-peer in DOMAIN and one back
 *   bench-alternatives vchan DOMAIN      a message to bench-peer in DOMAIN and its answer
 *
 * Each answer is checked. Prints lines as in timing.h; a measurement that fails says so and ends with status 1.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <libxenvchan.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xenevtchn.h>

#include <xen/xen.h>
/* after xen.h */
#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>
#include <xen/sys/privcmd.h>

#include "listener.h"
#include "peer.h"
#include "timing.h"

#define PAGE 4096u

static uint64_t nothing;

/* A page of our own that stays where it is; its guest frame number in `frame`. */
static volatile uint64_t *page_at(uint64_t *frame)
{
    volatile uint64_t *page =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
    int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    uint64_t entry;

    if (page == MAP_FAILED)
        err(1, "mmap");
    *page = 0;
    /* Documentation/admin-guide/mm/pagemap.rst of Linux: bit 63 present, bits 0 to 54 the frame */
    if (map < 0 || pread(map, &entry, sizeof(entry), (off_t)((uintptr_t)page / PAGE * 8)) != 8)
        err(1, "/proc/self/pagemap");
    close(map);
    *frame = entry & ((UINT64_C(1) << 55) - 1);
    if (!(entry >> 63) || !*frame)
        errx(1, "no frame number in /proc/self/pagemap");
    return page;
}

/* --- a listener in dom0 ------------------------------------------------------------------------------ */

static uint64_t request(enum listener_command command, uint64_t argument)
{
    register uint64_t r10 __asm__("r10") = argument;
    uint64_t rax = __HYPERVISOR_hvm_op;

    __asm__ volatile("vmcall"
                     : "+a"(rax)
                     : "D"(HVMOP_guest_request_vm_event), "S"(0), "d"(command), "r"(r10)
                     : "memory");
    return rax;
}

/* MOV %RAX, (%RDI), 3 bytes */
static uint64_t request_by_write(volatile uint64_t *page, uint64_t argument)
{
    __asm__ volatile(".byte 0x48, 0x89, 0x07" : "+a"(argument) : "D"(page) : "memory");
    return argument;
}

static void measure_listener(void)
{
    struct least asked = {0}, written = {0};
    uint64_t frame, start, answer;
    volatile uint64_t *page = page_at(&frame);

    for (uint64_t i = 0; i < REPETITIONS; i++) {
        start = ticks();
        answer = request(LISTENER_ASK, i);
        least_add(&asked, ticks() - start);
        if (answer != listener_answer(i))
            errx(1, "the listener's answer to %llu was %lld", (unsigned long long)i,
                 (long long)answer);
    }
    if (request(LISTENER_WATCH, frame))
        errx(1, "the page is not watched");
    for (uint64_t i = 0; i < REPETITIONS; i++) {
        start = ticks();
        answer = request_by_write(page, i);
        least_add(&written, ticks() - start);
        if (answer != listener_answer(i))
            errx(1, "the listener's answer to a write of %llu was %llu", (unsigned long long)i,
                 (unsigned long long)answer);
    }
    if (*page)
        errx(1, "a write that was to be a request went to memory");
    request(LISTENER_END, 0);
    *page = 1; /* an ordinary write again */
    least_print("listener_request", &asked, nothing);
    least_print("listener_write", &written, nothing);
}

/* --- a view ------------------------------------------------------------------------------------------ */

static struct xen_hvm_altp2m_op view_op __attribute__((aligned(PAGE)));
static int privcmd;

static int altp2m(uint32_t command)
{
    privcmd_hypercall_t hypercall = {.op = __HYPERVISOR_hvm_op,
                                     .arg = {HVMOP_altp2m, (uintptr_t)&view_op}};

    view_op.version = HVMOP_ALTP2M_INTERFACE_VERSION;
    view_op.cmd = command;
    view_op.domain = DOMID_SELF;
    return ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &hypercall);
}

static void set_altp2m(bool on)
{
    memset(&view_op, 0, sizeof(view_op));
    view_op.u.domain_state.state = on;
    if (altp2m(HVMOP_altp2m_set_domain_state))
        err(1, "altp2m");
}

/* A view where the page of `first` shows that of `second`. */
static uint16_t make_view(uint64_t first, uint64_t second)
{
    uint16_t view;

    memset(&view_op, 0, sizeof(view_op));
    view_op.u.view.hvmmem_default_access = XENMEM_access_rwx;
    if (altp2m(HVMOP_altp2m_create_p2m))
        err(1, "a view");
    view = view_op.u.view.view;
    memset(&view_op, 0, sizeof(view_op));
    view_op.u.change_gfn.view = view;
    view_op.u.change_gfn.old_gfn = first;
    view_op.u.change_gfn.new_gfn = second;
    if (altp2m(HVMOP_altp2m_change_gfn))
        err(1, "a page of a view");
    return view;
}

static void measure_altp2m(void)
{
    uint64_t frames[2], start;
    volatile uint64_t *pages[2] = {page_at(&frames[0]), page_at(&frames[1])};
    struct least least = {0};
    uint16_t view;

    privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    if (privcmd < 0 || mlock(&view_op, sizeof(view_op)))
        err(1, "/dev/xen/privcmd");
    *pages[0] = 1;
    *pages[1] = 2;
    set_altp2m(true);
    view = make_view(frames[0], frames[1]);
    memset(&view_op, 0, sizeof(view_op));
    for (unsigned int i = 0; i < REPETITIONS; i++) {
        for (unsigned int j = 0; j < 2; j++) {
            view_op.u.view.view = j ? 0 : view;
            start = ticks();
            int rc = altp2m(HVMOP_altp2m_switch_p2m);
            least_add(&least, ticks() - start);
            if (rc)
                err(1, "change to view %u", j ? 0u : view);
            if (*pages[0] != (j ? 1 : 2))
                errx(1, "view %u shows the wrong page", j ? 0u : view);
        }
    }
    set_altp2m(false);
    least_print("altp2m_switch", &least, nothing);
}

/* --- another domain ---------------------------------------------------------------------------------- */

static void measure_port(uint32_t domain, evtchn_port_t remote)
{
    xenevtchn_handle *events = xenevtchn_open(NULL, 0);
    xenevtchn_port_or_error_t port;
    struct least least = {0};

    if (!events || (port = xenevtchn_bind_interdomain(events, domain, remote)) < 0)
        err(1, "event channel");
    /* Xen marks the end that connects as pending (EVTCHNOP_bind_interdomain). */
    if (xenevtchn_pending(events) != port || xenevtchn_unmask(events, (evtchn_port_t)port))
        err(1, "event channel");
    for (unsigned int i = 0; i < REPETITIONS; i++) {
        uint64_t start = ticks();

        if (xenevtchn_notify(events, (evtchn_port_t)port) || xenevtchn_pending(events) != port ||
            xenevtchn_unmask(events, (evtchn_port_t)port))
            err(1, "event channel");
        least_add(&least, ticks() - start);
    }
    least_print("event_channel", &least, nothing);
}

static void measure_vchan(int domain)
{
    char path[64];
    struct libxenvchan *vchan;
    struct least least = {0};
    uint8_t message[PEER_MESSAGE], expected[PEER_MESSAGE];

    snprintf(path, sizeof(path), "/local/domain/%d/" PEER_PATH, domain);
    vchan = libxenvchan_client_init(NULL, domain, path);
    if (!vchan)
        err(1, "vchan");
    vchan->blocking = 1;
    for (unsigned int i = 0; i < REPETITIONS; i++) {
        for (unsigned int j = 0; j < PEER_MESSAGE; j++)
            message[j] = expected[j] = (uint8_t)(i * 7 + j);
        peer_answer(expected);
        uint64_t start = ticks();
        int sent = libxenvchan_send(vchan, message, sizeof(message));
        int received = libxenvchan_recv(vchan, message, sizeof(message));

        least_add(&least, ticks() - start);
        if (sent != PEER_MESSAGE || received != PEER_MESSAGE ||
            memcmp(message, expected, sizeof(message)))
            errx(1, "answer %u was wrong", i);
    }
    libxenvchan_close(vchan);
    least_print("vchan", &least, nothing);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    nothing = ticks_begin();
    if (argc == 2 && !strcmp(what, "listener"))
        measure_listener();
    else if (argc == 2 && !strcmp(what, "altp2m"))
        measure_altp2m();
    else if (argc == 4 && !strcmp(what, "port"))
        measure_port((uint32_t)strtoul(argv[2], NULL, 10),
                     (evtchn_port_t)strtoul(argv[3], NULL, 10));
    else if (argc == 3 && !strcmp(what, "vchan"))
        measure_vchan(atoi(argv[2]));
    else
        errx(1, "unknown measurement");
    return 0;
}
