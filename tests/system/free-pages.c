/* SPDX-License-Identifier: MIT */
/*
 * Prints Xen's free memory in pages; `xl info` knows only MiB. Through libxencall, which fits every Xen:
 * libxenctrl is one for each.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xencall.h>

/* The public headers' way of saying: for Xen's own tools. */
#define __XEN_TOOLS__ 1
#include <xen/sysctl.h>

int main(void)
{
    xencall_handle *xen = xencall_open(NULL, 0);
    struct xen_sysctl *op = xen ? xencall_alloc_buffer(xen, sizeof(*op)) : NULL;

    if (!op) {
        perror("free-pages");
        return 1;
    }
    memset(op, 0, sizeof(*op));
    op->cmd = XEN_SYSCTL_physinfo;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    if (xencall1(xen, __HYPERVISOR_sysctl, (uintptr_t)op)) {
        perror("free-pages");
        return 1;
    }
    printf("%" PRIu64 "\n", (uint64_t)op->u.physinfo.free_pages);
    xencall_free_buffer(xen, op);
    xencall_close(xen);
    return 0;
}
