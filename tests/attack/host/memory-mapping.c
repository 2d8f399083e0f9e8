/* SPDX-License-Identifier: MIT */
/*
 * dom0 gives memory as device memory to a helper guest (XEN_DOMCTL_iomem_permission, then
 * XEN_DOMCTL_memory_mapping): memory-mapping HELPER [FRAME...]
 * Sealed FRAMEs first; then all of the machine's memory in parts of 2 MiB, but for the first MiB, which
 * Xen counts as I/O memory (trampoline.c). The control is a device's.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "report.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/domctl.h>

#define LOW_FRAMES 0x100
#define PLACE 0x200000 /* 8 GiB: beyond the helper's memory */

static long give(uint32_t domain, uint64_t frame, uint64_t count, uint32_t add)
{
    struct xen_domctl op;

    memset(&op, 0, sizeof(op));
    op.cmd = XEN_DOMCTL_iomem_permission;
    op.domain = domain;
    op.u.iomem_permission.first_mfn = frame;
    op.u.iomem_permission.nr_mfns = count;
    op.u.iomem_permission.allow_access = 1;
    long rc = domctl(&op);
    if (rc) {
        return rc;
    }
    memset(&op, 0, sizeof(op));
    op.cmd = XEN_DOMCTL_memory_mapping;
    op.domain = domain;
    op.u.memory_mapping.first_gfn = PLACE;
    op.u.memory_mapping.first_mfn = frame;
    op.u.memory_mapping.nr_mfns = count;
    op.u.memory_mapping.add_mapping = add;
    return domctl(&op);
}

int main(int count, char **arguments)
{
    unsigned long tries = 0, refused = 0;
    struct range ranges[64];
    uint64_t frames[64];

    if (count < 2) {
        return 2;
    }
    uint32_t helper = strtoul(arguments[1], NULL, 0);
    unsigned int named = frame_arguments(count, arguments, 2, frames, 64);
    unsigned int parts = machine_memory(ranges, 64);
    uint64_t device = device_frame();

    if (!device) {
        report_cannot("no device with memory");
    }
    report_control(!give(helper, device, 1, DPCI_ADD_MAPPING), "a device's memory, frame %#" PRIx64,
                   device);
    report_control(!give(helper, device, 1, DPCI_REMOVE_MAPPING), "and removed again");
    for (unsigned int i = 0; i < named; i++) {
        report_errno(give(helper, frames[i], 1, DPCI_ADD_MAPPING), EPERM, "a sealed frame");
        report_errno(give(helper, frames[i] & ~UINT64_C(511), 512, DPCI_ADD_MAPPING), EPERM,
                     "2 MiB around a sealed frame");
    }
    for (unsigned int i = 0; i < parts; i++) {
        for (uint64_t done = 0; done < ranges[i].count && ranges[i].first >= LOW_FRAMES;
             done += 512) {
            uint64_t left = ranges[i].count - done;
            tries++;
            refused += give(helper, ranges[i].first + done, left < 512 ? left : 512,
                            DPCI_ADD_MAPPING) == -EPERM;
        }
    }
    report_try(tries && refused == tries, "all memory in parts of 2 MiB: %lu of %lu refused",
               refused, tries);
    return report_end();
}
