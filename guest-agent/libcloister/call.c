/* SPDX-License-Identifier: MIT */
/*
 * Calls. The window is shared with code that is not trusted: each field of a frame that the enclave
 * may have written is read exactly once, and checked before it is used.
 */
#include "libcloister/enclave.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cloister/abi.h"
#include "libcloister/error.h"
#include "libcloister/slot.h"
#include "libcloister/world.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

_Thread_local const struct cloister_enclave *library_in_handler;

static int refuse_thread(struct cloister_error *error, int code)
{
    return error_set(error, -code, CLOISTER_ORIGIN_LIBRARY,
                     code == -EBUSY ? "all threads of the enclave are busy"
                     : code == -EIO ? "all threads of the enclave have died of faults"
                                    : "the enclave is being terminated");
}

/* What a refusal of the monitor means; `thread` is given back or buried. */
static int refuse_outcome(struct cloister_enclave *enclave, unsigned int thread, int64_t outcome,
                          const struct world_values *values, struct cloister_error *error)
{
    enum cloister_reason reason = CLOISTER_REASON_ENCLAVE_FAULT;

    switch (outcome) {
    case CLOISTER_EXIT_FAULT:
        threads_bury(&enclave->threads, thread);
        if (values->value0 == CLOISTER_VECTOR_VIEW)
            reason = CLOISTER_REASON_ENCLAVE_VIEW;
        else if (values->value0 == CLOISTER_VECTOR_STATE)
            reason = CLOISTER_REASON_WORLD_STATE;
        return error_rule(
            error, EFAULT, CLOISTER_ORIGIN_ENCLAVE, reason, values->value0, values->value1,
            "thread %u of the enclave died: vector %" PRIu64 ", page 0x%" PRIx64 ": %s", thread,
            values->value0, values->value1, cloister_reason_text(reason));
    case -EIO:
        threads_bury(&enclave->threads, thread);
        return error_rule(error, EIO, CLOISTER_ORIGIN_HOST, CLOISTER_REASON_THREAD_DEAD, thread, 0,
                          "thread %u of the enclave died earlier", thread);
    case -ENOENT:
        threads_give(&enclave->threads, thread);
        return error_rule(error, ENOENT, CLOISTER_ORIGIN_HOST, CLOISTER_REASON_RANDOM_HANDLE, 0, 0,
                          "the enclave is gone: it was destroyed from outside");
    case -EBUSY:
        /* A call left it by longjmp, or somebody else knows the handle. */
        threads_bury(&enclave->threads, thread);
        return error_rule(error, EBUSY, CLOISTER_ORIGIN_HOST, CLOISTER_REASON_THREAD_BUSY, thread,
                          0, "thread %u of the enclave is in use by somebody else", thread);
    case -ESHUTDOWN:
        threads_bury(&enclave->threads, thread);
        return refuse_thread(error, -ESHUTDOWN);
    default:
        threads_give(&enclave->threads, thread);
        if (outcome < 0 && outcome >= -4095)
            return error_set(error, (int)-outcome, CLOISTER_ORIGIN_HOST,
                             "the monitor refused the call: %s", strerror((int)-outcome));
        return error_set(error, EPROTO, CLOISTER_ORIGIN_HOST,
                         "the monitor gave an unknown outcome, %" PRId64, outcome);
    }
}

static struct ocall find_handler(struct cloister_enclave *enclave, uint32_t function)
{
    struct ocall found = {0};

    pthread_mutex_lock(&enclave->ocall_lock);
    for (unsigned int i = 0; i < CLOISTER_MAX_OCALLS; i++)
        if (enclave->ocalls[i].handler && enclave->ocalls[i].function == function)
            found = enclave->ocalls[i];
    pthread_mutex_unlock(&enclave->ocall_lock);
    return found;
}

