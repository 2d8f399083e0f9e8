/* SPDX-License-Identifier: MIT */
#include "frame.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#define FRAME_SIZE ((uint64_t)sizeof(struct cloister_call_frame))

static uint64_t align(uint64_t size)
{
    return (size + FRAME_ALIGN - 1) & ~(uint64_t)(FRAME_ALIGN - 1);
}

/* Nothing is nowhere: where the size is 0 the offset does not matter. */
static bool in_slot(uint64_t slot_size, uint64_t offset, uint64_t size)
{
    return size == 0 || (offset >= FRAME_SIZE && offset <= slot_size && size <= slot_size - offset);
}

int frame_check(const struct cloister_call_frame *frame, uint64_t slot_size)
{
    uint32_t reserved = 0;

#pragma GCC unroll 9
    for (size_t i = 0; i < sizeof(frame->reserved) / sizeof(frame->reserved[0]); i++) {
        reserved |= frame->reserved[i];
    }
    if (reserved) {
        return -EINVAL;
    }
    if (!in_slot(slot_size, frame->in_offset, frame->in_size) ||
        !in_slot(slot_size, frame->out_offset, frame->out_capacity)) {
        return -EFAULT;
    }
    /* They overlap in the slot; inside they must not. Both are below 2^32: no overflow. */
    return align(frame->in_size) + frame->out_capacity > slot_size ? -EMSGSIZE : 0;
}

int frame_place(struct cloister_call_frame *frame, uint64_t slot_size, uint64_t in_size,
                uint64_t out_capacity)
{
    uint64_t out_offset;

    if (slot_size > UINT32_MAX || slot_size < FRAME_SIZE || in_size > slot_size - FRAME_SIZE) {
        return -EMSGSIZE;
    }
    out_offset = align(FRAME_SIZE + in_size);
    if (out_offset > slot_size || out_capacity > slot_size - out_offset) {
        return -EMSGSIZE;
    }
    frame->in_offset = (uint32_t)FRAME_SIZE;
    frame->in_size = (uint32_t)in_size;
    frame->out_offset = (uint32_t)out_offset;
    frame->out_capacity = (uint32_t)out_capacity;
    return 0;
}

int32_t frame_status(int32_t status)
{
    return status > 0 || status < -FRAME_MAX_ERRNO ? -EPROTO : status;
}
