/* SPDX-License-Identifier: MIT */
/*
 * QEMU's fw_cfg device has a DMA engine that no IOMMU sees (docs/specs/fw_cfg.txt of QEMU): dom0 has it write into
 * memory that is not dom0's. fw-cfg try|do [NAME...] -- [FRAME of a sealed page...]
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <time.h>

#include <xenforeignmemory.h>

#include "door_client.h"
#include "machine.h"
#include "monitor.h"
#include "report.h"
#include "ways.h"
#include "xen_interface.h"

#define FW_CFG_SELECTOR 0x510
#define FW_CFG_DATA 0x511
#define FW_CFG_DMA 0x514   /* the high half; the low one starts it */
#define FW_CFG_SIGNATURE 0 /* "QEMU" */
#define CONTROL_READ 2
#define CONTROL_SELECT 8

struct transfer {
    uint32_t control, length;
    uint64_t address;
} __attribute__((packed));

/* Has the device write "QEMU" to a machine address. The order lies in a page of dom0's, slot 0. */
static bool device_writes(uint64_t address)
{
    static struct door_page page;
    const struct timespec pause = {.tv_nsec = 20000000};
    struct transfer order = {htobe32(CONTROL_READ | CONTROL_SELECT | FW_CFG_SIGNATURE << 16),
                             htobe32(4), htobe64(address)};

    page = (struct door_page){.write = 1};
    memcpy(page.data, &order, sizeof(order));
    door_must(DOOR_PAGE, &page);
    uint64_t place = page.frame << 12;
    outl(htobe32(place >> 32), FW_CFG_DMA);
    outl(htobe32(place), FW_CFG_DMA + 4);
    nanosleep(&pause, NULL);
    page.write = 0;
    door_must(DOOR_PAGE, &page);
    memcpy(&order, page.data, sizeof(order));
    return !order.control;
}

static bool writes_own(void)
{
    static struct door_page page;

    page = (struct door_page){.slot = 1, .write = 1};
    door_must(DOOR_PAGE, &page);
    bool done = device_writes(page.frame << 12);
    page.write = 0;
    door_must(DOOR_PAGE, &page);
    way_says("a page of dom0's: %.4s", (const char *)page.data);
    return done && !memcmp(page.data, "QEMU", 4);
}

/*
 * Xen's table of what each frame is in its domain, which dom0 may read: the entry of the frame 0xa0, where VGA's
 * memory is and no domain's.
 */
static bool writes_xen(void)
{
    xen_pfn_t *frames = hyper_memory(sizeof(*frames));
    xenforeignmemory_handle *memory = xenforeignmemory_open(NULL, 0);
    struct xen_machphys_mfn_list list = {.max_extents = 1};
    int error = 0;

    set_xen_guest_handle_raw(list.extent_start, frames);
    long rc = memory_op(XENMEM_machphys_mfn_list, &list, sizeof(list));
    if (rc || !list.nr_extents || !memory) {
        way_says("no table of Xen's: %s", errno_name(rc));
        return false;
    }
    xen_pfn_t frame = frames[0];
    const uint64_t *table = xenforeignmemory_map(memory, DOMID_XEN, PROT_READ, 1, &frame, &error);
    if (!table || error) {
        way_says("Xen's table cannot be seen: %s", errno_name(error));
        return false;
    }
    uint64_t before = table[0xa0];
    device_writes((frame << 12) + 0xa0 * sizeof(*table));
    uint64_t got = *(const volatile uint64_t *)(table + 0xa0);
    way_says("Xen's table at frame %#lx: %#lx, then %#lx", (unsigned long)frame, before, got);
    return !memcmp(&got, "QEMU", 4);
}

/* Whether it was written the suite sees, which knows what was there. */
static bool writes_sealed(void)
{
    uint64_t frames[4];
    unsigned int count = ways_frames(frames, 4);
    bool done = false;

    for (unsigned int i = 0; i < count; i++) {
        done = device_writes(frames[i] << 12) || done;
    }
    way_says("%u sealed frames: the device %s", count,
             done ? "says that it has written" : "did nothing");
    return done;
}

static bool reads_item(void)
{
    unsigned char found[4];

    outw(FW_CFG_SIGNATURE, FW_CFG_SELECTOR);
    for (unsigned int i = 0; i < 4; i++) {
        found[i] = inb(FW_CFG_DATA);
    }
    way_says("item 0: %02x %02x %02x %02x", found[0], found[1], found[2], found[3]);
    return !memcmp(found, "QEMU", 4);
}

static bool need_door(void)
{
    way_says("frame %#lx", (unsigned long)door_pattern_page(2, 1));
    return true;
}

static const struct way ways[] = {
    {"fw-cfg-item", reads_item, false},
    {"fw-cfg-own", writes_own, false},
    {"fw-cfg-xen", writes_xen, false},
    {"fw-cfg-sealed", writes_sealed, false},
    {0},
};

static const struct need needs[] = {{"a page of dom0's kernel", need_door}, {0}};

int main(int count, char **arguments)
{
    if (iopl(3)) {
        report_cannot("iopl: %s", strerror(errno));
    }
    return ways_main(count, arguments, ways, needs);
}
