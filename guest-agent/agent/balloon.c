/* SPDX-License-Identifier: MIT */
#include "agent/balloon.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/say.h"
#include "agent/memory.h"

#define FOLDER "/sys/devices/system/xen_memory/xen_memory0/"

static int read_kb(const char *path, uint64_t *value)
{
    FILE *file = fopen(path, "re");
    int found;

    if (!file)
        return -ENODEV;
    found = fscanf(file, "%" SCNu64, value);
    fclose(file);
    return found == 1 ? 0 : -ENODEV;
}

static int write_target(uint64_t kb)
{
    FILE *file = fopen(FOLDER "target_kb", "we");
    int error = 0;

    if (!file)
        return -ENODEV;
    if (fprintf(file, "%" PRIu64, kb) < 0)
        error = -EIO;
    if (fclose(file))
        error = -EIO;
    return error;
}

int balloon_shrink(uint64_t kb, uint64_t keep)
{
    uint64_t target;
    int error = read_kb(FOLDER "target_kb", &target);

    if (error)
        return error;
    if (kb >= target || memory_available() < kb * 1024 + keep)
        return -ENOMEM;
    say_debug("balloon: %" PRIu64 " KiB less", kb);
    return write_target(target - kb);
}

void balloon_grow(uint64_t kb)
{
    uint64_t target;

    if (!kb)
        return;
    if (read_kb(FOLDER "target_kb", &target) || write_target(target + kb))
        say_warning("cannot take back %" PRIu64 " KiB from the host", kb);
    else
        say_debug("balloon: %" PRIu64 " KiB more", kb);
}

bool balloon_settled(void)
{
    uint64_t target, current;

    return read_kb(FOLDER "target_kb", &target) || read_kb(FOLDER "info/current_kb", &current) ||
           current <= target;
}
