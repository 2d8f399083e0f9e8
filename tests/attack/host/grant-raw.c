/* SPDX-License-Identifier: MIT */
/*
 * dom0 reaches for a sealed frame through grants: copies from it and to it by frame number, and makes a
 * grant of its own that names it: grant-raw CONTROL-SEED SEED FRAME...
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "door_client.h"
#include "machine.h"
#include "monitor.h"
#include "pattern.h"
#include "report.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/gntdev.h>

#define SPARE_REFERENCE 480

static gnttab_copy_t *copy;

static int copy_frames(gnttab_copy_t what)
{
    *copy = what;
    long rc = hypercall4(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (uintptr_t)copy, 1, 0);
    return rc ? (int)rc : copy->status;
}

static int copy_from(uint64_t frame, uint64_t to)
{
    return copy_frames((gnttab_copy_t){.source = {.u.gmfn = frame, .domid = DOMID_SELF},
                                       .dest = {.u.gmfn = to, .domid = DOMID_SELF},
                                       .len = 4096});
}

static bool page_has(unsigned int slot, uint64_t seed)
{
    static struct door_page page;

    page = (struct door_page){.slot = slot};
    door_must(DOOR_PAGE, &page);
    return pattern_in_page((pattern_t *)page.data, seed, pattern_word(seed, 0));
}

static void grant_set(uint16_t flags, uint32_t frame)
{
    struct door_grant grant = {
        .reference = SPARE_REFERENCE, .write = 1, .flags = flags, .frame = frame};

    door_must(DOOR_GRANT, &grant);
}

/* Maps the spare reference as /dev/xen/gntdev does for a backend. */
static long map_own_grant(void)
{
    struct ioctl_gntdev_map_grant_ref map = {.count = 1};
    int device = open("/dev/xen/gntdev", O_RDWR);
    long rc = 0;

    map.refs[0].domid = 0;
    map.refs[0].ref = SPARE_REFERENCE;
    if (device < 0 || ioctl(device, IOCTL_GNTDEV_MAP_GRANT_REF, &map)) {
        report_cannot("gntdev: %s", strerror(errno));
    }
    void *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, device, map.index);
    if (page == MAP_FAILED) {
        rc = -errno;
    } else {
        munmap(page, 4096);
    }
    close(device);
    return rc;
}

int main(int count, char **arguments)
{
    uint64_t frames[64];

    if (count < 4) {
        return 2;
    }
    uint64_t control = strtoull(arguments[1], NULL, 16), seed = strtoull(arguments[2], NULL, 16);
    unsigned int named = frame_arguments(count, arguments, 3, frames, 64);
    uint64_t own = door_pattern_page(0, control), target = door_pattern_page(1, 0);

    copy = hyper_memory(4096);
    int status = copy_from(own, target);
    report_control(!status && page_has(1, control), "a copy of an own frame by number: status %d",
                   status);
    grant_set(GTF_permit_access, own);
    long mapped = map_own_grant();
    report_control(!mapped, "an own frame through an own grant: %s", errno_name(mapped));
    door_pattern_page(1, 0);
    for (unsigned int i = 0; i < named; i++) {
        status = copy_from(frames[i], target);
        report_try(status && !page_has(1, seed), "grant copy from a sealed frame: status %d",
                   status);
        status = copy_from(own, frames[i]);
        report_try(status, "grant copy into a sealed frame: status %d", status);
        grant_set(GTF_permit_access, frames[i]);
        mapped = map_own_grant();
        report_try(mapped, "a grant that names a sealed frame, mapped: -%s", errno_name(mapped));
        status =
            copy_frames((gnttab_copy_t){.source = {.u.ref = SPARE_REFERENCE, .domid = DOMID_SELF},
                                        .dest = {.u.gmfn = target, .domid = DOMID_SELF},
                                        .len = 4096,
                                        .flags = GNTCOPY_source_gref});
        report_try(status && !page_has(1, seed),
                   "a grant that names a sealed frame, copied: status %d", status);
    }
    grant_set(0, 0);
    door_pattern_page(0, 0);
    return report_end();
}
