/* SPDX-License-Identifier: MIT */
/*
 * Reads the trace rings (trace.h says how) without the host daemon: maps them read-only.
 *
 *   trace now             the rings' next record numbers, as a JSON list
 *   trace since N0,N1,... the records from these numbers on, a JSON object per line, by time
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xenforeignmemory.h>

#include "monitor.h"
#include "report.h"
#include "xen_interface.h"

#define MAX_RECORDS 65536

static struct cloister_trace_record records[MAX_RECORDS];
static unsigned int found;

static const struct cloister_trace_header *ring_map(unsigned int cpu, unsigned int *cpus)
{
    static xenforeignmemory_handle *memory;
    struct cloister_trace_ring op = {.cpu = cpu};
    xen_pfn_t frames[CLOISTER_TRACE_RING_PAGES];
    int errors[CLOISTER_TRACE_RING_PAGES];

    memory = memory ? memory : xenforeignmemory_open(NULL, 0);
    if (!memory || monitor_op(CLOISTER_OP_TRACE_RING, &op, sizeof(op))) {
        report_cannot("no ring %u", cpu);
    }
    *cpus = op.cpus;
    for (unsigned int i = 0; i < CLOISTER_TRACE_RING_PAGES; i++) {
        frames[i] = op.frames[i];
    }
    const struct cloister_trace_header *header = xenforeignmemory_map(
        memory, DOMID_XEN, PROT_READ, CLOISTER_TRACE_RING_PAGES, frames, errors);
    if (!header || header->magic != CLOISTER_TRACE_MAGIC) {
        report_cannot("ring %u cannot be mapped", cpu);
    }
    return header;
}

static uint64_t next_of(const struct cloister_trace_header *header)
{
    return __atomic_load_n(&header->next, __ATOMIC_ACQUIRE);
}

static void ring_read(const struct cloister_trace_header *header, uint64_t from)
{
    const struct cloister_trace_record *slots = (const void *)(header + 1);
    uint64_t next = next_of(header);

    if (next - from > header->capacity) {
        from = next - header->capacity;
    }
    for (; from < next && found < MAX_RECORDS; from++) {
        struct cloister_trace_record copy = slots[from % header->capacity];
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (copy.sequence == from && next_of(header) - from < header->capacity) {
            records[found++] = copy;
        }
    }
}

static int by_time(const void *a, const void *b)
{
    const struct cloister_trace_record *x = a, *y = b;

    return x->time < y->time ? -1 : x->time > y->time;
}

static const char *rule_of(const struct cloister_trace_record *record)
{
    static const char *const names[] = {
#define NAME(number, name, room, text, refused, instead) [number] = (text),
        CLOISTER_LOCKDOWN_RULES(NAME)
#undef NAME
    };

    return record->event == CLOISTER_EVENT_LOCKDOWN && record->operation < CLOISTER_RULE_LIMIT
               ? names[record->operation]
               : "";
}

static void print(const struct cloister_trace_record *record)
{
    printf("{\"time\": %" PRIu64
           ", \"event\": %u, \"decision\": %u, \"reason\": \"%s\", \"error\": %d, "
           "\"domain\": %u, \"vcpu\": %u, \"cpl\": %u, \"rip\": %" PRIu64
           ", \"operation\": %u, \"rule\": \"%s\", "
           "\"target\": %u, \"address\": %" PRIu64 ", \"found\": %" PRIu64 ", \"allowed\": %" PRIu64
           ", \"enclave\": %u, \"page\": %u, \"suppressed\": %" PRIu64 "}\n",
           record->time, record->event, record->decision, cloister_reason_name(record->reason),
           record->error, record->domain, record->vcpu, record->cpl, record->rip, record->operation,
           rule_of(record), record->target, record->address, record->found, record->allowed,
           record->enclave, record->page, record->suppressed);
}

int main(int count, char **arguments)
{
    bool since = count == 3 && !strcmp(arguments[1], "since");
    char *from = since ? arguments[2] : NULL;
    unsigned int cpus = 1;

    if (!since && (count != 2 || strcmp(arguments[1], "now"))) {
        fprintf(stderr, "usage: trace now | trace since N0,N1,...\n");
        return 2;
    }
    for (unsigned int cpu = 0; cpu < cpus; cpu++) {
        const struct cloister_trace_header *header = ring_map(cpu, &cpus);
        if (since) {
            ring_read(header, strtoull(from, &from, 10));
            from += *from == ',';
        } else {
            printf("%s%" PRIu64, cpu ? ", " : "[", next_of(header));
        }
    }
    if (!since) {
        printf("]\n");
    }
    qsort(records, found, sizeof(records[0]), by_time);
    for (unsigned int i = 0; i < found; i++) {
        print(&records[i]);
    }
    return 0;
}
