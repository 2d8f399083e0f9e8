/* SPDX-License-Identifier: MIT */
/*
 * The tenant's kernel looks for the secret in all of its physical address space:
 *   kernel-scan SEED CONTROL-SEED MACHINE-FRAMES STEP
 * Every page of memory; of the rest, up to the number of frames that the machine has, every STEP-th page,
 * and all pages where the enclave's view has something. CONTROL-SEED: of a page of its own.
 */
#include <stdio.h>
#include <stdlib.h>

#include <cloister/image.h>

#include "door_client.h"
#include "report.h"
#include "victim.h"

static struct door_scan scan(uint64_t seed, uint64_t first, uint64_t count, uint64_t step)
{
    struct door_scan door = {.seed = seed, .first = first, .count = count, .step = step};

    door_must(DOOR_SCAN, &door);
    return door;
}

int main(int count, char **arguments)
{
    if (count < 5) {
        return 2;
    }
    uint64_t seed = strtoull(arguments[1], NULL, 16), control = strtoull(arguments[2], NULL, 16);
    uint64_t frames = strtoull(arguments[3], NULL, 0), step = strtoull(arguments[4], NULL, 0);
    uint64_t own = door_pattern_page(0, control);

    struct door_scan found = scan(control, own - own % 512, 512, 0);
    report_control(found.found == 1 && found.at == own,
                   "the pattern in a page of its own: frame %#llx", (unsigned long long)found.at);
    struct door_scan all = scan(seed, 0, frames, step);
    report_try(!all.found && all.memory > 1000,
               "secret in %llu of %llu pages of memory and %llu other pages",
               (unsigned long long)all.found, (unsigned long long)all.memory,
               (unsigned long long)all.other);
    struct door_scan window = scan(seed, CLOISTER_SHARED_GPFN - 8, VICTIM_SHARED_PAGES + 16, 1);
    report_try(!window.found, "secret in %llu of %llu pages around the view's shared window",
               (unsigned long long)window.found, (unsigned long long)window.other);
    struct door_scan low = scan(seed, 0, 64, 1);
    report_try(!low.found, "secret in %llu of %llu pages where the view has the enclave's",
               (unsigned long long)low.found, (unsigned long long)(low.memory + low.other));
    door_pattern_page(0, 0);
    report_number("memory_pages", all.memory);
    report_number("other_pages", all.other + window.other);
    return report_end();
}
