/* SPDX-License-Identifier: MIT */
/*
 * Where things stand in the shared window: each thread's slot, and in it the call frame, `in`,
 * `out` (cloister/image.h, "The call frame").
 */
#ifndef CLOISTER_LIBRARY_SLOT_H
#define CLOISTER_LIBRARY_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloister/image.h"

#define SLOT_ALIGN 16u /* of `in` and `out` */
#define SLOT_FRAME ((uint32_t)sizeof(struct cloister_call_frame))

/* Bytes of a slot, 0 if the window is too small for that many threads. */
static inline uint32_t slot_size(uint32_t shared_pages, uint32_t thread_count)
{
    uint32_t size;

    if (!thread_count || thread_count > CLOISTER_MAX_THREADS || !shared_pages ||
        shared_pages > CLOISTER_MAX_SHARED_PAGES)
        return 0;
    size = shared_pages * CLOISTER_PAGE_SIZE / thread_count;
    return size & ~63u;
}

/* Lays out a call; false if it does not fit. */
static inline bool slot_place(uint32_t slot, size_t in_size, size_t out_capacity,
                              struct cloister_call_frame *frame)
{
    uint32_t room = slot - SLOT_FRAME, out_offset;

    if (in_size > room)
        return false;
    out_offset = (SLOT_FRAME + (uint32_t)in_size + (SLOT_ALIGN - 1)) & ~(SLOT_ALIGN - 1);
    if (out_offset > slot || out_capacity > slot - out_offset)
        return false;
    frame->in_offset = SLOT_FRAME;
    frame->in_size = (uint32_t)in_size;
    frame->out_offset = out_offset;
    frame->out_capacity = (uint32_t)out_capacity;
    return true;
}

/* Does [offset, offset + size) lie in the slot, behind the frame? Nothing is nowhere. */
static inline bool slot_contains(uint32_t slot, uint32_t offset, uint32_t size)
{
    return size == 0 || (offset >= SLOT_FRAME && offset <= slot && size <= slot - offset);
}

#endif
