/* SPDX-License-Identifier: MIT */
/* A trace ring in memory, written as the monitor writes it. */
#ifndef CLOISTER_TEST_FAKE_RING_H
#define CLOISTER_TEST_FAKE_RING_H

#include <string.h>

#include "cloister/reason.h"
#include "cloister/trace.h"

#define FAKE_CAPACITY 16u

/* Of the next record of all rings; a boot begins with CPU 0's. */
static uint64_t fake_ring_order;

struct fake_ring {
    struct cloister_trace_header header;
    struct cloister_trace_record records[FAKE_CAPACITY];
};

static inline void fake_ring_clear(struct fake_ring *ring, uint32_t cpu, uint64_t boot_id)
{
    memset(ring, 0, sizeof(*ring));
    if (!cpu)
        fake_ring_order = 0;
    ring->header = (struct cloister_trace_header){.magic = CLOISTER_TRACE_MAGIC,
                                                  .version = CLOISTER_TRACE_VERSION,
                                                  .capacity = FAKE_CAPACITY,
                                                  .cpu = cpu,
                                                  .boot_id = boot_id};
}

static inline void fake_ring_add(struct fake_ring *ring, uint64_t time)
{
    uint64_t number = ring->header.next;

    ring->records[number % FAKE_CAPACITY] = (struct cloister_trace_record){
        .sequence = number,
        .order = fake_ring_order++,
        .time = time,
        .event = CLOISTER_EVENT_CALL,
        .decision = CLOISTER_REFUSED,
        .reason = CLOISTER_REASON_RANDOM_HANDLE,
        .error = -2,
        .domain = 3,
        .vcpu = 0,
        .cpl = 3,
        .pcpu = (uint16_t)ring->header.cpu,
        .target = CLOISTER_NO_DOMAIN,
        .page = CLOISTER_NO_PAGE,
    };
    __atomic_store_n(&ring->header.next, number + 1, __ATOMIC_RELEASE);
}

#endif
