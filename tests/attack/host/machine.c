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
#include <xen/domctl.h>
#include <xen/sysctl.h>

#define PAGE_SHIFT 12
#define E820_TYPE_MEMORY 1
#define RESOURCE_MEMORY 0x200 /* IORESOURCE_MEM, linux/ioport.h */

xc_interface *xen_tools(void)
{
    static xc_interface *tools;

    if (!tools && !(tools = xc_interface_open(NULL, NULL, 0))) {
        report_cannot("libxenctrl: %s", strerror(errno));
    }
    return tools;
}

uint64_t machine_limit(void)
{
    unsigned long highest;

    if (xc_maximum_ram_page(xen_tools(), &highest) < 0) {
        report_cannot("the machine's highest page: %s", strerror(errno));
    }
    return highest + 1;
}

unsigned int machine_memory(struct range *ranges, unsigned int capacity)
{
    struct e820entry entries[128];
    int count = xc_get_machine_memory_map(xen_tools(), entries, 128);
    unsigned int found = 0;

    if (count < 0) {
        report_cannot("the machine's memory map: %s", strerror(errno));
    }
    for (int i = 0; i < count && found < capacity; i++) {
        uint64_t first = (entries[i].addr + 4095) >> PAGE_SHIFT;
        uint64_t end = (entries[i].addr + entries[i].size) >> PAGE_SHIFT;
        if (entries[i].type == E820_TYPE_MEMORY && first < end) {
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

/* Through a buffer that hypercalls reach. */
static long privileged(unsigned int number, void *op, size_t size)
{
    static uint8_t *buffer;

    buffer = buffer ? buffer : hyper_memory(CLOISTER_PAGE_SIZE);
    memcpy(buffer, op, size);
    long outcome = hypercall2(number, (uintptr_t)buffer, 0);
    memcpy(op, buffer, size);
    return outcome;
}

long domctl(struct xen_domctl *op)
{
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return privileged(__HYPERVISOR_domctl, op, sizeof(*op));
}

long sysctl(struct xen_sysctl *op)
{
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return privileged(__HYPERVISOR_sysctl, op, sizeof(*op));
}

long tool_result(long outcome)
{
    return outcome == -1 ? -errno : outcome;
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
        if (file && fscanf(file, "%lx %lx %lx", &start, &end, &flags) == 3 && flags & RESOURCE_MEMORY) {
            frame = start >> PAGE_SHIFT;
        }
        if (file) {
            fclose(file);
        }
    }
    globfree(&found);
    return frame;
}
