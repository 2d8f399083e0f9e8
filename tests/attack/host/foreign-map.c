/* SPDX-License-Identifier: MIT */
/*
 * dom0 maps every frame number of the machine, one by one, and looks for the secret:
 *   foreign-map TENANT SEED CONTROL-SEED CONTROL-FRAME [FRAME...]
 * as page numbers of the tenant, and as frames of Xen, of the I/O domain and of dom0 itself. CONTROL-FRAME:
 * where the tenant has the pattern of CONTROL-SEED in ordinary memory. FRAMEs: sealed ones, tried first.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xenforeignmemory.h>

#include "machine.h"
#include "pattern.h"
#include "report.h"

#define BATCH 512

static xenforeignmemory_handle *memory;

struct finding {
    uint64_t mapped, found, at;
};

static void search(struct finding *finding, uint32_t domain, uint64_t first, unsigned int count,
                   uint64_t seed)
{
    static xen_pfn_t frames[BATCH];
    static int errors[BATCH];

    for (unsigned int i = 0; i < count; i++) {
        frames[i] = first + i;
    }
    uint8_t *pages = xenforeignmemory_map(memory, domain, PROT_READ, count, frames, errors);
    if (!pages) {
        return;
    }
    for (unsigned int i = 0; i < count; i++) {
        const pattern_t *page = (const pattern_t *)(pages + i * 4096ul);
        if (errors[i]) {
            continue;
        }
        finding->mapped++;
        if (pattern_in_page(page, seed, pattern_word(seed, 0)) && !finding->found++) {
            finding->at = frames[i];
        }
    }
    xenforeignmemory_unmap(memory, pages, count);
}

static struct finding search_range(uint32_t domain, uint64_t first, uint64_t count, uint64_t seed)
{
    struct finding finding = {0};

    for (uint64_t done = 0; done < count; done += BATCH) {
        search(&finding, domain, first + done, count - done < BATCH ? count - done : BATCH, seed);
    }
    return finding;
}

static long map_one(uint32_t domain, xen_pfn_t frame)
{
    int error = 0;
    void *page = xenforeignmemory_map(memory, domain, PROT_READ, 1, &frame, &error);

    if (page) {
        xenforeignmemory_unmap(memory, page, 1);
        return error;
    }
    return error ? error : -errno;
}

int main(int count, char **arguments)
{
    static const struct {
        uint32_t domain;
        const char *name;
    } owners[] = {{DOMID_XEN, "Xen's"}, {DOMID_IO, "the I/O domain's"}, {DOMID_SELF, "dom0's"}};
    struct range ranges[64];
    uint64_t frames[64];

    if (count < 5) {
        return 2;
    }
    uint32_t tenant = strtoul(arguments[1], NULL, 0);
    uint64_t seed = strtoull(arguments[2], NULL, 16), control = strtoull(arguments[3], NULL, 16);
    uint64_t page = strtoull(arguments[4], NULL, 16);
    unsigned int named = frame_arguments(count, arguments, 5, frames, 64);
    unsigned int parts = machine_memory(ranges, 64);

    memory = xenforeignmemory_open(NULL, 0);
    if (!memory) {
        report_cannot("libxenforeignmemory: %s", strerror(errno));
    }
    struct finding seen = search_range(tenant, page / BATCH * BATCH, BATCH, control);
    report_control(seen.found == 1 && seen.at == page,
                   "the pattern in an ordinary page of the tenant: page %#" PRIx64, seen.at);
    for (unsigned int i = 0; i < named; i++) {
        for (unsigned int o = 0; o < sizeof(owners) / sizeof(owners[0]); o++) {
            char text[64];
            snprintf(text, sizeof(text), "a sealed frame as %s", owners[o].name);
            report_errno2(map_one(owners[o].domain, frames[i]), EINVAL, EBUSY, text);
        }
        report_errno(map_one(tenant, frames[i]), EINVAL, "a sealed frame as the tenant's page");
    }
    seen = search_range(tenant, 0, machine_limit(), seed);
    report_try(!seen.found && seen.mapped > 1000,
               "the secret in %" PRIu64 " of %" PRIu64 " pages of the tenant, of %" PRIu64
               " numbers tried",
               seen.found, seen.mapped, machine_limit());
    for (unsigned int o = 0; o < sizeof(owners) / sizeof(owners[0]); o++) {
        struct finding all = {0};
        for (unsigned int i = 0; i < parts; i++) {
            seen = search_range(owners[o].domain, ranges[i].first, ranges[i].count, seed);
            all.found += seen.found;
            all.mapped += seen.mapped;
        }
        report_try(!all.found, "the secret in %" PRIu64 " of %" PRIu64 " frames mapped as %s",
                   all.found, all.mapped, owners[o].name);
    }
    return report_end();
}
