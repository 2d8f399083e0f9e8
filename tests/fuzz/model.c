/* SPDX-License-Identifier: MIT */
#include "model.h"

#define MODEL_ENCLAVES 64u
#define MODEL_THREADS 2u

struct model_thread {
    enum cloister_thread_state state;
    uint64_t interruptions;
};

static struct {
    uint32_t count;
    struct {
        uint32_t id;
        uint64_t handle[2];
        struct model_thread threads[MODEL_THREADS];
    } enclaves[MODEL_ENCLAVES];
} model;

void model_start(void)
{
    model.count = 0;
}

void model_ready(uint32_t enclave, const uint64_t handle[2])
{
    uint32_t place = model.count++ % MODEL_ENCLAVES;

    memset(&model.enclaves[place], 0, sizeof(model.enclaves[place]));
    model.enclaves[place].id = enclave;
    memcpy(model.enclaves[place].handle, handle, sizeof(model.enclaves[place].handle));
}

void model_handle(uint8_t choice, uint64_t handle[2])
{
    uint32_t count = model.count < MODEL_ENCLAVES ? model.count : MODEL_ENCLAVES;

    handle[0] = handle[1] = 0;
    if (count) {
        memcpy(handle, model.enclaves[choice % count].handle, 2 * sizeof(*handle));
    }
}

static struct model_thread *thread_of(uint32_t enclave, uint32_t thread)
{
    for (uint32_t i = 0; i < MODEL_ENCLAVES && i < model.count; i++) {
        if (model.enclaves[i].id == enclave) {
            return &model.enclaves[i].threads[thread];
        }
    }
    return NULL;
}

/* The living, ready enclave of this domain with exactly this handle. */
static const struct enclave *enclave_of(uint16_t domain, const uint64_t handle[2])
{
    const struct tenant *tenant = fake.domains[domain].tenant;

    for (unsigned int slot = 0; slot < TENANT_MAX_ENCLAVES; slot++) {
        const struct enclave *enclave = tenant->slots[slot];
        if (enclave && enclave->handle[0] == handle[0] && enclave->handle[1] == handle[1] &&
            enclave->state == CLOISTER_ENCLAVE_READY) {
            return enclave;
        }
    }
    return NULL;
}

static int expect_enter(struct model_thread *thread)
{
    switch (thread->state) {
    case CLOISTER_THREAD_IDLE:
        thread->state = CLOISTER_THREAD_RUNNING;
        return -EAGAIN;
    case CLOISTER_THREAD_DEAD:
        return -EIO;
    default:
        return -EBUSY;
    }
}

static int expect_resume(struct model_thread *thread)
{
    switch (thread->state) {
    case CLOISTER_THREAD_INTERRUPTED:
    case CLOISTER_THREAD_OCALL:
        thread->state = CLOISTER_THREAD_RUNNING;
        return -EAGAIN;
    case CLOISTER_THREAD_IDLE:
        return -EINVAL;
    case CLOISTER_THREAD_RUNNING:
        return -EBUSY;
    default:
        return -EIO;
    }
}

static int expect(const struct thread_call *call, const struct enclave *enclave,
                  const struct thread_result *result)
{
    if (!call->user_mode) {
        return -EPERM;
    }
    if (!call->flags_ok) {
        return -EINVAL;
    }
    if (!enclave) {
        return -ENOENT;
    }
    if (call->thread >= enclave->header.launch.thread_count) {
        return -EINVAL;
    }
    struct model_thread *thread = thread_of(enclave->id, call->thread);
    if (!thread) {
        fake_die("an enclave answers that INIT has not made ready");
    }
    switch (call->operation) {
    case CLOISTER_CALL_STATUS:
        if (result->value[0] != thread->state || result->value[1] != thread->interruptions) {
            fake_die("STATUS says %lu, not %u", (unsigned long)result->value[0], thread->state);
        }
        return 0;
    case CLOISTER_CALL_ENTER:
        return expect_enter(thread);
    case CLOISTER_CALL_RESUME:
        return expect_resume(thread);
    default:
        return -EINVAL;
    }
}

void model_check_call(uint16_t domain, const struct thread_call *call, const struct thread *thread,
                      const struct thread_result *result)
{
    const struct enclave *enclave = enclave_of(domain, call->handle);
    int outcome = expect(call, enclave, result);

    if (result->outcome != outcome) {
        fake_die("call %lu is answered %ld, not %d", (unsigned long)call->operation,
                 (long)result->outcome, outcome);
    }
    if ((outcome == -EAGAIN) != (thread != NULL)) {
        fake_die("a call that enters when it must not, or does not when it must");
    }
    if (thread && (thread->enclave != enclave || thread->index != call->thread ||
                   thread->enclave->tenant != fake.domains[domain].tenant)) {
        fake_die("a call that enters somebody else's thread");
    }
}

