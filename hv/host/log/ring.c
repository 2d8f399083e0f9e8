/* SPDX-License-Identifier: MIT */
#include "log/ring.h"

#include <errno.h>

int ring_open(struct ring *ring, const void *memory, size_t size)
{
    const struct cloister_trace_header *header = memory;

    if (size < sizeof(*header) || header->magic != CLOISTER_TRACE_MAGIC ||
        header->version != CLOISTER_TRACE_VERSION || header->capacity < 2 ||
        header->capacity > size / CLOISTER_TRACE_RECORD_SIZE - 1)
        return -EPROTO;
    ring->header = header;
    ring->capacity = header->capacity;
    return 0;
}

uint64_t ring_next(const struct ring *ring)
{
    return __atomic_load_n(&ring->header->next, __ATOMIC_ACQUIRE);
}

/* Word by word, so that the compiler neither reads twice nor leaves reads out. */
static void copy_slot(const struct ring *ring, uint64_t number,
                      struct cloister_trace_record *record)
{
    const volatile uint64_t *from =
        (const volatile uint64_t *)(ring->header + 1) +
        number % ring->capacity * (CLOISTER_TRACE_RECORD_SIZE / sizeof(uint64_t));
    uint64_t *to = (uint64_t *)record;

    for (size_t i = 0; i < CLOISTER_TRACE_RECORD_SIZE / sizeof(uint64_t); i++)
        to[i] = from[i];
}

/*
 * With next - n == capacity the slot of n is the one that is written next, perhaps now: by step 2
 * of the protocol such a record counts as lost, so at most capacity - 1 can be read.
 */
static uint64_t overwritten(const struct ring *ring, uint64_t wanted, uint64_t next)
{
    return next - wanted >= ring->capacity ? next - wanted - ring->capacity + 1 : 0;
}

enum ring_answer ring_read(const struct ring *ring, uint64_t wanted,
                           struct cloister_trace_record *record, uint64_t *lost)
{
    uint64_t next = ring_next(ring);

    if (wanted > next)
        return RING_AHEAD;
    if (wanted == next)
        return RING_EMPTY;
    *lost = overwritten(ring, wanted, next);
    if (*lost)
        return RING_LOST;
    copy_slot(ring, wanted, record);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    *lost = overwritten(ring, wanted, ring_next(ring));
    if (!*lost && record->sequence != wanted)
        *lost = 1;
    return *lost ? RING_LOST : RING_RECORD;
}
