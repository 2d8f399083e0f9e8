/* SPDX-License-Identifier: MIT */
/*
 * Reading one CPU's trace ring by the protocol in cloister/trace.h. The ring holds no reader's
 * position: the caller says which record it wants, so a reader that comes back continues where the
 * log says it was.
 */
#ifndef CLOISTER_HOST_RING_H
#define CLOISTER_HOST_RING_H

#include <stddef.h>

#include "cloister/trace.h"

enum ring_answer {
    RING_EMPTY,  /* there is no such record yet */
    RING_RECORD, /* *record is it */
    RING_LOST,   /* *lost records from the wanted one on were overwritten */
    RING_AHEAD,  /* the ring has never been that far: the wanted number is of another boot */
};

struct ring {
    const struct cloister_trace_header *header;
    uint32_t capacity; /* as it was when the ring was checked */
};

/*
 * `memory`: the ring's pages, in order, `size` bytes, mapped read-only while the monitor writes.
 *   -EPROTO  this is no ring of a version that this program knows, or it does not fit into `size`
 */
__attribute__((warn_unused_result)) int ring_open(struct ring *ring, const void *memory,
                                                  size_t size);

/* Looks at record `wanted`. Never blocks; never yields a torn record. */
enum ring_answer ring_read(const struct ring *ring, uint64_t wanted,
                           struct cloister_trace_record *record, uint64_t *lost);

/* The number of the next record that the monitor will write. */
uint64_t ring_next(const struct ring *ring);

#endif
