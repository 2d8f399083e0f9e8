/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor.h"
#include "report.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/arch-x86/xen-mca.h>
#include <xen/domctl.h>
#include <xen/platform.h>
#include <xen/sysctl.h>

#define PAGE_SHIFT 12
#define E820_MEMORY 1
#define E820_ENTRIES 128
#define RESOURCE_MEMORY 0x200 /* IORESOURCE_MEM, linux/ioport.h */

/* As the BIOS gives it, and Xen. */
struct e820_entry {
    uint64_t start, size;
    uint32_t type;
} __attribute__((packed));

uint64_t machine_limit(void)
{
    long highest = hypercall2(__HYPERVISOR_memory_op, XENMEM_maximum_ram_page, 0);

    if (highest < 0) {
        report_cannot("the machine's highest page: %s", errno_name(highest));
    }
    return highest + 1;
}

unsigned int machine_memory(struct range *ranges, unsigned int capacity)
{
    struct e820_entry *entries = hyper_memory(E820_ENTRIES * sizeof(*entries));
    struct xen_memory_map map = {.nr_entries = E820_ENTRIES};
    unsigned int found = 0;

    set_xen_guest_handle_raw(map.buffer, entries);
    long rc = memory_op(XENMEM_machine_memory_map, &map, sizeof(map));
    if (rc) {
        report_cannot("the machine's memory map: %s", errno_name(rc));
    }
    for (unsigned int i = 0; i < map.nr_entries && found < capacity; i++) {
        uint64_t first = (entries[i].start + CLOISTER_PAGE_SIZE - 1) >> PAGE_SHIFT;
        uint64_t end = (entries[i].start + entries[i].size) >> PAGE_SHIFT;
        if (entries[i].type == E820_MEMORY && first < end) {
            ranges[found++] = (struct range){first, end - first};
        }
    }
    return found;
}

unsigned int frame_arguments(int count, char **arguments, int first, uint64_t *frames,
                             unsigned int capacity)
{
    unsigned int found = 0;

    for (int i = first; i < count && found < capacity; i++) {
        frames[found++] = strtoull(arguments[i], NULL, 0);
    }
    return found;
}

/* A copy that hypercalls reach, until the next one. */
static void *reachable(const void *op, size_t size)
{
    static void *buffer;

    buffer = buffer ? buffer : hyper_memory(CLOISTER_PAGE_SIZE);
    return memcpy(buffer, op, size);
}

long domctl(struct xen_domctl *op)
{
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    struct xen_domctl *copy = reachable(op, sizeof(*op));
    long outcome = hypercall2(__HYPERVISOR_domctl, (uintptr_t)copy, 0);
    *op = *copy;
    return outcome;
}

long sysctl(struct xen_sysctl *op)
{
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    struct xen_sysctl *copy = reachable(op, sizeof(*op));
    long outcome = hypercall2(__HYPERVISOR_sysctl, (uintptr_t)copy, 0);
    *op = *copy;
    return outcome;
}

static long with_command(unsigned int number, unsigned int command, void *op, size_t size)
{
    void *copy = reachable(op, size);
    long outcome = hypercall2(number, command, (uintptr_t)copy);

    memcpy(op, copy, size);
    return outcome;
}

long memory_op(unsigned int command, void *op, size_t size)
{
    return with_command(__HYPERVISOR_memory_op, command, op, size);
}

long hvm_op(unsigned int command, void *op, size_t size)
{
    return with_command(__HYPERVISOR_hvm_op, command, op, size);
}

long physdev_op(unsigned int command, void *op, size_t size)
{
    return with_command(__HYPERVISOR_physdev_op, command, op, size);
}

long platform_op(struct xen_platform_op *op)
{
    op->interface_version = XENPF_INTERFACE_VERSION;
    struct xen_platform_op *copy = reachable(op, sizeof(*op));
    long outcome = hypercall2(__HYPERVISOR_platform_op, (uintptr_t)copy, 0);
    *op = *copy;
    return outcome;
}

long machine_check_op(struct xen_mc *op)
{
    op->interface_version = XEN_MCA_INTERFACE_VERSION;
    struct xen_mc *copy = reachable(op, sizeof(*op));
    long outcome = hypercall2(__HYPERVISOR_mca, (uintptr_t)copy, 0);
    *op = *copy;
    return outcome;
}

static unsigned long number_in(const char *folder, const char *name)
{
    char path[160], text[32] = "";
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "r");
    if (!file || !fgets(text, sizeof(text), file)) {
        text[0] = 0;
    }
    if (file) {
        fclose(file);
    }
    return strtoul(text, NULL, 0);
}

uint64_t edu_frame(char path[64])
{
    uint64_t frame = 0;
    glob_t found;

    if (glob("/sys/bus/pci/devices/*", 0, NULL, &found)) {
        return 0;
    }
    for (size_t i = 0; i < found.gl_pathc && !frame; i++) {
        if (number_in(found.gl_pathv[i], "vendor") == 0x1234 &&
            number_in(found.gl_pathv[i], "device") == 0x11e8) {
            frame = number_in(found.gl_pathv[i], "resource") >> PAGE_SHIFT;
            snprintf(path, 64, "%s", found.gl_pathv[i]);
        }
    }
    globfree(&found);
    return frame;
}

uint64_t device_frame(void)
{
    uint64_t frame = 0;
    glob_t found;

    if (glob("/sys/bus/pci/devices/*/resource", 0, NULL, &found)) {
        return 0;
    }
    for (size_t i = 0; i < found.gl_pathc && !frame; i++) {
        FILE *file = fopen(found.gl_pathv[i], "r");
        unsigned long start, end, flags;
        if (file && fscanf(file, "%lx %lx %lx", &start, &end, &flags) == 3 &&
            flags & RESOURCE_MEMORY) {
            frame = start >> PAGE_SHIFT;
        }
        if (file) {
            fclose(file);
        }
    }
    globfree(&found);
    return frame;
}
