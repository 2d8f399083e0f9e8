/* SPDX-License-Identifier: MIT */
/*
 * The tenant's kernel takes the shared window's pages out of its physical address space while the enclave
 * uses them: kernel-window H0 H1 FRAME. The frame of the window's last page as the guest knows it.
 *
 * All that may happen is that the guest loses its own view of the page: the enclave keeps the frame, which
 * belongs to nobody else until the enclave has ended.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "call.h"
#include "door_client.h"
#include "report.h"
#include "xen_interface.h"

#define LAST_PAGE ((VICTIM_SHARED_PAGES - 1) * CLOISTER_PAGE_SIZE)
#define MARK UINT64_C(0x5eedc0de)

static struct {
    xen_pfn_t frame;
    union {
        struct xen_memory_reservation reservation;
        struct xen_add_to_physmap add;
        struct xen_remove_from_physmap remove;
    };
} * memory;

static long memory_op(unsigned int command, void *argument)
{
    return kernel_hypercall(__HYPERVISOR_memory_op, command, (uintptr_t)argument, 0, 0, 0);
}

static long reservation(unsigned int command, xen_pfn_t frame)
{
    memory->frame = frame;
    memset(&memory->reservation, 0, sizeof(memory->reservation));
    memory->reservation.nr_extents = 1;
    memory->reservation.domid = DOMID_SELF;
    set_xen_guest_handle(memory->reservation.extent_start, &memory->frame);
    return memory_op(command, &memory->reservation);
}

/* The enclave reads and writes the page as before. */
static bool enclave_has_page(struct handle handle, uint64_t expected)
{
    uint64_t value[2];

    return !victim_call(handle, 0, VICTIM_PEEK, LAST_PAGE, value) && value[0] == expected &&
           !victim_call(handle, 0, VICTIM_POKE, LAST_PAGE, value) &&
           !victim_call(handle, 0, VICTIM_PEEK, LAST_PAGE, value) && value[0] == MARK;
}

int main(int count, char **arguments)
{
    if (count < 4) {
        return 2;
    }
    struct handle handle = handle_of(arguments + 1);
    xen_pfn_t frame = strtoull(arguments[3], NULL, 16);
    xen_pfn_t own = door_pattern_page(0, 0), moved = door_pattern_page(1, 0);
    uint64_t value[2];

    memory =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
    if (memory == MAP_FAILED) {
        report_cannot("no memory");
    }
    memset(memory, 0, 4096);
    report_control(reservation(XENMEM_decrease_reservation, own) == 1 &&
                       reservation(XENMEM_populate_physmap, own) == 1,
                   "an ordinary page can be given back and taken again");
    report_control(!victim_call(handle, 0, VICTIM_POKE, LAST_PAGE, value),
                   "the enclave uses the page");

    /* Its place is taken: the page moves to another place of the physical address space ... */
    long back = reservation(XENMEM_decrease_reservation, moved);
    memset(&memory->add, 0, sizeof(memory->add));
    memory->add = (struct xen_add_to_physmap){
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn, .idx = frame, .gpfn = moved};
    long rc = memory_op(XENMEM_add_to_physmap, &memory->add);
    report_try(enclave_has_page(handle, MARK),
               "the page moved to another place (%ld, %ld): the enclave keeps it", back, rc);
    /* ... and back ... */
    memory->add = (struct xen_add_to_physmap){
        .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn, .idx = moved, .gpfn = frame};
    rc = memory_op(XENMEM_add_to_physmap, &memory->add);
    report_try(enclave_has_page(handle, MARK), "and back (%ld): the enclave keeps it", rc);
    reservation(XENMEM_populate_physmap, moved);

    /* ... it is taken out ... */
    memory->remove = (struct xen_remove_from_physmap){.domid = DOMID_SELF, .gpfn = frame};
    rc = memory_op(XENMEM_remove_from_physmap, &memory->remove);
    report_try(enclave_has_page(handle, MARK), "remove_from_physmap (%ld): the enclave keeps it",
               rc);
    long again = reservation(XENMEM_populate_physmap, frame);

    /* ... and a page that took its place is given back to Xen. */
    rc = reservation(XENMEM_decrease_reservation, frame);
    report_try(enclave_has_page(handle, MARK),
               "decrease_reservation (%ld, %ld): the enclave keeps it", again, rc);
    if (reservation(XENMEM_populate_physmap, frame) != 1) {
        report_try(false, "the guest's page cannot be put back");
    }
    return report_end();
}
