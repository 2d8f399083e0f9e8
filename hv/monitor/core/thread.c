/* SPDX-License-Identifier: MIT */
#include "core/count.h"
#include "vault/counters.h"
#include "core/nospec.h"
#include "vault/report.h"
#include "vault/seal.h"

/* A refusal of a call: what is answered, and what is traced. */
struct call_refusal {
    int error;
    enum cloister_reason reason;
    uint32_t enclave;
};

static struct call_refusal refusal(int error, enum cloister_reason reason, uint32_t enclave)
{
    return (struct call_refusal){.error = error, .reason = reason, .enclave = enclave};
}

static void trace_call_refusal(struct tenant *tenant, const struct thread_call *call,
                               const struct call_refusal *refused)
{
    struct cloister_trace_record record = trace_record(CLOISTER_EVENT_CALL);

    record.decision = CLOISTER_REFUSED;
    record.reason = refused->reason;
    record.error = refused->error;
    record.operation = call->operation;
    record.target = tenant->id;
    record.enclave = refused->enclave;
    record.found = call->thread;
    tenant_trace(tenant, &record);
}

/* The READY enclave of a handle. Both halves are always compared: timing tells nothing about
 * either. */
static struct enclave *find_by_handle(struct tenant *tenant, const uint64_t handle[2])
{
    struct enclave *enclave = tenant->slots[handle[0] % TENANT_MAX_ENCLAVES];

    if (!enclave || ((enclave->handle[0] ^ handle[0]) | (enclave->handle[1] ^ handle[1]))) {
        return NULL;
    }
    return enclave;
}

/* The thread of an enclave that is called; NULL: it has none such. */
static inline struct thread *find_thread(const struct enclave *enclave,
                                         const struct thread_call *call)
{
    const uint32_t count = enclave->header.launch.thread_count;

    return call->thread < count ? &enclave->threads[index_nospec(call->thread, count)] : NULL;
}

/* ENTER (else RESUME) may have a thread in this state. */
static inline bool is_claimable(enum cloister_thread_state state, bool enter)
{
    return enter ? state == CLOISTER_THREAD_IDLE
                 : state == CLOISTER_THREAD_INTERRUPTED || state == CLOISTER_THREAD_OCALL;
}

/* What ENTER (else RESUME) does with a thread in its state. */
static struct call_refusal decode_claim(enum cloister_thread_state state, bool enter, uint32_t id)
{
    if (is_claimable(state, enter)) {
        return refusal(0, CLOISTER_REASON_NONE, id);
    }
    switch (state) {
    case CLOISTER_THREAD_IDLE:
        return refusal(-EINVAL, CLOISTER_REASON_THREAD_IDLE, id);
    case CLOISTER_THREAD_INTERRUPTED:
    case CLOISTER_THREAD_OCALL:
        return refusal(-EBUSY, CLOISTER_REASON_THREAD_INTERRUPTED, id);
    case CLOISTER_THREAD_RUNNING:
        return refusal(-EBUSY, CLOISTER_REASON_THREAD_BUSY, id);
    case CLOISTER_THREAD_DEAD:
        break;
    }
    return refusal(-EIO, CLOISTER_REASON_THREAD_DEAD, id);
}

/* Makes an IDLE, INTERRUPTED or OCALL thread RUNNING on the caller's vCPU. */
static inline __attribute__((__always_inline__)) void
perform_claim(struct thread *thread, enum cloister_thread_state state,
              const struct thread_call *call)
{
    struct enclave *enclave = thread->enclave;

    if (state == CLOISTER_THREAD_IDLE) {
        host_world_start(thread, call->arg[0], call->arg[1]);
    } else if (state == CLOISTER_THREAD_OCALL) {
        host_world_answer(thread, call->arg[0], call->arg[1]);
    }
    thread->vcpu = call->vcpu;
    __atomic_store_n(&thread->state, CLOISTER_THREAD_RUNNING, __ATOMIC_RELEASE);
    count_add(&enclave->entries, 1);
    count_add(&enclave->tenant->entries, 1);
}

/* Under tenant.lock. */
static struct call_refusal serve(struct tenant *tenant, const struct thread_call *call,
                                 struct thread **enter, struct thread_result *result)
{
    struct call_refusal refused;
    struct enclave *enclave = find_by_handle(tenant, call->handle);

