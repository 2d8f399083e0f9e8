/* SPDX-License-Identifier: MIT */
/*
 * Tells Xen, as dom0's kernel does, that PCI's configuration space at ADDRESS is reserved, so that
 * Xen may use it: mmcfg ADDRESS Prints 0, or the error's name.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/physdev.h>
#include <xencall.h>

int main(int count, char **arguments)
{
    xencall_handle *call = xencall_open(NULL, 0);
    struct physdev_pci_mmcfg_reserved *buffer =
        call ? xencall_alloc_buffer(call, sizeof(*buffer)) : NULL;

    if (count != 2 || !buffer) {
        fputs("usage: mmcfg ADDRESS\n", stderr);
        return 2;
    }
    *buffer = (struct physdev_pci_mmcfg_reserved){
        .address = strtoull(arguments[1], NULL, 0),
        .end_bus = 255,
        .flags = XEN_PCI_MMCFG_RESERVED,
    };
    puts(xencall2(call, __HYPERVISOR_physdev_op, PHYSDEVOP_pci_mmcfg_reserved, (uintptr_t)buffer) <
                 0
             ? strerrorname_np(errno)
             : "0");
    return 0;
}
