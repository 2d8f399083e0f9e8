/* SPDX-License-Identifier: MIT */
#include "core/trace.h"

#include "core/count.h"
#include "core/hash.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define CONTROL_DOMAIN 0 /* Xen gives its first domain this number */
#define RING_SLOTS (CLOISTER_TRACE_RING_PAGES * CLOISTER_PAGE_SIZE / CLOISTER_TRACE_RECORD_SIZE - 1)

struct ring {
    struct cloister_trace_header *header;
    struct cloister_trace_record *records;
};

static struct {
    struct host_lock lock; /* of all below but `refusals`, and of what the rings hold */
    struct ring *rings;
    uint64_t boot_id;
    uint64_t refusals;
    struct trace_anchor now;
} trace;

int trace_init(void)
{
    memset(&trace, 0, sizeof(trace));
    int rc = host_random(&trace.boot_id, sizeof(trace.boot_id));
    if (rc) {
        return rc;
    }
    host_lock_init(&trace.lock);
    memcpy(trace.now.head, &trace.boot_id, sizeof(trace.boot_id));
    trace.rings = host_alloc(host_cpu_count() * sizeof(*trace.rings));
    if (!trace.rings) {
        return -ENOMEM;
    }
    for (unsigned int cpu = 0; cpu < host_cpu_count(); cpu++) {
        struct ring *ring = &trace.rings[cpu];

        ring->header = host_trace_ring_alloc(cpu);
        if (!ring->header) {
            return -ENOMEM;
        }
        ring->records = (struct cloister_trace_record *)(ring->header + 1);
        *ring->header = (struct cloister_trace_header){
            .magic = CLOISTER_TRACE_MAGIC,
            .version = CLOISTER_TRACE_VERSION,
            .capacity = RING_SLOTS,
            .cpu = cpu,
            .boot_id = trace.boot_id,
        };
    }
    return 0;
}

uint64_t trace_boot_id(void)
{
    return trace.boot_id;
}

uint64_t trace_refusals(void)
{
    return count_read(&trace.refusals);
}

struct trace_anchor trace_anchor(void)
{
    host_lock(&trace.lock);
    struct trace_anchor now = trace.now;
    host_unlock(&trace.lock);
    return now;
}

struct cloister_trace_record trace_record(enum cloister_trace_event event)
{
    struct cloister_trace_record record = {
        .event = event,
        .time = host_now(),
        .domain = CLOISTER_NO_DOMAIN,
        .vcpu = CLOISTER_NO_VCPU,
        .cpl = 0xff,
        .target = CLOISTER_NO_DOMAIN,
        .enclave = CLOISTER_NO_ENCLAVE,
        .page = CLOISTER_NO_PAGE,
        .pcpu = host_cpu(),
    };

    host_describe_actor(&record);
    return record;
}

/* Whether the budget has room for one more record. CPUs' clocks differ a little: an earlier second
 * than the last one seen is no new one. */
static bool budget_spend(struct trace_budget *budget, const struct cloister_trace_record *record)
{
    uint64_t second = record->time / NS_PER_SECOND + 1;

    if (second > budget->second) {
        uint64_t share =
            record->domain == CONTROL_DOMAIN ? CLOISTER_TRACE_RATE : CLOISTER_TRACE_SHARE;
        uint64_t left = budget->left + (second - budget->second) * share;

        budget->left = !budget->second || left > CLOISTER_TRACE_RATE ? CLOISTER_TRACE_RATE : left;
        budget->second = second;
    }
    if (!budget->left) {
        budget->unreported++;
        return false;
    }
    budget->left--;
    return true;
}

/* Puts it into its CPU's ring as the last of all. */
static void append(struct cloister_trace_record *record)
{
    struct ring *ring = &trace.rings[record->pcpu];

    host_lock(&trace.lock);
    record->sequence = ring->header->next;
    record->order = trace.now.records++;
    sha256(trace.now.head, sizeof(trace.now.head), record, sizeof(*record), trace.now.head);
    ring->records[record->sequence % RING_SLOTS] = *record;
    __atomic_store_n(&ring->header->next, record->sequence + 1, __ATOMIC_RELEASE);
    host_unlock(&trace.lock);
}

void trace_write(struct cloister_trace_record *record, struct trace_budget *budget)
{
    bool refused = record->decision == CLOISTER_REFUSED;

    count_add_shared(&trace.refusals, refused);
    if (budget) {
        budget->refusals += refused;
        if (!budget_spend(budget, record)) {
            budget->suppressed += refused;
            host_lock(&trace.lock);
            trace.now.suppressed += refused;
            host_unlock(&trace.lock);
            return;
        }
        record->suppressed = budget->unreported;
        budget->unreported = 0;
    }
    append(record);
}
