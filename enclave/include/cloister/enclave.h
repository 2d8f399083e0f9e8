/* SPDX-License-Identifier: MIT */
/*
 * For code inside an enclave: how it is called, what it can call, what it can rely on.
 *
 * An enclave is an ordinary static C program without main(). It defines a table of functions with
 * CLOISTER_ECALLS(); the application calls them by number (cloister_enclave_call() of libcloister). It
 * runs at the highest privilege of its own 64-bit world, with its own page tables and interrupt table, and
 * sees nothing but its own pages and the window it shares with the application.
 *
 * ## What to rely on
 *
 *   - Up to `threads` calls run at the same time, each on a stack of its own; data is shared among them
 *     like among the threads of a process, `__thread` variables belong to one of them. Which thread serves
 *     a call is the application's choice. All state lives until the enclave ends.
 *   - The application may interrupt a thread at any instruction, for any time, and may never resume it.
 *     It can neither see nor change a register or a page. Time is the application's to give: a lock may
 *     be held for ever by a thread that it does not resume.
 *   - SSE2 is there, the FPU is in its default state at the begin of each call. Code for AVX must be sure
 *     that the CPU has it; CPUID raises #UD here.
 *   - What a call takes was copied to private memory before the function starts, and what it gives is
 *     copied out after it ends: the application cannot change data that was checked. Both private copies
 *     are wiped after the call; the stack is not.
 *   - The stack ends in a page that does not exist. Overflow is a fault, not damage.
 *
 * ## What not to use
 *
 * System calls, I/O, CPUID, RDTSCP, MSRs, control and debug registers, HLT: they raise #GP, CPUID #UD.
 * There is no C library but what stands in cloister/freestanding/.
 */
#ifndef CLOISTER_ENCLAVE_H
#define CLOISTER_ENCLAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOISTER_CHECK_RESULT __attribute__((warn_unused_result))

/* --- calls in ------------------------------------------------------------------------------------ */

/*
 * A function that the application can call. `in` is a private copy of in_size bytes, `out` private memory
 * of out_capacity bytes, zeros at first; both are aligned to 16, belong to the call, and end with it.
 * Neither is NULL, even for 0 bytes. Set *out_size (it is 0) to the number of bytes given, at most
 * out_capacity. Returns 0 or a negative errno, -4095 .. -1, which the application sees; with an error
 * nothing is given.
 */
typedef int cloister_ecall_function(const void *in, size_t in_size, void *out, size_t out_capacity,
                                    size_t *out_size);

struct cloister_ecall {
    cloister_ecall_function *function; /* NULL: no such function */
    size_t max_in;  /* a call with more is refused before it starts (-EMSGSIZE) */
    size_t max_out; /* out_capacity is what the application has room for, but at most this */
};

/*
 * Defines the table, once in an enclave. The index is the function's number:
 *
 *     CLOISTER_ECALLS([0] = {add, 8, 8}, [1] = {get, 0, 8});
 *
 * What the application sees without any of these functions being called:
 *   -ENOSYS    no such function
 *   -EMSGSIZE  more than max_in bytes, or in and out together do not fit into the thread's slot
 *   -EFAULT    the call frame points outside the slot (libcloister never does that)
 *   -EINVAL    a reserved field of the frame is not zero
 *   -EIO       the CPU's random number generator does not work
 * and after the function:
 *   -EPROTO    it set *out_size to more than out_capacity, or returned something that is no errno
 */
#define CLOISTER_ECALLS(...)                                                                       \
    const struct cloister_ecall cloister_ecalls[] = {__VA_ARGS__};                                 \
    const size_t cloister_ecall_count = sizeof(cloister_ecalls) / sizeof(cloister_ecalls[0])

extern const struct cloister_ecall cloister_ecalls[];
extern const size_t cloister_ecall_count;

/* --- calls out ----------------------------------------------------------------------------------- */

/*
 * Calls `function` of the application (cloister_enclave_set_ocall() of libcloister) with in_size bytes at
 * `in`, which are copied out of the enclave: the application sees them. What it answers is copied to
 * `out` (may be `in`; NULL if out_capacity is 0), its size to *out_size (may be NULL). The application may
 * answer anything, late, or never; what comes back is input from an adversary.
 *   -EMSGSIZE  in and out do not fit into the thread's slot of the shared window
 *   -EPROTO    the answer breaks the rules of the call frame
 *   others     as the application answered; -ENOSYS if it does not serve this function
 */
