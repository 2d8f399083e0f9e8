/* SPDX-License-Identifier: MIT */
#include "fake_world.h"

#include <errno.h>
#include <string.h>

struct fake_world fake_world;

void fake_world_start(uint8_t *window, unsigned int count, fake_code *code)
{
    memset(&fake_world, 0, sizeof(fake_world));
    fake_world.handle[0] = UINT64_C(0x0123456789abcdef);
    fake_world.handle[1] = UINT64_C(0xfedcba9876543210);
    fake_world.window = window;
    fake_world.count = count;
    fake_world.code = code;
    for (unsigned int i = 0; i < 64; i++)
        fake_world.threads[i].number = i;
}

struct cloister_call_frame *fake_frame(const struct fake_thread *thread)
{
    return (void *)(fake_world.window + thread->offset);
}

uint8_t *fake_in(const struct fake_thread *thread)
{
    return fake_world.window + thread->offset + fake_frame(thread)->in_offset;
}

uint8_t *fake_out(const struct fake_thread *thread)
{
    return fake_world.window + thread->offset + fake_frame(thread)->out_offset;
}

static int64_t refused(int64_t error)
{
    fake_world.refusals++;
    return error;
}

int64_t world_call(enum cloister_call call, const uint64_t handle[2], uint64_t number,
                   uint64_t arg0, uint64_t arg1, struct world_values *values)
{
    struct fake_thread *thread;
    int before;
    int64_t outcome;

    if (fake_world.gone)
        return -ENOENT;
    if (memcmp(handle, fake_world.handle, sizeof(fake_world.handle)))
        return refused(-ENOENT);
    if (number >= fake_world.count)
        return refused(-EINVAL);
    thread = &fake_world.threads[number];
    if (call == CLOISTER_CALL_STATUS) {
        values->value0 = (uint64_t)thread->state;
        values->value1 = thread->step;
        return 0;
    }
    before = thread->state;
    if (before == CLOISTER_THREAD_DEAD)
        return refused(-EIO);
    if (before == CLOISTER_THREAD_RUNNING ||
        (call == CLOISTER_CALL_ENTER && before != CLOISTER_THREAD_IDLE))
        return refused(-EBUSY);
    if (call == CLOISTER_CALL_RESUME && before == CLOISTER_THREAD_IDLE)
        return refused(-EINVAL);
    if (!atomic_compare_exchange_strong(&thread->state, &before, CLOISTER_THREAD_RUNNING))
        return refused(-EBUSY);
    if (call == CLOISTER_CALL_ENTER) {
        fake_world.enters++;
        thread->offset = arg0;
        thread->size = arg1;
        thread->step = 0;
    } else {
        fake_world.resumes++;
        thread->step++;
    }
    outcome = fake_world.code(thread, values);
    thread->state = outcome == CLOISTER_EXIT_RETURN  ? CLOISTER_THREAD_IDLE
                    : outcome == CLOISTER_EXIT_OCALL ? CLOISTER_THREAD_OCALL
                    : outcome == CLOISTER_EXIT_FAULT ? CLOISTER_THREAD_DEAD
                    : outcome == -EAGAIN             ? CLOISTER_THREAD_INTERRUPTED
                                                     : CLOISTER_THREAD_IDLE;
    return outcome;
}
