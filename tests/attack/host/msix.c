/* SPDX-License-Identifier: MIT */
/*
 * Xen writes where dom0 says: the MSI-X table of a device, which Xen maps and masks, stands where a BAR says that dom0
 * has moved, or where PHYSDEVOP_map_pirq says. The device is a virtio-rng that nobody uses (PCI 3.0, 6.8.2).
 * msix try|do [NAME...] -- [FRAME of a sealed page...]
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <xenforeignmemory.h>

#include "door_client.h"
#include "machine.h"
#include "monitor.h"
#include "pci.h"
#include "report.h"
#include "ways.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/physdev.h>

#define VIRTIO 0x1af4
#define VIRTIO_RNG 0x1044
#define CAPABILITIES 0x34
#define CAPABILITY_MSIX 0x11
#define VECTOR_CONTROL 12

static char device[16];
static unsigned int bar_at, capability;

static unsigned int capability_at(unsigned int id)
{
    unsigned int at = pci_read(device, CAPABILITIES, 1);

    for (unsigned int i = 0; i < 48 && at >= 0x40 && pci_read(device, at, 1) != id; i++) {
        at = pci_read(device, at + 1, 1);
    }
    return at < 0x40 ? 0 : at;
}

static unsigned int device_number(void)
{
    unsigned int domain, bus, slot, function;

    sscanf(device, "%x:%x:%x.%x", &domain, &bus, &slot, &function);
    return bus << 8 | slot << 3 | function;
}

/* Has Xen map and mask the first entry of the table, with the BAR and the table's base at these addresses. */
static long map_interrupt(uint32_t bar, uint64_t base)
{
    uint32_t before = pci_read(device, bar_at, 4);
    struct physdev_map_pirq map = {.domid = DOMID_SELF,
                                   .type = MAP_PIRQ_TYPE_MSI,
                                   .index = -1,
                                   .pirq = -1,
                                   .bus = device_number() >> 8,
                                   .devfn = device_number() & 0xff,
                                   .table_base = base};

    pci_write(device, bar_at, 4, bar);
    long outcome = physdev_op(PHYSDEVOP_map_pirq, &map, sizeof(map));
    if (!outcome) {
        struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF, .pirq = map.pirq};
        physdev_op(PHYSDEVOP_unmap_pirq, &unmap, sizeof(unmap));
    }
    pci_write(device, bar_at, 4, before);
    return outcome;
}

/* A page of dom0's for the table: Xen's mask tells that it was here. */
static bool own_page(bool by_bar)
{
    static struct door_page page;

    page = (struct door_page){.slot = 0, .write = 1};
    door_must(DOOR_PAGE, &page);
    uint64_t place = page.frame << 12;
    long outcome = map_interrupt(by_bar ? place : 0, place);
    page.write = 0;
    door_must(DOOR_PAGE, &page);
    way_says("%s, the page's vector control: %u", outcome ? errno_name(outcome) : "mapped",
             page.data[VECTOR_CONTROL]);
    return page.data[VECTOR_CONTROL];
}

static bool by_bar(void)
{
    return own_page(true);
}

static bool by_table_base(void)
{
    return own_page(false);
}

/* Xen's table of frames, where the entries of the first two frames are those of no domain. */
static bool in_xen(void)
{
    xenforeignmemory_handle *memory = xenforeignmemory_open(NULL, 0);
    xen_pfn_t *frames = hyper_memory(sizeof(*frames));
    struct xen_machphys_mfn_list list = {.max_extents = 1};
    int error = 0;

    set_xen_guest_handle_raw(list.extent_start, frames);
    if (memory_op(XENMEM_machphys_mfn_list, &list, sizeof(list)) || !memory) {
        way_says("no table of Xen's");
        return false;
    }
    xen_pfn_t frame = frames[0];
    const volatile uint64_t *table =
        xenforeignmemory_map(memory, DOMID_XEN, PROT_READ, 1, &frame, &error);
    if (!table || error) {
        way_says("Xen's table cannot be seen: %s", errno_name(error));
        return false;
    }
    uint64_t before = table[1];
    long outcome = map_interrupt(frame << 12, frame << 12);
    way_says("%s, Xen's table at frame %#lx: %#lx, then %#lx",
             outcome ? errno_name(outcome) : "mapped", (unsigned long)frame, before, table[1]);
    return table[1] != before;
}

/*
 * Whether it was written the suite sees, which knows what was there. By a BAR that does not move an interrupt is mapped
 * where the BAR is, as it should be.
 */
static bool in_sealed(void)
{
    uint64_t frames[4];
    unsigned int count = ways_frames(frames, 4);
    bool done = false;

    for (unsigned int i = 0; i < count; i++) {
        long by_bar = map_interrupt(frames[i] << 12, frames[i] << 12);
        long by_base = map_interrupt(0, frames[i] << 12);
        done = done || !by_base;
        way_says("%u sealed frames: by the BAR %s, by the table's base %s", count,
                 errno_name(by_bar), errno_name(by_base));
    }
    return done;
}

/* Only the ranges are taken then: an own page is made read-only for dom0, and would be for whoever has it next. */
static bool prepared(void)
{
    uint32_t before = pci_read(device, bar_at, 4);
    struct physdev_pci_device op = {.bus = device_number() >> 8, .devfn = device_number() & 0xff};

    pci_write(device, bar_at, 4, door_pattern_page(1, 0) << 12);
    long outcome = physdev_op(PHYSDEVOP_prepare_msix, &op, sizeof(op));
    if (!outcome) {
        physdev_op(PHYSDEVOP_release_msix, &op, sizeof(op));
    }
    pci_write(device, bar_at, 4, before);
    return way_outcome(outcome);
}

static bool need_interrupt(void)
{
    return way_outcome(
        map_interrupt(pci_read(device, bar_at, 4), pci_read(device, bar_at, 4) & ~15u));
}

static const struct way ways[] = {
    {"msix-bar", by_bar, false},       {"msix-table-base", by_table_base, false},
    {"msix-prepare", prepared, false}, {"msix-xen", in_xen, false},
    {"msix-sealed", in_sealed, false}, {0},
};

static const struct need needs[] = {{"an interrupt of the device", need_interrupt}, {0}};

int main(int count, char **arguments)
{
    if (!pci_find(VIRTIO, VIRTIO_RNG, 0, device) || !pci_free(device) ||
        !(capability = capability_at(CAPABILITY_MSIX))) {
        report_cannot("no device with MSI-X that nobody uses");
    }
    bar_at = 0x10 + 4 * (pci_read(device, capability + 4, 4) & 7);
    return ways_main(count, arguments, ways, needs);
}