    host_lock_expect(&tenant->lock);
    if (!enclave) {
        return refusal(-ENOENT, CLOISTER_REASON_RANDOM_HANDLE, CLOISTER_NO_ENCLAVE);
    }
    struct thread *thread = find_thread(enclave, call);
    if (!thread) {
        return refusal(-EINVAL, CLOISTER_REASON_NO_SUCH_THREAD, enclave->id);
    }
    const enum cloister_thread_state state = thread_state(thread);
    switch (call->operation) {
    case CLOISTER_CALL_ENTER:
    case CLOISTER_CALL_RESUME:
        refused = decode_claim(state, call->operation == CLOISTER_CALL_ENTER, enclave->id);
        break;
    case CLOISTER_CALL_STATUS:
        result->outcome = 0;
        result->value[0] = state;
        result->value[1] = count_read(&thread->interruptions);
        return refusal(0, CLOISTER_REASON_NONE, enclave->id);
    default:
        return refusal(-EINVAL, CLOISTER_REASON_UNKNOWN_OP, enclave->id);
    }
    if (!refused.error) {
        perform_claim(thread, state, call);
        *enter = thread;
        result->outcome = -EAGAIN;
    }
    return refused;
}

struct thread *thread_call(struct tenant *tenant, const struct thread_call *call,
                           struct thread_result *result)
{
    struct thread *enter = NULL;
    struct call_refusal refused;

    if (!call->user_mode) {
        refused = refusal(-EPERM, CLOISTER_REASON_CALLER_MODE, CLOISTER_NO_ENCLAVE);
    } else if (!call->flags_ok) {
        refused = refusal(-EINVAL, CLOISTER_REASON_CALLER_FLAGS, CLOISTER_NO_ENCLAVE);
    } else {
        host_lock(&tenant->lock);
        refused = serve(tenant, call, &enter, result);
        host_unlock(&tenant->lock);
    }
    if (refused.error) {
        result->outcome = refused.error;
        if (refused.error != -EBUSY) {
            trace_call_refusal(tenant, call, &refused);
        }
    }
    return enter;
}

struct thread *thread_call_try(struct tenant *tenant, const struct thread_call *call)
{
    const bool enter = call->operation == CLOISTER_CALL_ENTER;

    if (!call->user_mode || !call->flags_ok ||
        !(enter || call->operation == CLOISTER_CALL_RESUME) || !host_lock_try(&tenant->lock)) {
        return NULL;
    }
    struct enclave *enclave = find_by_handle(tenant, call->handle);
    struct thread *thread = enclave ? find_thread(enclave, call) : NULL;
    const enum cloister_thread_state state = thread ? thread_state(thread) : CLOISTER_THREAD_DEAD;
    if (is_claimable(state, enter)) {
        perform_claim(thread, state, call);
        count_add(&tenant->fast_entries, 1);
    } else {
        thread = NULL;
    }
    host_unlock(&tenant->lock);
    return thread;
}

static void trace_thread(struct thread *thread, enum cloister_reason reason, uint64_t vector,
                         uint64_t page)
{
    struct cloister_trace_record record = trace_record(CLOISTER_EVENT_FAULT);

    record.decision = CLOISTER_REFUSED;
    record.reason = reason;
    record.target = thread->enclave->tenant->id;
    record.enclave = thread->enclave->id;
    record.operation = thread->index;
    record.address = vector;
    record.page = page < CLOISTER_NO_PAGE ? page : CLOISTER_NO_PAGE;
    tenant_trace(thread->enclave->tenant, &record);
}

/* The thread dies; its caller learns the vector and the page, no more. */
static enum thread_next die(struct thread *thread, enum cloister_reason reason, uint64_t vector,
                            uint64_t page, struct thread_result *result)
{
    trace_thread(thread, reason, vector, page);
    count_add_shared(&thread->enclave->faults, 1);
    *result = (struct thread_result){.outcome = CLOISTER_EXIT_FAULT, .value = {vector, page}};
    __atomic_store_n(&thread->state, CLOISTER_THREAD_DEAD, __ATOMIC_RELEASE);
    return THREAD_LEAVE;
}

_Static_assert((int)CLOISTER_EXIT_RETURN == (int)CLOISTER_ENCLAVE_RETURN &&
                   (int)CLOISTER_EXIT_OCALL == (int)CLOISTER_ENCLAVE_OCALL,
               "thread_leave(): the outcome is the call's number");

static enum thread_next forbidden(struct thread *thread, enum cloister_reason reason)
{
    trace_thread(thread, reason, 0, CLOISTER_NO_PAGE);
    return THREAD_INJECT;
}

/* A refused request: the enclave goes on, with an error. */
static void trace_enclave_call(struct thread *thread, const struct thread_exit *exit, int error,
                               enum cloister_reason reason)
{
    struct cloister_trace_record record = trace_record(CLOISTER_EVENT_ENCLAVE);

    record.decision = CLOISTER_REFUSED;
    record.reason = reason;
    record.error = error;
    record.operation = exit->number;
    record.target = thread->enclave->tenant->id;
    record.enclave = thread->enclave->id;
    record.address = exit->value[0];
    tenant_trace(thread->enclave->tenant, &record);
}