CLOISTER_CHECK_RESULT int cloister_ocall(uint32_t function, const void *in, size_t in_size,
                                         void *out, size_t out_capacity, size_t *out_size);

/* --- the world ------------------------------------------------------------------------------------ */

/* How often this thread was interrupted since the enclave began. A single-stepping host shows here. */
uint64_t cloister_interruptions(void);

/* Number of the current thread, 0 .. cloister_thread_count() - 1. */
uint32_t cloister_thread_index(void);
uint32_t cloister_thread_count(void);

/*
 * Gives up: this thread is dead, the call ends for the application with `vector` (0 .. 255) and `page`
 * (a linear address >> 12, or 0), and both stand in the host's trace. CLOISTER_FAULT_* are the runtime's
 * own, beyond the CPU's exceptions.
 */
__attribute__((noreturn)) void cloister_fault(uint32_t vector, uint64_t page);
#define CLOISTER_FAULT_ABORT 224u /* abort() or a failed assert() */
#define CLOISTER_FAULT_STACK 225u /* the stack protector found its canary changed */
#define CLOISTER_FAULT_HEAP                                                                        \
    226u /* free() of what was not allocated or free already; heap damaged */
#define CLOISTER_FAULT_LAYOUT 227u /* the image was not made by cloister-image for this runtime */

/* --- proof and sealing ---------------------------------------------------------------------------- */

/* cloister/report.h says what it is, what is signed, and how it is verified. */
struct cloister_report;

/*
 * Has the monitor sign a report about this enclave, with 64 bytes of its own in it: a challenge, or the hash
 * of a key that it made. It says nothing secret, and can be handed out. It takes some million instructions,
 * and the application is not asked.
 *   -EOPNOTSUPP  the monitor has no identity (the host's `cloisterctl status` says why)
 */
CLOISTER_CHECK_RESULT int cloister_report(const uint8_t data[64], struct cloister_report *report);

/*
 * A key that this enclave, and those that `policy` (enum cloister_seal_policy of cloister/seal.h) names, get
 * in every boot of this machine, and nobody else. `label` tells keys apart that are for different uses. With
 * the security version of the enclave that sealed, a newer enclave opens what an older one sealed. Wipe the
 * key after use.
 *   -EINVAL      no such policy
 *   -EPERM       a higher security version than this enclave's own
 *   -EOPNOTSUPP  the machine has no sealing root in this boot (the host's `cloisterctl status` says why)
 */
CLOISTER_CHECK_RESULT int cloister_seal_key(uint32_t policy, uint32_t security_version,
                                            const uint8_t label[32], uint8_t key[32]);

/* --- rollback ------------------------------------------------------------------------------------- */

/*
 * Monotonic counters (cloister/counter.h): how an enclave finds out that what it sealed is not its newest.
 *
 * A counter belongs to the domain and to the enclaves that `policy` (enum cloister_seal_policy of
 * cloister/seal.h) names: those that get the same sealing key. `label` tells counters apart. It lives in the
 * monitor; an increment takes microseconds, and becomes durable later, when the host has brought it to its disk and
 * its TPM: usually within some seconds, with an overloaded or hostile host never. To keep a state:
 *
 *     cloister_counter_read(POLICY, label, &now);            1. what is there; nothing: now.value = 0
 *     cloister_random(tag, 16);                              2. seal {state, tag}, and have it stored beside the
 *                                                               state of before, which stays
 *     cloister_counter_increment(POLICY, label, tag, &now);  3. from now on this state counts. -EBUSY: another
 *                                                               enclave has gone on meanwhile
 *     do cloister_counter_read(POLICY, label, &look);        4. let the application wait, and ask again,
 *     until look.committed >= now.value                         until it is durable
 *     answer; the state of before is not needed any more     5. only now anything may leave the enclave
 *
 * What leaves the enclave before 4. is done can be taken back: after a power failure the counter may stand where it
 * stood, and the state of before is the newest again. The state must be stored before 3.: a counter that names a
 * state which nobody has is the end of it. The tag must be random: it is what no other state has. When a state is
 * opened, and `now` is what the counter reads:
 *
 *     the sealed tag == now.tag   it is the newest
 *     another tag                 an older one (rollback), or one that never came to count, or whose increment was
 *                                 lost before it was durable: try the one of before, or the one behind it
 *     -ENOENT                     the host lost its counters, or took them away: nobody can say how old the state is
 *
 * In the last case a new counter starts only by a decision from outside that the enclave can check. An enclave that
 * goes on by itself can be rolled back by whoever makes the host lose its counters.
 */