/* Serves one OCALL; returns its status for the enclave. */
static int serve(struct cloister_enclave *enclave, uint8_t *slot,
                 const struct cloister_call_frame *frame, uint32_t *out_size)
{
    const struct cloister_enclave *outer = library_in_handler;
    const struct ocall ocall = find_handler(enclave, frame->function);
    uint8_t *copy;
    size_t size = 0;
    int status;

    if (!slot_contains(enclave->slot, frame->in_offset, frame->in_size) ||
        !slot_contains(enclave->slot, frame->out_offset, frame->out_capacity))
        return -EFAULT;
    if (!ocall.handler)
        return -ENOSYS;
    /* Zeros, so that a handler that says more than it wrote gives nothing away. */
    copy = calloc(1, (size_t)frame->in_size + frame->out_capacity + 1);
    if (!copy)
        return -ENOMEM;
    if (frame->in_size)
        memcpy(copy, slot + frame->in_offset, frame->in_size);
    library_in_handler = enclave;
    status = ocall.handler(ocall.context, copy, frame->in_size, copy + frame->in_size,
                           frame->out_capacity, &size);
    library_in_handler = outer;
    if (status > 0 || status < -4095)
        status = -EPROTO;
    if (!status && size > frame->out_capacity)
        status = -EOVERFLOW;
    if (!status && size) {
        memcpy(slot + frame->out_offset, copy + frame->in_size, size);
        *out_size = (uint32_t)size;
    }
    free(copy);
    return status;
}

/* Answers an OCALL in the thread's frame. */
static void answer(struct cloister_enclave *enclave, uint8_t *slot)
{
    volatile struct cloister_call_frame *shared = (volatile void *)slot;
    const struct cloister_call_frame frame = {
        .function = shared->function,
        .in_offset = shared->in_offset,
        .in_size = shared->in_size,
        .out_offset = shared->out_offset,
        .out_capacity = shared->out_capacity,
    };
    uint32_t out_size = 0;
    int status = serve(enclave, slot, &frame, &out_size);

    shared->out_size = out_size;
    shared->status = status;
}

/* Enters the thread and stays with it until it returns, dies, or is refused. */
static inline int64_t run(struct cloister_enclave *enclave, unsigned int thread, uint8_t *slot,
                          struct world_values *values)
{
    int64_t outcome = world_call(CLOISTER_CALL_ENTER, enclave->handle, thread,
                                 (uint64_t)thread * enclave->slot, enclave->slot, values);

    while (unlikely(outcome != CLOISTER_EXIT_RETURN)) {
        if (outcome == CLOISTER_EXIT_OCALL)
            answer(enclave, slot);
        else if (outcome != -EAGAIN)
            break;
        /* Asked only here: whoever ends an enclave has it destroyed as well. */
        if (threads_closing(&enclave->threads))
            return -ESHUTDOWN;
        outcome = world_call(CLOISTER_CALL_RESUME, enclave->handle, thread, 0, 0, values);
    }
    return outcome;
}

/* Takes the result out of the slot of a thread that has returned, and gives the thread back. */
static inline int finish(struct cloister_enclave *enclave, unsigned int thread,
                         const struct cloister_call_frame *frame, void *out, size_t *out_size,
                         struct cloister_error *error)
{
    uint8_t *slot = enclave->window + (size_t)thread * enclave->slot;
    const volatile struct cloister_call_frame *shared = (const volatile void *)slot;
    const int32_t status = shared->status;
    const uint32_t size = shared->out_size;

    if (likely(status == 0 && size <= frame->out_capacity)) {
        if (size)
            memcpy(out, slot + frame->out_offset, size);
        threads_give(&enclave->threads, thread);
        if (out_size)
            *out_size = size;
        return 0;
    }
    threads_give(&enclave->threads, thread);
    if (status == 0)
        return error_rule(
            error, EPROTO, CLOISTER_ORIGIN_LIBRARY, CLOISTER_REASON_NONE, size, frame->out_capacity,
            "the enclave claims to have written %" PRIu32 " bytes where there is room "
            "for %" PRIu32,
            size, frame->out_capacity);
    if (status > 0 || status < -4095)
        return error_set(error, EPROTO, CLOISTER_ORIGIN_LIBRARY,
                         "the enclave returned the status %" PRId32 ", which is no errno", status);
    return error_set(error, -status, CLOISTER_ORIGIN_ENCLAVE,
                     "function %" PRIu32 " of the enclave returned an error: %s", frame->function,
                     strerror(-status));
}

