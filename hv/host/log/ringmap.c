/* SPDX-License-Identifier: MIT */
#include "log/ringmap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xenforeignmemory.h>

#include "monitor/hypercall.h"
#include "log/logstate.h"

struct ringmap {
    xenforeignmemory_handle *memory;
    unsigned int cpus;
    struct ring *rings; /* header NULL: not mapped */
};

static int map_one(struct ringmap *map, const struct cloister_trace_ring *op, char *why,
                   size_t why_size)
{
    xen_pfn_t frames[CLOISTER_TRACE_RING_PAGES];

    for (unsigned int page = 0; page < CLOISTER_TRACE_RING_PAGES; page++)
        frames[page] = op->frames[page];
    void *memory = xenforeignmemory_map(map->memory, DOMID_XEN, PROT_READ,
                                        CLOISTER_TRACE_RING_PAGES, frames, NULL);
    if (!memory) {
        int rc = errno ? -errno : -EIO;

        snprintf(why, why_size, "Xen does not let the ring of CPU %u be mapped: %s", op->cpu,
                 strerror(-rc));
        return rc;
    }
    int rc = ring_open(&map->rings[op->cpu], memory,
                       CLOISTER_TRACE_RING_PAGES * (size_t)CLOISTER_PAGE_SIZE);
    if (rc) {
        snprintf(why, why_size,
                 "the ring of CPU %u is of a version that this program does not "
                 "know",
                 op->cpu);
        xenforeignmemory_unmap(map->memory, memory, CLOISTER_TRACE_RING_PAGES);
    }
    return rc;
}

static int map_all(struct ringmap *map, struct hypercalls *monitor, char *why, size_t why_size)
{
    struct cloister_trace_ring op = {.cpu = 0};
    int rc;

    for (uint32_t cpu = 0; cpu == 0 || cpu < map->cpus; cpu++) {
        op = (struct cloister_trace_ring){.cpu = cpu};
        rc = hypercall_trace_ring(monitor, &op);
        if (rc) {
            hypercall_describe(rc, &op.head, why, why_size);
            return rc;
        }
        if (cpu == 0) {
            if (!op.cpus || op.cpus > LOG_MAX_CPUS) {
                snprintf(why, why_size, "%u rings are more than this program can read", op.cpus);
                return -EPROTO;
            }
            map->cpus = op.cpus;
            map->rings = calloc(op.cpus, sizeof(*map->rings));
            if (!map->rings)
                return -ENOMEM;
        }
        rc = map_one(map, &op, why, why_size);
        if (rc)
            return rc;
    }
    return 0;
}

int ringmap_open(struct ringmap **result, char *why, size_t why_size)
{
    struct hypercalls *monitor;
    struct ringmap *map;
    int rc = hypercall_open(&monitor, why, why_size);

    *result = NULL;
    if (rc)
        return rc;
    map = calloc(1, sizeof(*map));
    if (map)
        map->memory = xenforeignmemory_open(NULL, 0);
    if (!map || !map->memory) {
        snprintf(why, why_size, "cannot open /dev/xen/privcmd: %s", strerror(errno));
        rc = errno ? -errno : -ENOMEM;
    } else {
        rc = map_all(map, monitor, why, why_size);
    }
    hypercall_close(monitor);
    if (rc) {
        ringmap_close(map);
        return rc;
    }
    *result = map;
    return 0;
}

void ringmap_close(struct ringmap *map)
{
    if (!map)
        return;
    for (unsigned int cpu = 0; map->rings && cpu < map->cpus; cpu++) {
        if (map->rings[cpu].header)
            xenforeignmemory_unmap(map->memory, (void *)(uintptr_t)map->rings[cpu].header,
                                   CLOISTER_TRACE_RING_PAGES);
    }
    free(map->rings);
    if (map->memory)
        xenforeignmemory_close(map->memory);
    free(map);
}

const struct ring *ringmap_rings(const struct ringmap *map, unsigned int *cpus)
{
    *cpus = map->cpus;
    return map->rings;
}
