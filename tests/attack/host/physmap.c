/* SPDX-License-Identifier: MIT */
/*
 * dom0 moves frames about with memory operations: physmap TENANT HELPER CONTROL-PAGE FRAME...
 * add_to_physmap into a helper, as a frame of the helper's, the tenant's and Xen's; remove_from_physmap,
 * decrease_reservation and exchange. CONTROL-PAGE: an ordinary page number of the tenant, which is taken
 * away and given back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "monitor.h"
#include "report.h"
#include "xen_interface.h"

#define PLACE 0x200000

static struct {
    xen_ulong_t index;
    xen_pfn_t place;
    int error;
    xen_pfn_t in, out, page;
    struct xen_memory_reservation reservation;
    struct xen_add_to_physmap_batch batch;
    struct xen_memory_exchange exchange;
} * memory;

static long add_foreign(uint32_t domain, uint32_t foreign, uint64_t frame)
{
    memory->index = frame;
    memory->place = PLACE;
    memory->error = 0;
    memset(&memory->batch, 0, sizeof(memory->batch));
    memory->batch.domid = domain;
    memory->batch.space = XENMAPSPACE_gmfn_foreign;
    memory->batch.size = 1;
    memory->batch.u.foreign_domid = foreign;
    set_xen_guest_handle_raw(memory->batch.idxs, &memory->index);
    set_xen_guest_handle_raw(memory->batch.gpfns, &memory->place);
    set_xen_guest_handle_raw(memory->batch.errs, &memory->error);
    long rc =
        hypercall2(__HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch, (uintptr_t)&memory->batch);
    return rc ? rc : memory->error;
}

static long exchange(uint64_t frame)
{
    memory->in = frame;
    memory->out = PLACE;
    memset(&memory->exchange, 0, sizeof(memory->exchange));
    memory->exchange.in.nr_extents = 1;
    memory->exchange.in.domid = DOMID_SELF;
    set_xen_guest_handle_raw(memory->exchange.in.extent_start, &memory->in);
    memory->exchange.out.nr_extents = 1;
    memory->exchange.out.domid = DOMID_SELF;
    set_xen_guest_handle_raw(memory->exchange.out.extent_start, &memory->out);
    return hypercall2(__HYPERVISOR_memory_op, XENMEM_exchange, (uintptr_t)&memory->exchange);
}

/* One page number is taken from the domain, or given to it: 1 if it was. */
static long reservation(uint32_t command, uint32_t domain, uint64_t number)
{
    memory->page = number;
    memset(&memory->reservation, 0, sizeof(memory->reservation));
    memory->reservation.nr_extents = 1;
    memory->reservation.domid = domain;
    set_xen_guest_handle_raw(memory->reservation.extent_start, &memory->page);
    return hypercall2(__HYPERVISOR_memory_op, command, (uintptr_t)&memory->reservation);
}

static void try_reservation(uint32_t domain, uint64_t frame, const char *what)
{
    long taken = reservation(XENMEM_decrease_reservation, domain, frame);

    report_try(taken != 1, "%s: %ld of 1", what, taken);
}

static long add_own(uint32_t domain, uint64_t frame)
{
    struct xen_add_to_physmap op = {
        .domid = domain, .space = XENMAPSPACE_gmfn, .idx = frame, .gpfn = PLACE};

    return memory_op(XENMEM_add_to_physmap, &op, sizeof(op));
}

static void control_page(uint32_t tenant, uint64_t number)
{
    long taken = reservation(XENMEM_decrease_reservation, tenant, number);
    long given = reservation(XENMEM_populate_physmap, tenant, number);

    report_control(taken == 1 && given == 1,
                   "an ordinary page of the tenant taken away and given back");
}

int main(int count, char **arguments)
{
    uint64_t frames[64];

    if (count < 5) {
        return 2;
    }
    uint32_t tenant = strtoul(arguments[1], NULL, 0), helper = strtoul(arguments[2], NULL, 0);
    unsigned int named = frame_arguments(count, arguments, 4, frames, 64);

    memory = hyper_memory(4096);
    control_page(tenant, strtoull(arguments[3], NULL, 16));
    for (unsigned int i = 0; i < named; i++) {
        /* Xen 4.20 finds no memory there earlier. */
        report_errno2(add_own(helper, frames[i]), EINVAL, EACCES,
                      "add_to_physmap(gmfn) into the helper");
        report_errno2(add_own(DOMID_SELF, frames[i]), EACCES, ENOSYS,
                      "add_to_physmap(gmfn) into dom0");
        report_errno2(add_foreign(helper, tenant, frames[i]), EPERM, EINVAL,
                      "add_to_physmap(gmfn_foreign) into the helper as the tenant's");
        report_errno2(add_foreign(helper, DOMID_XEN, frames[i]), EPERM, EINVAL,
                      "add_to_physmap(gmfn_foreign) into the helper as Xen's");
        report_errno2(add_foreign(DOMID_SELF, DOMID_XEN, frames[i]), EACCES, EINVAL,
                      "add_to_physmap(gmfn_foreign) into dom0 as Xen's");
        try_reservation(tenant, frames[i], "decrease_reservation of the tenant");
        try_reservation(DOMID_SELF, frames[i], "decrease_reservation of dom0");
        report_errno2(exchange(frames[i]), EINVAL, ENOMEM, "exchange by dom0");
    }
    return report_end();
}
