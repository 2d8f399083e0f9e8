/* SPDX-License-Identifier: MIT */
/* Calls that do not exist, control operations and other hypercalls, all from user mode:
 * enter-operations H0 H1. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "call.h"
#include "report.h"

/* Another hypercall, as the tenant's kernel would make it. */
static long hypercall(uint64_t number, uint64_t a, uint64_t b)
{
    register uint64_t r10 __asm__("r10") = 0;
    register uint64_t r8 __asm__("r8") = 0;
    long outcome = number;

    if (cpu_is_intel()) {
        __asm__ volatile("vmcall"
                         : "+a"(outcome), "+D"(a), "+S"(b)
                         : "d"(0), "r"(r10), "r"(r8)
                         : "memory");
    } else {
        __asm__ volatile("vmmcall"
                         : "+a"(outcome), "+D"(a), "+S"(b)
                         : "d"(0), "r"(r10), "r"(r8)
                         : "memory");
    }
    return outcome;
}

static void try_unknown(struct handle handle)
{
    static const uint64_t more[] = {UINT64_C(1) << 31, UINT64_C(1) << 32, (UINT64_C(1) << 32) | 1,
                                    UINT64_MAX};
    unsigned long wrong = 0;

    for (uint64_t call = CLOISTER_CALL_RESUME + 1; call < 150; call++) {
        wrong += raw_call(call, handle, 0, 0, 0, NULL) != -22;
    }
    for (unsigned int i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        wrong += raw_call(more[i], handle, 0, 0, 0, NULL) != -22;
    }
    report_try(!wrong, "unknown calls with the right handle: -EINVAL but for %lu", wrong);
}

/* As a control operation: RDI = operation, RSI = address of its structure. */
static void try_control(void)
{
    static struct cloister_info memory;
    unsigned long wrong = 0;

    for (uint64_t op = CLOISTER_OP_INFO; op <= CLOISTER_OP_LIMIT; op++) {
        wrong += hypercall(CLOISTER_HYPERCALL, op, (uintptr_t)&memory) != -2;
    }
    wrong += hypercall(CLOISTER_HYPERCALL, CLOISTER_OP_TEST, (uintptr_t)&memory) != -2;
    report_try(!wrong && !memory.abi_version,
               "control operations from user mode: -ENOENT (no such handle) but for %lu", wrong);
}

/* Xen's own: refused before anything is looked at. */
static void try_others(void)
{
    unsigned long wrong = 0;

    for (uint64_t number = 0; number < 64; number++) {
        if (number != CLOISTER_HYPERCALL && hypercall(number, 0, 0) != -1) {
            wrong++;
        }
    }
    report_try(!wrong, "every other hypercall from user mode: -EPERM but for %lu", wrong);
}

int main(int count, char **arguments)
{
    if (count < 3) {
        return 2;
    }
    struct handle handle = handle_of(arguments + 1);

    report_control(victim_answers(handle, 0), "ENTER");
    try_unknown(handle);
    try_control();
    try_others();
    return report_end();
}
