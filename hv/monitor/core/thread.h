/* SPDX-License-Identifier: MIT */
/*
 * Enclave threads: who may enter, and what an exit means. The register contexts are the host's
 * business (struct world); the monitor keeps the state machine.
 *
 *   IDLE --ENTER--> RUNNING --RETURN--> IDLE
 *                   RUNNING --interrupt that the tenant must see--> INTERRUPTED --RESUME--> RUNNING
 *                   RUNNING --OCALL--> OCALL --RESUME--> RUNNING
 *                   RUNNING --fault--> DEAD
 *   any --DESTROY of the enclave--> gone
 *
 * A thread is RUNNING only while its vCPU is on its way into the enclave, inside, or on its way
 * out. IDLE, INTERRUPTED and OCALL change to RUNNING under tenant.lock; RUNNING changes to anything
 * else on the thread's own vCPU, or by DESTROY while that vCPU is stopped.
 */
#ifndef CLOISTER_MONITOR_THREAD_H
#define CLOISTER_MONITOR_THREAD_H

#include "core/tenant.h"

/* The host's, and one for the request that the thread is at (report.c). */
#define THREAD_FRAMES (WORLD_FRAMES + 1)

struct thread {
    struct enclave *enclave;
    uint32_t index;
    uint8_t state; /* enum cloister_thread_state */
    uint16_t vcpu; /* where it runs, if RUNNING */
    frame_t context[THREAD_FRAMES];
    void *world; /* the host's mapping of its register context */
    uint64_t interruptions;
};

/* By anybody: a state that is not RUNNING comes with all that was done while the thread ran. */
static inline enum cloister_thread_state thread_state(const struct thread *thread)
{
    return __atomic_load_n(&thread->state, __ATOMIC_ACQUIRE);
}

/* What a tenant asks, as decoded from its registers. */
struct thread_call {
    uint64_t operation; /* enum cloister_call */
    uint64_t handle[2];
    uint64_t thread;
    uint64_t arg[2];
    bool user_mode; /* 64-bit, CPL 3 */
    bool flags_ok;  /* IF set, TF clear */
    uint16_t vcpu;
};

/* What the tenant gets. */
struct thread_result {
    int64_t outcome;
    uint64_t value[2]; /* valid if outcome >= 0 */
};

/*
 * Serves ENTER, RESUME, STATUS. Returns the thread that the vCPU shall now enter; then *result is
 * what stands unless the exit says something else (-EAGAIN). NULL: *result is the answer.
 */
struct thread *thread_call(struct tenant *tenant, const struct thread_call *call,
                           struct thread_result *result);

/*
 * The same for ENTER and RESUME where nothing may wait, be recorded or be refused. NULL: nothing was changed, and
 * thread_call() says why. Takes tenant.lock if it is free; may be called with interrupts off.
 */
struct thread *thread_call_try(struct tenant *tenant, const struct thread_call *call);

enum thread_exit_kind {
    THREAD_EXIT_CALL,      /* the enclave's own call: number and values below */
    THREAD_EXIT_FORBIDDEN, /* an instruction that enclaves may not use */
    THREAD_EXIT_VIEW,      /* an access that the view does not allow: address = guest-physical */
    THREAD_EXIT_VECTOR,    /* CLOISTER_VECTOR_SHUTDOWN, _STATE or _MACHINE in `number` */
};

struct thread_exit {
    enum thread_exit_kind kind;
    uint64_t number;
    uint64_t value[2];
    uint64_t address;
    bool kernel; /* CALL: from the enclave's CPL 0 */
};

enum thread_next {
    THREAD_LEAVE,  /* the call is over: *result is the answer */
    THREAD_ANSWER, /* go on inside with result->outcome in RAX */
    THREAD_AGAIN, /* let others have the CPU, then go on inside at the call itself, with nothing changed */
    THREAD_INJECT, /* go on inside with #GP(0) raised at the instruction */
};

/*
 * RETURN or OCALL from CPL 0, which change nothing but the thread's state; the tenant's answer is the call's number
 * and its two values. The host touches nothing of the thread's behind it.
 */
static inline void thread_leave(struct thread *thread, uint64_t number)
{
    __atomic_store_n(&thread->state,
                     number == CLOISTER_ENCLAVE_RETURN ? CLOISTER_THREAD_IDLE
                                                       : CLOISTER_THREAD_OCALL,
                     __ATOMIC_RELEASE);
}

/* A synchronous exit of a RUNNING thread. */
enum thread_next thread_exit(struct thread *thread, const struct thread_exit *exit,
                             struct thread_result *result);
/* A host interrupt took the vCPU out. */
void thread_interrupted(struct thread *thread);
/* ... and the vCPU goes back in without the tenant having run. */
void thread_reentered(struct thread *thread);
/* ... and the tenant has something to do first: it will RESUME. */
void thread_suspend(struct thread *thread);

#endif
