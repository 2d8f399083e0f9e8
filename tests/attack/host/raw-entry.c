/* SPDX-License-Identifier: MIT */
/*
 * dom0's kernel writes page-table entries with raw machine frame numbers (mmu_update, also with
 * MMU_PT_UPDATE_NO_TRANSLATE): raw-entry TENANT SEED CONTROL-SEED [FRAME...]
 * Over all of the machine's memory as the tenant's; sealed FRAMEs also as anybody else's. The control is
 * the pattern of CONTROL-SEED in an ordinary page of the tenant, which the suite has put there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "door_client.h"
#include "machine.h"
#include "report.h"
#include "xen_interface.h"

#define NORMAL 0
#define PRESERVE_AD 2
#define NO_TRANSLATE 3

static void try_frame(uint64_t frame, uint32_t domain, uint32_t command, const char *what)
{
    struct door_entry door = {.frame = frame, .domain = domain, .command = command};

    door_must(DOOR_ENTRY, &door);
    report_errno2(door.result, EBUSY, EINVAL, what);
}

static struct door_entries search(uint32_t domain, uint32_t command, uint64_t seed)
{
    struct door_entries all = {.seed = seed};
    struct range ranges[64];
    unsigned int parts = machine_memory(ranges, 64);

    for (unsigned int i = 0; i < parts; i++) {
        struct door_entries door = {.seed = seed,
                                    .first = ranges[i].first,
                                    .count = ranges[i].count,
                                    .domain = domain,
                                    .command = command};
        door_must(DOOR_ENTRIES, &door);
        all.mapped += door.mapped;
        all.refused += door.refused;
        all.found += door.found;
        all.at = door.found ? door.at : all.at;
    }
    return all;
}

int main(int count, char **arguments)
{
    uint64_t frames[64];

    if (count < 4) {
        return 2;
    }
    uint32_t tenant = strtoul(arguments[1], NULL, 0);
    uint64_t seed = strtoull(arguments[2], NULL, 16), control = strtoull(arguments[3], NULL, 16);
    unsigned int named = frame_arguments(count, arguments, 4, frames, 64);

    for (unsigned int i = 0; i < named; i++) {
        try_frame(frames[i], tenant, NO_TRANSLATE, "a sealed frame, untranslated, as the tenant's");
        try_frame(frames[i], tenant, NORMAL, "a sealed frame as the tenant's page number");
        try_frame(frames[i], DOMID_SELF, NORMAL, "a sealed frame as dom0's");
        try_frame(frames[i], DOMID_SELF, PRESERVE_AD, "a sealed frame as dom0's, PRESERVE_AD");
        try_frame(frames[i], DOMID_XEN, NORMAL, "a sealed frame as Xen's");
        try_frame(frames[i], DOMID_XEN, NO_TRANSLATE, "a sealed frame, untranslated, as Xen's");
        try_frame(frames[i], DOMID_IO, NORMAL, "a sealed frame as the I/O domain's");
    }
    struct door_entries seen = search(tenant, NO_TRANSLATE, control);
    report_control(seen.found == 1, "the pattern in an ordinary frame of the tenant: %#llx",
                   (unsigned long long)seen.at);
    seen = search(tenant, NO_TRANSLATE, seed);
    report_try(!seen.found && seen.mapped > 1000,
               "the secret in %llu of %llu frames that can be mapped as the tenant's, %llu refused",
               (unsigned long long)seen.found, (unsigned long long)seen.mapped,
               (unsigned long long)seen.refused);
    report_number("frames_tried", seen.mapped + seen.refused);
    return report_end();
}
