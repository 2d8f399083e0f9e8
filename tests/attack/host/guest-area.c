/* SPDX-License-Identifier: MIT */
/*
 * dom0 has Xen write its vCPU's run state and time into a page that it names by number, and keep the page
 * mapped (VCPUOP_register_*_phys_area; Xen 4.17 has none): guest-area FRAME...
 * The control is a page of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "door_client.h"
#include "machine.h"
#include "monitor.h"
#include "report.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/vcpu.h>

static const struct {
    uint32_t number;
    const char *name;
} commands[] = {
    {VCPUOP_register_runstate_phys_area, "runstate_phys_area"},
    {VCPUOP_register_vcpu_time_phys_area, "vcpu_time_phys_area"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))
#define NOWHERE UINT64_MAX /* ends it */

static long write_to(uint32_t command, uint64_t address)
{
    static struct vcpu_register_runstate_memory_area *area; /* the time's looks the same */

    area = area ? area : hyper_memory(4096);
    area->addr.p = address;
    return hypercall4(__HYPERVISOR_vcpu_op, command, 0, (uintptr_t)area, 0);
}

static bool is_zero(unsigned int slot)
{
    static struct door_page page;

    page = (struct door_page){.slot = slot};
    door_must(DOOR_PAGE, &page);
    return !page.data[0] && !memcmp(page.data, page.data + 1, sizeof(page.data) - 1);
}

int main(int count, char **arguments)
{
    uint64_t frames[64];
    unsigned int named = frame_arguments(count, arguments, 1, frames, 64);

    for (unsigned int i = 0; i < COMMANDS; i++) {
        uint64_t own = door_pattern_page(0, 0);
        bool before = is_zero(0);
        long rc = write_to(commands[i].number, own * CLOISTER_PAGE_SIZE);
        bool written = before && !is_zero(0);
        long end = write_to(commands[i].number, NOWHERE);

        report_control(!rc && written && !end, "%s: %s, %s; ended: %s", commands[i].name,
                       errno_name(rc), written ? "an own page was written" : "nothing was written",
                       errno_name(end));
        for (unsigned int j = 0; j < named; j++) {
            rc = write_to(commands[i].number, frames[j] * CLOISTER_PAGE_SIZE);
            if (!report_errno(rc, EINVAL, commands[i].name)) {
                write_to(commands[i].number, NOWHERE);
            }
        }
    }
    door_pattern_page(0, 0);
    return report_end();
}
