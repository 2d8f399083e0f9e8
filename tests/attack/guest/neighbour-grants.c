/* SPDX-License-Identifier: MIT */
/*
 * Another guest maps the tenant's grants by guessing references:
 *   neighbour-grants TENANT FIRST COUNT CONTROL-REF
 * CONTROL-REF: what the tenant did grant to us.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "report.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/gntdev.h>

static int gntdev;

/* 0, or a negative errno. */
static long map_reference(uint32_t domain, uint32_t reference)
{
    struct ioctl_gntdev_map_grant_ref map = {.count = 1, .refs = {{domain, reference}}};

    if (ioctl(gntdev, IOCTL_GNTDEV_MAP_GRANT_REF, &map)) {
        return -errno;
    }
    void *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, gntdev, map.index);
    long rc = page == MAP_FAILED ? -errno : 0;
    struct ioctl_gntdev_unmap_grant_ref unmap = {.index = map.index, .count = 1};
    if (page != MAP_FAILED) {
        munmap(page, 4096);
    }
    ioctl(gntdev, IOCTL_GNTDEV_UNMAP_GRANT_REF, &unmap);
    return rc;
}

int main(int count, char **arguments)
{
    if (count < 5) {
        return 2;
    }
    uint32_t tenant = strtoul(arguments[1], NULL, 0), first = strtoul(arguments[2], NULL, 0);
    uint32_t references = strtoul(arguments[3], NULL, 0), control = strtoul(arguments[4], NULL, 0);
    unsigned int mapped = 0;
    long error = 0;

    gntdev = open("/dev/xen/gntdev", O_RDWR);
    if (gntdev < 0) {
        report_cannot("/dev/xen/gntdev: %s", errno_name(errno));
    }
    long rc = map_reference(tenant, control);
    report_control(!rc, "the page that the tenant did grant to us: %s", errno_name(rc));
    for (uint32_t reference = first; reference < first + references; reference++) {
        if (reference != control) {
            rc = map_reference(tenant, reference);
            mapped += !rc;
            error = rc ? rc : error;
        }
    }
    report_try(!mapped, "%u of %u guessed references could be mapped: -%s", mapped, references,
               errno_name(error));
    return report_end();
}
