/* SPDX-License-Identifier: MIT */
/* ENTER, RESUME and STATUS as raw instructions, and what the victim enclave can do. */
#ifndef ATTACK_CALL_H
#define ATTACK_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <cloister/abi.h>

#include "victim.h"

struct handle {
    uint64_t word[2];
};

static inline bool cpu_is_intel(void)
{
    uint32_t eax = 0, ebx, ecx = 0, edx;

    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return ebx == 0x756e6547; /* "Genu" */
}

/* One call; `value` (may be NULL) is written where the outcome is not negative. */
static inline long raw_call(uint64_t operation, struct handle handle, uint64_t thread,
                            uint64_t arg0, uint64_t arg1, uint64_t value[2])
{
    static int intel = -1;
    register uint64_t r10 __asm__("r10") = thread;
    register uint64_t r8 __asm__("r8") = arg0;
    register uint64_t r9 __asm__("r9") = arg1;
    uint64_t rdi = operation, rsi = handle.word[0];
    long outcome = CLOISTER_HYPERCALL;

    if (intel < 0) {
        intel = cpu_is_intel();
    }
    if (intel) {
        __asm__ volatile("vmcall"
                         : "+a"(outcome), "+D"(rdi), "+S"(rsi)
                         : "d"(handle.word[1]), "r"(r10), "r"(r8), "r"(r9)
                         : "memory");
    } else {
        __asm__ volatile("vmmcall"
                         : "+a"(outcome), "+D"(rdi), "+S"(rsi)
                         : "d"(handle.word[1]), "r"(r10), "r"(r8), "r"(r9)
                         : "memory");
    }
    if (value && outcome >= 0) {
        value[0] = rdi;
        value[1] = rsi;
    }
    return outcome;
}

/* Calls a function of the victim and resumes it until it is done. */
static inline long victim_call(struct handle handle, uint64_t thread, enum victim_function function,
                               uint64_t argument, uint64_t value[2])
{
    long outcome = raw_call(CLOISTER_CALL_ENTER, handle, thread, function, argument, value);

    while (outcome == -11 /* EAGAIN */) {
        outcome = raw_call(CLOISTER_CALL_RESUME, handle, thread, 0, 0, value);
    }
    return outcome;
}

/* The enclave does what it does for everybody who may call it. */
static inline bool victim_answers(struct handle handle, uint64_t thread)
{
    uint64_t value[2] = {0, 0};

    return victim_call(handle, thread, VICTIM_PING, 41, value) == CLOISTER_EXIT_RETURN &&
           value[0] == 42 && value[1] == thread;
}

static inline int thread_state(struct handle handle, uint64_t thread)
{
    uint64_t value[2] = {0, 0};
    long outcome = raw_call(CLOISTER_CALL_STATUS, handle, thread, 0, 0, value);

    return outcome < 0 ? (int)outcome : (int)value[0];
}

static inline struct handle handle_of(char **arguments)
{
    return (struct handle){{strtoull(arguments[0], NULL, 16), strtoull(arguments[1], NULL, 16)}};
}

#endif
