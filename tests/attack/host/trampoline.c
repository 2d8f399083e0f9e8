/* SPDX-License-Identifier: MIT */
/*
 * dom0 looks for the code by which Xen starts a CPU, in the first MiB, which Xen counts as I/O memory: who
 * can write there runs beneath Xen as soon as a CPU is taken offline and back.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <xenforeignmemory.h>

#include "machine.h"
#include "report.h"
#include "xen_interface.h"

#define LOW_FRAMES 0x100
#define BIOS_FRAME 0xff

/* trampoline_realmode_entry (xen/arch/x86/boot/trampoline.S) begins so; two bytes are an address. */
static const uint8_t begin[] = {0x8c, 0xc8, 0x8e, 0xd8, 0xc6, 0x06}, end[] = {0xa5, 0xfc, 0xfa};

static bool has_trampoline(const uint8_t *page)
{
    for (unsigned int at = 0; at + sizeof(begin) + 2 + sizeof(end) <= 4096; at++) {
        if (!memcmp(page + at, begin, sizeof(begin)) &&
            !memcmp(page + at + sizeof(begin) + 2, end, sizeof(end))) {
            return true;
        }
    }
    return false;
}

int main(void)
{
    xenforeignmemory_handle *memory = xenforeignmemory_open(NULL, 0);
    unsigned int refused = 0, found = 0;
    struct range ranges[64];

    if (!memory || !machine_memory(ranges, 64)) {
        report_cannot("libxenforeignmemory: %s", strerror(errno));
    }
    for (xen_pfn_t frame = 0; frame < LOW_FRAMES; frame++) {
        int error = 0;
        uint8_t *page =
            xenforeignmemory_map(memory, DOMID_IO, PROT_READ | PROT_WRITE, 1, &frame, &error);
        if (!page || error) {
            refused += frame < ranges[0].count;
            continue;
        }
        found += has_trampoline(page);
        if (frame == BIOS_FRAME) {
            report_control(page[0xff0] == 0xea,
                           "the BIOS's first instruction, a far jump, in the same MiB");
        }
        xenforeignmemory_unmap(memory, page, 1);
    }
    report_try(!found && refused,
               "Xen's trampoline in %u frames that can be written; %u of RAM refused", found,
               refused);
    return report_end();
}
