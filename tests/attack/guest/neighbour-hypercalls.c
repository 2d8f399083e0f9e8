/* SPDX-License-Identifier: MIT */
/*
 * Another guest's kernel: control operations, and every hypercall that could reach the tenant's memory or
 * a frame by its number: neighbour-hypercalls TENANT CONTROL-SEED SEED [FRAME...]
 * FRAMEs: sealed ones. The control: the same copy between pages of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cloister/abi.h>

#include "door_client.h"
#include "pattern.h"
#include "report.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/domctl.h>
#include <xen/sysctl.h>

#define PLACE 0x300000 /* a page number beyond its memory */

/* What hypercalls are given; the kernel's as much as ours. */
static _Alignas(4096) union {
    uint8_t bytes[4096];
    struct xen_domctl domctl;
    struct xen_sysctl sysctl;
    gnttab_copy_t copy;
    struct xen_add_to_physmap place;
    struct {
        struct xen_memory_reservation reservation;
        xen_pfn_t page;
    } reserve;
    struct {
        struct xen_add_to_physmap_batch batch;
        xen_ulong_t index;
        xen_pfn_t page;
        int error;
    } foreign;
} memory;

static long call(unsigned int number, uint64_t command)
{
    return kernel_hypercall(number, command, (uintptr_t)&memory, 0, 0, 0);
}

static void clear(void)
{
    memset(&memory, 0, sizeof(memory));
}

static void try_control(void)
{
    for (uint64_t op = CLOISTER_OP_INFO; op <= CLOISTER_OP_LIMIT; op++) {
        char text[64];

        clear();
        snprintf(text, sizeof(text), "control operation %u", (unsigned int)op);
        report_errno(call(CLOISTER_HYPERCALL, op), EPERM, text);
    }
}

static void try_privileged(uint32_t tenant)
{
    static const struct {
        uint32_t number;
        const char *name;
    } commands[] = {
        {XEN_DOMCTL_getpageframeinfo3, "getpageframeinfo3"},
        {XEN_DOMCTL_getvcpucontext, "getvcpucontext"},
        {XEN_DOMCTL_gethvmcontext, "gethvmcontext"},
        {XEN_DOMCTL_memory_mapping, "memory_mapping"},
        {XEN_DOMCTL_shadow_op, "shadow_op"},
        {XEN_DOMCTL_destroydomain, "destroydomain"},
    };

    for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        clear();
        memory.domctl.cmd = commands[i].number;
        memory.domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
        memory.domctl.domain = tenant;
        if (commands[i].number == XEN_DOMCTL_memory_mapping) {
            memory.domctl.u.memory_mapping.nr_mfns =
                1; /* Xen 4.20 looks at the range before the caller */
        }
        report_errno(kernel_hypercall(__HYPERVISOR_domctl, (uintptr_t)&memory, 0, 0, 0, 0), EPERM,
                     commands[i].name);
    }
    clear();
    memory.sysctl.cmd = XEN_SYSCTL_debug_keys;
    memory.sysctl.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    report_errno(kernel_hypercall(__HYPERVISOR_sysctl, (uintptr_t)&memory, 0, 0, 0, 0), EPERM,
                 "debug_keys");
    /* A PVH guest has no page tables that Xen would write. */
    report_errno(kernel_hypercall(__HYPERVISOR_mmu_update, (uintptr_t)&memory, 1, 0, tenant, 0),
                 ENOSYS, "mmu_update");
}

static long reservation(uint32_t command, uint32_t domain, uint64_t page)
{
    clear();
    memory.reserve.page = page;
    set_xen_guest_handle(memory.reserve.reservation.extent_start, &memory.reserve.page);
    memory.reserve.reservation.nr_extents = 1;
    memory.reserve.reservation.domid = domain;
    return call(__HYPERVISOR_memory_op, command);
}

static long add_foreign(uint32_t tenant, uint64_t page)
{
    clear();
    memory.foreign.index = page;
    memory.foreign.page = PLACE;
    memory.foreign.batch.domid = DOMID_SELF;
    memory.foreign.batch.space = XENMAPSPACE_gmfn_foreign;
    memory.foreign.batch.size = 1;
    memory.foreign.batch.u.foreign_domid = tenant;
    set_xen_guest_handle(memory.foreign.batch.idxs, &memory.foreign.index);
    set_xen_guest_handle(memory.foreign.batch.gpfns, &memory.foreign.page);
    set_xen_guest_handle(memory.foreign.batch.errs, &memory.foreign.error);
    long rc = call(__HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch);
    return rc ? rc : memory.foreign.error;
}

static long add_own(uint32_t domain, uint64_t page)
{
    clear();
    memory.place = (struct xen_add_to_physmap){
        .domid = domain, .space = XENMAPSPACE_gmfn, .idx = page, .gpfn = PLACE};
    return call(__HYPERVISOR_memory_op, XENMEM_add_to_physmap);
}

static int copy(uint32_t from, uint64_t page, uint64_t target)
{
    clear();
    memory.copy = (gnttab_copy_t){.source = {.u.gmfn = page, .domid = from},
                                  .dest = {.u.gmfn = target, .domid = DOMID_SELF},
                                  .len = 4096};
    long rc =
        kernel_hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (uintptr_t)&memory, 1, 0, 0);
    return rc ? (int)rc : memory.copy.status;
}

static bool page_has(unsigned int slot, uint64_t seed)
{
    static struct door_page page;

    page = (struct door_page){.slot = slot};
    door_must(DOOR_PAGE, &page);
    return pattern_in_page((pattern_t *)page.data, seed, pattern_word(seed, 0));
}

/* `page`: a number that may be a page's of the tenant's, or a frame's. */
static void try_page(uint32_t tenant, uint64_t page, uint64_t target, uint64_t seed)
{
    int status = copy(tenant, page, target);

    report_try(status && !page_has(1, seed), "grant copy of the tenant's page %#lx: status %d",
               (unsigned long)page, status);
    report_errno(add_foreign(tenant, page), EPERM,
                 "add_to_physmap(gmfn_foreign) of the tenant's page");
    report_errno(add_own(tenant, page), EPERM, "add_to_physmap into the tenant");
    report_try(reservation(XENMEM_decrease_reservation, tenant, page) != 1, "decrease_reservation");
    report_try(reservation(XENMEM_populate_physmap, tenant, page) != 1, "populate_physmap");
}

int main(int count, char **arguments)
{
    if (count < 4) {
        return 2;
    }
    uint32_t tenant = strtoul(arguments[1], NULL, 0);
    uint64_t control = strtoull(arguments[2], NULL, 16), seed = strtoull(arguments[3], NULL, 16);

    mlock(&memory, sizeof(memory));
    uint64_t own = door_pattern_page(0, control), target = door_pattern_page(1, 0);
    int status = copy(DOMID_SELF, own, target);
    report_control(!status && page_has(1, control), "grant copy of a page of its own: status %d",
                   status);
    try_control();
    try_privileged(tenant);
    try_page(tenant, 0x1000, target, seed);
    for (int i = 4; i < count; i++) {
        uint64_t frame = strtoull(arguments[i], NULL, 0);

        try_page(tenant, frame, target, seed);
        status = copy(DOMID_SELF, frame, target);
        report_try(status && !page_has(1, seed), "grant copy of a sealed frame's number: status %d",
                   status);
        report_errno2(add_own(DOMID_SELF, frame), EINVAL, EACCES,
                      "add_to_physmap of a sealed frame's number");
    }
    door_pattern_page(0, 0);
    door_pattern_page(1, 0);
    return report_end();
}
