/* SPDX-License-Identifier: MIT */
/*
 * Calls in and out, through the thread's slot of the shared window. Whatever stands there can change at any
 * time: each word is read once, into private memory, and only the copy is believed.
 */
#include "runtime.h"

#include <errno.h>
#include <string.h>

#include "cloister/abi.h"
#include "frame.h"

#define WORDS (sizeof(struct cloister_call_frame) / sizeof(uint64_t))

typedef uint64_t __attribute__((may_alias)) frame_word;

/* Reads the frame, each word once. */
static inline void frame_read(struct cloister_call_frame *frame, const uint8_t *slot)
{
    const volatile frame_word *from = (const volatile frame_word *)slot;
    frame_word *to = (frame_word *)frame;

#pragma GCC unroll 8
    for (size_t i = 0; i < WORDS; i++) {
        to[i] = from[i];
    }
}

static void frame_write(uint8_t *slot, const struct cloister_call_frame *frame)
{
    volatile frame_word *to = (volatile frame_word *)slot;
    const frame_word *from = (const frame_word *)frame;

    for (size_t i = 0; i < WORDS; i++) {
        to[i] = from[i];
    }
}

static void frame_answer(uint8_t *slot, int32_t status, uint32_t out_size)
{
    volatile struct cloister_call_frame *shared = (volatile void *)slot;

    shared->out_size = out_size;
    shared->status = status;
}

/* What was checked may not be passed over by speculation either (Intel, "Bounds check bypass"). */
static inline void speculation_barrier(void)
{
    asm volatile("lfence" : : : "memory");
}

static int serve(const struct cloister_ecall *ecall, const struct cloister_thread *thread,
                 const struct cloister_call_frame *frame, size_t *out_size)
{
    uint8_t *in = thread->scratch;
    uint8_t *out = in + ((frame->in_size + FRAME_ALIGN - 1) & ~(size_t)(FRAME_ALIGN - 1));
    const size_t capacity =
        frame->out_capacity < ecall->max_out ? frame->out_capacity : ecall->max_out;
    int32_t status;

    if (frame->in_size > 0) {
        memcpy(in, thread->slot + frame->in_offset, frame->in_size);
    }
    status = frame_status(ecall->function(in, frame->in_size, out, capacity, out_size));
    if (!status && *out_size > capacity) {
        status = -EPROTO;
    }
    if (status) {
        *out_size = 0;
    }
    if (*out_size > 0) {
        memcpy(thread->slot + frame->out_offset, out, *out_size);
    }
    if (frame->in_size + capacity > 0) {
        cloister_wipe(in, (size_t)(out - in) + capacity);
    }
    return status;
}

static int dispatch(const struct cloister_thread *thread)
{
    struct cloister_call_frame frame;
    const struct cloister_ecall *ecall;
    size_t out_size = 0;
    int32_t status;

    frame_read(&frame, thread->slot);
    status = frame_check(&frame, cloister_layout_page.slot_size);
    if (!status && frame.function >= cloister_ecall_count) {
        status = -ENOSYS;
    }
    if (!status) {
        speculation_barrier();
        ecall = &cloister_ecalls[frame.function];
        if (!ecall->function) {
            status = -ENOSYS;
        } else if (frame.in_size > ecall->max_in) {
            status = -EMSGSIZE;
        } else {
            status = serve(ecall, thread, &frame, &out_size);
        }
    }
    frame_answer(thread->slot, status, (uint32_t)out_size);
    return status;
}

/* start.S: the first C function of a call. It runs before the stack guard is set. */
int cloister_enter(uint64_t offset, uint64_t slot_size);
__attribute__((no_stack_protector)) int cloister_enter(uint64_t offset, uint64_t slot_size)
{
    struct cloister_thread *thread = runtime_thread();

    /* The caller's idea of where the frame stands must be ours. If not, there is no place to say so. */
    if (offset != (uint64_t)thread->slot - CLOISTER_SHARED_BASE ||
        slot_size != cloister_layout_page.slot_size) {
        return -EINVAL;
    }
    if (__builtin_expect(!thread->ready, 0)) {
        const int result = runtime_begin(thread);

        if (result) {
            frame_answer(thread->slot, result, 0);
            return result;
        }
    }
    return dispatch(thread);
}

int cloister_ocall(uint32_t function, const void *in, size_t in_size, void *out,
                   size_t out_capacity, size_t *out_size)
{
    const struct cloister_thread *thread = runtime_thread();
    struct cloister_call_frame frame = {.function = function};
    struct cloister_call_frame before, after;
    int32_t status = frame_place(&frame, cloister_layout_page.slot_size, in_size, out_capacity);

    if (status) {
        return status;
    }
    frame_read(&before, thread->slot);
    if (in_size > 0) {
        memcpy(thread->slot + frame.in_offset, in, in_size);
    }
    frame_write(thread->slot, &frame);
    runtime_leave((struct runtime_values){.number = CLOISTER_ENCLAVE_OCALL});
    frame_read(&after, thread->slot);
    frame_write(thread->slot, &before);

    status = frame_status(after.status);
    if (!status && after.out_size > out_capacity) {
        status = -EPROTO;
    }
    if (status) {
        return status;
    }
    speculation_barrier();
    if (after.out_size > 0) {
        memcpy(out, thread->slot + frame.out_offset, after.out_size);
    }
    if (out_size) {
        *out_size = after.out_size;
    }
    return 0;
}
