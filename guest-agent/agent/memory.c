/* SPDX-License-Identifier: MIT */
#include "agent/memory.h"

#include <inttypes.h>
#include <stdio.h>

uint64_t memory_available(void)
{
    uint64_t kb, available = UINT64_MAX;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "re");

    if (!file)
        return available;
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, "MemAvailable: %" SCNu64 " kB", &kb) == 1)
            available = kb * 1024;
    fclose(file);
    return available;
}