/* What a REPORT, KEY or COUNTER may be answered; this machine has no TPM. */
static int64_t answer_to_request(const struct thread_exit *exit, int64_t answered)
{
    bool is_report = exit->number == CLOISTER_ENCLAVE_REPORT;

    if (exit->value[0] % (is_report ? 512 : 128) || exit->value[1]) {
        return -EINVAL;
    }
    if (answered == -EFAULT || (answered == -EINVAL && exit->number == CLOISTER_ENCLAVE_COUNTER)) {
        return answered; /* by the page, and what stands in it */
    }
    return is_report ? 0 : -EOPNOTSUPP;
}

void model_check_exit(uint32_t enclave, uint32_t index, const struct thread_exit *exit,
                      enum thread_next next, const struct thread_result *result)
{
    struct model_thread *thread = thread_of(enclave, index);
    enum cloister_thread_state state = CLOISTER_THREAD_DEAD;
    enum thread_next expected = THREAD_LEAVE;
    int64_t outcome = CLOISTER_EXIT_FAULT;

    if (!thread || thread->state != CLOISTER_THREAD_RUNNING) {
        fake_die("a thread leaves that was not running");
    }
    if (exit->kind == THREAD_EXIT_FORBIDDEN ||
        (exit->kind == THREAD_EXIT_CALL &&
         (!exit->kernel || exit->number > CLOISTER_ENCLAVE_COUNTER))) {
        expected = THREAD_INJECT;
    } else if (exit->kind == THREAD_EXIT_CALL && exit->number >= CLOISTER_ENCLAVE_REPORT) {
        expected = THREAD_ANSWER;
        outcome = answer_to_request(exit, result->outcome);
    } else if (exit->kind == THREAD_EXIT_CALL && exit->number == CLOISTER_ENCLAVE_AEX_COUNT) {
        expected = THREAD_ANSWER;
        outcome = thread->interruptions;
    } else if (exit->kind == THREAD_EXIT_CALL && exit->number == CLOISTER_ENCLAVE_RETURN) {
        state = CLOISTER_THREAD_IDLE;
        outcome = CLOISTER_EXIT_RETURN;
    } else if (exit->kind == THREAD_EXIT_CALL && exit->number == CLOISTER_ENCLAVE_OCALL) {
        state = CLOISTER_THREAD_OCALL;
        outcome = CLOISTER_EXIT_OCALL;
    }
    if (next != expected || (next != THREAD_INJECT && result->outcome != outcome)) {
        fake_die("exit %d %lu goes on with %d, %ld", exit->kind, (unsigned long)exit->number, next,
                 (long)result->outcome);
    }
    if (next == THREAD_LEAVE) {
        thread->state = state;
    }
}

void model_interrupted(uint32_t enclave, uint32_t index, bool suspend)
{
    struct model_thread *thread = thread_of(enclave, index);

    if (!thread || thread->state != CLOISTER_THREAD_RUNNING) {
        fake_die("a thread is interrupted that was not running");
    }
    thread->interruptions++;
    if (suspend) {
        thread->state = CLOISTER_THREAD_INTERRUPTED;
    }
}

void model_check(void)
{
    for (unsigned int d = 0; d < FAKE_DOMAINS; d++) {
        const struct tenant *tenant = fake.domains[d].tenant;

        if (tenant && tenant->enclaves && fake.domains[d].refusal) {
            fake_die("a domain has enclaves, and what is refused to those who have");
        }
        for (unsigned int slot = 0; tenant && slot < TENANT_MAX_ENCLAVES; slot++) {
            const struct enclave *enclave = tenant->slots[slot];
            if (!enclave) {
                continue;
            }
            if (enclave->state != CLOISTER_ENCLAVE_READY || enclave->tenant != tenant ||
                enclave->slot != slot || enclave->handle[0] % TENANT_MAX_ENCLAVES != slot) {
                fake_die("a slot with an enclave that does not belong there");
            }
            for (uint32_t i = 0; i < enclave->header.launch.thread_count; i++) {
                const struct model_thread *thread = thread_of(enclave->id, i);
                if (thread && thread->state != thread_state(&enclave->threads[i])) {
                    fake_die("a thread in state %u, not %u", enclave->threads[i].state,
                             thread->state);
                }
            }
        }
    }
}
