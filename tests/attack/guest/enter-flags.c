/* SPDX-License-Identifier: MIT */
/* The caller's flags: single-stepping into the enclave, and switching interrupts off: enter-flags H0 H1. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>

#include "call.h"
#include "report.h"

#define FLAG_TF 0x100
#define FLAG_IF 0x200

static sigjmp_buf back;
static volatile unsigned long steps;

static void on_step(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
    steps++;
}

static void on_fault(int number)
{
    (void)number;
    siglongjmp(back, 1);
}

static uint64_t flags_read(void)
{
    uint64_t flags;

    __asm__ volatile("pushfq; pop %0" : "=r"(flags));
    return flags;
}

/* Traps after every instruction from here to the next flags_set(flags without TF). */
static void flags_set(uint64_t flags)
{
    __asm__ volatile("push %0; popfq" : : "r"(flags) : "memory", "cc");
}

static void try_step(struct handle handle)
{
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    uint64_t flags = flags_read();
    long outcome;

    sigaction(SIGTRAP, &action, NULL);
    for (uint64_t call = CLOISTER_CALL_ENTER; call <= CLOISTER_CALL_RESUME; call++) {
        steps = 0;
        flags_set(flags | FLAG_TF);
        outcome = raw_call(call, handle, 0, VICTIM_PING, 1, NULL);
        flags_set(flags);
        report_errno(outcome, 22, call == CLOISTER_CALL_ENTER ? "ENTER with TF" : "RESUME with TF");
    }
    report_control(steps > 1, "single-stepping works outside: %lu steps", steps);
}

static bool cli_faults(void)
{
    signal(SIGSEGV, on_fault);
    if (sigsetjmp(back, 1)) {
        return true;
    }
    __asm__ volatile("cli");
    return false;
}

static void try_interrupts(struct handle handle)
{
    report_try(cli_faults(), "CLI in user mode: #GP");
    if (!iopl(3)) {
        /* Linux skips the instruction (fixup_iopl_exception) instead of raising a signal. */
        cli_faults();
        report_try(flags_read() & FLAG_IF, "CLI in user mode with iopl(3): IF is still set");
    }
    flags_set(flags_read() & ~(uint64_t)FLAG_IF);
    report_try(flags_read() & FLAG_IF, "POPF cannot clear IF: it is still set");
    report_control(victim_answers(handle, 0), "ENTER afterwards");
}

int main(int count, char **arguments)
{
    if (count < 3) {
        return 2;
    }
    struct handle handle = handle_of(arguments + 1);

    report_control(victim_answers(handle, 0), "ENTER");
    try_step(handle);
    try_interrupts(handle);
    return report_end();
}