/* What an enclave asks for with a buffer in a page of its own, and its size, to which it is aligned. NULL: in steps (report.h). */
static const struct {
    uint64_t size;
    int (*serve)(const struct enclave *enclave, void *buffer, enum cloister_reason *reason);
} requests[] = {
    [CLOISTER_ENCLAVE_REPORT] = {sizeof(struct cloister_report), NULL},
    [CLOISTER_ENCLAVE_KEY] = {sizeof(struct cloister_seal_key), seal_key},
    [CLOISTER_ENCLAVE_COUNTER] = {sizeof(struct cloister_counter), counters_use},
};

static int serve_request(const struct thread *thread, const struct thread_exit *exit,
                         enum cloister_reason *reason)
{
    const uint64_t number = index_nospec(exit->number, sizeof(requests) / sizeof(requests[0]));
    const uint64_t size = requests[number].size;
    frame_t frame;

    *reason = CLOISTER_REASON_ENCLAVE_BUFFER;
    if (exit->value[0] % size || exit->value[1]) {
        return -EINVAL;
    }
    if (!enclave_own_page(thread->enclave, exit->value[0], &frame)) {
        return -EFAULT;
    }
    /* The frame stays as long as the thread is here. */
    uint8_t *page = host_frame_map(frame);
    uint8_t *buffer = page + exit->value[0] % CLOISTER_PAGE_SIZE;
    int rc;
    if (!requests[number].serve) {
        rc = report_enclave(thread, buffer, reason);
    } else {
        host_secret_begin();
        rc = requests[number].serve(thread->enclave, buffer, reason);
        host_secret_end();
    }
    host_frame_unmap(page);
    return rc;
}

static enum thread_next serve_enclave(struct thread *thread, const struct thread_exit *exit,
                                      struct thread_result *result)
{
    enum cloister_reason reason;

    if (!exit->kernel) {
        return forbidden(thread, CLOISTER_REASON_ENCLAVE_MODE);
    }
    switch (exit->number) {
    case CLOISTER_ENCLAVE_RETURN:
    case CLOISTER_ENCLAVE_OCALL:
        *result = (struct thread_result){exit->number, {exit->value[0], exit->value[1]}};
        thread_leave(thread, exit->number);
        return THREAD_LEAVE;
    case CLOISTER_ENCLAVE_FAULT:
        return die(thread, CLOISTER_REASON_ENCLAVE_FAULT, exit->value[0] & 0xff,
                   exit->value[1] & CLOISTER_NO_PAGE, result);
    case CLOISTER_ENCLAVE_AEX_COUNT:
        result->outcome = thread->interruptions;
        return THREAD_ANSWER;
    case CLOISTER_ENCLAVE_REPORT:
    case CLOISTER_ENCLAVE_KEY:
    case CLOISTER_ENCLAVE_COUNTER:
        result->outcome = serve_request(thread, exit, &reason);
        if (result->outcome == -ERESTART) {
            return THREAD_AGAIN;
        }
        if (result->outcome) {
            trace_enclave_call(thread, exit, result->outcome, reason);
        }
        return THREAD_ANSWER;
    default:
        return forbidden(thread, CLOISTER_REASON_ENCLAVE_INSTRUCTION);
    }
}

enum thread_next thread_exit(struct thread *thread, const struct thread_exit *exit,
                             struct thread_result *result)
{
    switch (exit->kind) {
    case THREAD_EXIT_CALL:
        return serve_enclave(thread, exit, result);
    case THREAD_EXIT_FORBIDDEN:
        return forbidden(thread, CLOISTER_REASON_ENCLAVE_INSTRUCTION);
    case THREAD_EXIT_VIEW:
        return die(thread, CLOISTER_REASON_ENCLAVE_VIEW, CLOISTER_VECTOR_VIEW,
                   exit->address / CLOISTER_PAGE_SIZE, result);
    case THREAD_EXIT_VECTOR:
        break;
    }
    return die(thread,
               exit->number == CLOISTER_VECTOR_STATE ? CLOISTER_REASON_WORLD_STATE
                                                     : CLOISTER_REASON_ENCLAVE_FAULT,
               exit->number, 0, result);
}

void thread_interrupted(struct thread *thread)
{
    count_add(&thread->interruptions, 1);
    count_add_shared(&thread->enclave->tenant->interruptions, 1);
}

void thread_reentered(struct thread *thread)
{
    count_add_shared(&thread->enclave->tenant->reentries, 1);
}

void thread_suspend(struct thread *thread)
{
    __atomic_store_n(&thread->state, CLOISTER_THREAD_INTERRUPTED, __ATOMIC_RELEASE);
}