static int call(struct cloister_enclave *enclave, uint32_t function, const void *in, size_t in_size,
                void *out, size_t out_capacity, size_t *out_size, struct cloister_error *error)
{
    struct cloister_call_frame frame = {.function = function};
    struct world_values values;
    uint8_t *slot;
    int64_t outcome;
    int thread;

    if (unlikely(!slot_place(enclave->slot, in_size, out_capacity, &frame)))
        return error_rule(error, E2BIG, CLOISTER_ORIGIN_LIBRARY, CLOISTER_REASON_NONE,
                          in_size > SIZE_MAX - out_capacity ? SIZE_MAX : in_size + out_capacity,
                          enclave->slot - SLOT_FRAME,
                          "%zu bytes in and %zu bytes out do not fit into the %" PRIu32
                          " bytes that a thread of this enclave shares",
                          in_size, out_capacity, enclave->slot - SLOT_FRAME);
    thread = threads_take(&enclave->threads);
    if (unlikely(thread == -EBUSY) && enclave->flags & CLOISTER_OPTION_WAIT && !library_in_handler)
        thread = threads_wait(&enclave->threads);
    if (unlikely(thread < 0))
        return refuse_thread(error, thread);

    slot = enclave->window + (size_t)thread * enclave->slot;
    memcpy(slot, &frame, sizeof(frame));
    if (in_size)
        memcpy(slot + frame.in_offset, in, in_size);
    outcome = run(enclave, (unsigned int)thread, slot, &values);
    if (unlikely(outcome != CLOISTER_EXIT_RETURN))
        return refuse_outcome(enclave, (unsigned int)thread, outcome, &values, error);
    return finish(enclave, (unsigned int)thread, &frame, out, out_size, error);
}

int cloister_enclave_call(struct cloister_enclave *enclave, uint32_t function, const void *in,
                          size_t in_size, void *out, size_t out_capacity, size_t *out_size,
                          struct cloister_error *error)
{
    int result;

    if (unlikely(enclave->forks != library_forks))
        return error_set(error, EPERM, CLOISTER_ORIGIN_LIBRARY,
                         "the enclave belongs to the parent process");
    result = threads_enter(&enclave->threads);
    if (unlikely(result))
        return refuse_thread(error, result);
    result = call(enclave, function, in, in_size, out, out_capacity, out_size, error);
    threads_leave(&enclave->threads);
    return result;
}

int cloister_enclave_set_ocall(struct cloister_enclave *enclave, uint32_t function,
                               cloister_ocall_handler *handler, void *context)
{
    struct ocall *place = NULL;

    pthread_mutex_lock(&enclave->ocall_lock);
    for (unsigned int i = 0; i < CLOISTER_MAX_OCALLS; i++) {
        struct ocall *ocall = &enclave->ocalls[i];

        if (ocall->handler ? ocall->function == function : !place)
            place = ocall;
        if (ocall->handler && ocall->function == function)
            break;
    }
    if (place)
        *place = (struct ocall){function, handler, context};
    pthread_mutex_unlock(&enclave->ocall_lock);
    return place || !handler ? 0 : -ENOSPC;
}

int cloister_enclave_threads(struct cloister_enclave *enclave, struct cloister_threads *threads,
                             struct cloister_error *error)
{
    memset(threads, 0, sizeof(*threads));
    if (enclave->forks != library_forks)
        return error_set(error, EPERM, CLOISTER_ORIGIN_LIBRARY,
                         "the enclave belongs to the parent process");
    for (uint32_t thread = 0; thread < enclave->details.thread_count; thread++) {
        struct world_values values;
        int64_t outcome = world_call(CLOISTER_CALL_STATUS, enclave->handle, thread, 0, 0, &values);

        if (outcome < 0)
            return error_set(error, outcome >= -4095 ? (int)-outcome : EPROTO, CLOISTER_ORIGIN_HOST,
                             outcome == -ENOENT
                                 ? "the enclave is gone: it was destroyed from outside"
                                 : "the monitor does not answer");
        switch (values.value0) {
        case CLOISTER_THREAD_IDLE:
            threads->idle++;
            break;
        case CLOISTER_THREAD_RUNNING:
            threads->running++;
            break;
        case CLOISTER_THREAD_INTERRUPTED:
            threads->interrupted++;
            break;
        case CLOISTER_THREAD_OCALL:
            threads->calling_out++;
            break;
        default:
            threads->dead++;
            break;
        }
        threads->interruptions += values.value1;
    }
    return 0;
}