struct cloister_counter_value {
    /* higher than all before it in this table, also if the counter was removed and made again */
    uint64_t value;
    uint64_t committed; /* values up to this one are durable */
    uint8_t tag[16];    /* that of the last increment */
    uint8_t table[16];  /* which table of counters: random, another one after a loss */
};

/*
 * Reads a counter, increments it, or removes it. On an error nothing was changed, nor *now. All of them:
 *   -EINVAL      no such policy
 *   -EAGAIN      the host has not loaded the counters of its last boot yet: try again
 *   -EOPNOTSUPP  the machine has no counters in this boot (the host's `cloisterctl status` says why)
 */
/*   -ENOENT      there is no such counter */
CLOISTER_CHECK_RESULT int cloister_counter_read(uint32_t policy, const uint8_t label[32],
                                                struct cloister_counter_value *now);
/*
 * now->value is the value that the counter must have, 0: it must not be there, and is made; then *now is as it is.
 *   -EBUSY       it has another value
 *   -ENOSPC      the domain (64 counters) or the machine (1,022) has as many as it may have
 */
CLOISTER_CHECK_RESULT int cloister_counter_increment(uint32_t policy, const uint8_t label[32],
                                                     const uint8_t tag[16],
                                                     struct cloister_counter_value *now);
/*   -ENOENT      there is no such counter */
CLOISTER_CHECK_RESULT int cloister_counter_remove(uint32_t policy, const uint8_t label[32]);

/* --- randomness ----------------------------------------------------------------------------------- */

/*
 * Fills `buffer` from the CPU's random number generator (RDRAND). Each value is checked: ten tries, and no
 * value that repeats the one before or is all ones (as broken CPUs give).
 *   -EIO  the CPU has no generator, or it does not work; `buffer` is zeros
 */
CLOISTER_CHECK_RESULT int cloister_random(void *buffer, size_t size);
/* The same for the seed of another generator: from the entropy source itself (RDSEED) where the CPU has
 * it, else from RDRAND. Slow. -EIO as above. */
CLOISTER_CHECK_RESULT int cloister_seed(void *buffer, size_t size);

/* --- exceptions ----------------------------------------------------------------------------------- */

/* The interrupted registers. A handler may change all of them but cs and ss. */
struct cloister_registers {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector;
    uint64_t error_code; /* 0 where the CPU gives none */
    uint64_t rip;
    uint64_t cs;
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};

/*
 * Handles an exception: true to continue at registers->rip (a fault is retried unless the handler moves
 * it), false to give up. `address` is the faulting address of a #PF, else 0. It runs on the thread's stack
 * below the interrupted frame, a #PF's on a stack of 8 KiB of its own, where another #PF is the end.
 * SSE and x87 registers are kept.
 */
typedef bool cloister_exception_handler(struct cloister_registers *registers, uint64_t address);

/*
 * Sets the handler of one vector for all threads; NULL: give up, which is the default and ends the call
 * with the vector and, for #PF, the page.
 *   -EINVAL  vector above 31, or one that cannot be handled (2 NMI, 8 #DF, 18 #MC)
 */
CLOISTER_CHECK_RESULT int cloister_set_exception_handler(uint32_t vector,
                                                         cloister_exception_handler *handler);

/* --- locks ---------------------------------------------------------------------------------------- */

/* A spinlock; zeros are an unlocked one. Not recursive. */
struct cloister_lock {
    uint32_t taken;
};
/* clang-format off */
#define CLOISTER_LOCK_INIT {0}
/* clang-format on */

void cloister_lock_take(struct cloister_lock *lock);
/* False: somebody has it. */
CLOISTER_CHECK_RESULT bool cloister_lock_try(struct cloister_lock *lock);
void cloister_lock_release(struct cloister_lock *lock);

/* --- memory --------------------------------------------------------------------------------------- */

/* Writes zeros; the compiler never leaves it out. malloc() and friends stand in <stdlib.h>; free() wipes. */
void cloister_wipe(void *memory, size_t size);
/* Compares in a time that depends on `size` only. */
CLOISTER_CHECK_RESULT bool cloister_equal(const void *a, const void *b, size_t size);
/* True if [memory, memory + size) touches nothing of the shared window or outside the enclave. */
CLOISTER_CHECK_RESULT bool cloister_is_inside(const void *memory, size_t size);

#endif
