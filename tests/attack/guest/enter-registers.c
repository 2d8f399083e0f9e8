/* SPDX-License-Identifier: MIT */
/*
 * Registers full of junk and of addresses that cannot be: nothing of it reaches the enclave but the two
 * arguments, and what comes back is the caller's own. enter-registers H0 H1
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "call.h"
#include "report.h"

enum { RAX, RBX, RCX, RDX, RSI, RDI, RBP, R8, R9, R10, R11, R12, R13, R14, R15, REGISTERS };

struct state {
    uint64_t gpr[REGISTERS];
    uint64_t saved_rsp;
    uint8_t xmm[16][16];
};

/* Loads everything, executes the instruction, and stores everything. */
void registers_call(struct state *in, struct state *out);
bool registers_vmcall;
__asm__(".text\n"
        "registers_call:\n"
        "  push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "  push %rsi\n"
        "  mov %rsp, 120(%rdi)\n"
        "  .irp x, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
        "  movdqu 128+16*\\x(%rdi), %xmm\\x\n"
        "  .endr\n"
        "  mov 0(%rdi), %rax; mov 8(%rdi), %rbx; mov 16(%rdi), %rcx; mov 24(%rdi), %rdx\n"
        "  mov 32(%rdi), %rsi; mov 48(%rdi), %rbp; mov 56(%rdi), %r8; mov 64(%rdi), %r9\n"
        "  mov 72(%rdi), %r10; mov 80(%rdi), %r11; mov 88(%rdi), %r12; mov 96(%rdi), %r13\n"
        "  mov 104(%rdi), %r14; mov 112(%rdi), %r15; mov 40(%rdi), %rdi\n"
        "  cmpb $0, registers_vmcall\n"
        "  jne 1f\n"
        "  vmmcall\n"
        "  jmp 2f\n"
        "1: vmcall\n"
        "2:\n"
        "  push %rdi\n"
        "  mov 8(%rsp), %rdi\n"
        "  mov %rax, 0(%rdi); mov %rbx, 8(%rdi); mov %rcx, 16(%rdi); mov %rdx, 24(%rdi)\n"
        "  mov %rsi, 32(%rdi); mov %rbp, 48(%rdi); mov %r8, 56(%rdi); mov %r9, 64(%rdi)\n"
        "  mov %r10, 72(%rdi); mov %r11, 80(%rdi); mov %r12, 88(%rdi); mov %r13, 96(%rdi)\n"
        "  mov %r14, 104(%rdi); mov %r15, 112(%rdi)\n"
        "  pop %rax\n"
        "  mov %rax, 40(%rdi)\n"
        "  .irp x, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
        "  movdqu %xmm\\x, 128+16*\\x(%rdi)\n"
        "  .endr\n"
        "  pop %rsi\n"
        "  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "  ret\n");

static void junk_fill(struct state *state, uint64_t junk)
{
    for (unsigned int i = 0; i < REGISTERS; i++) {
        state->gpr[i] = junk + i;
    }
    for (unsigned int i = 0; i < sizeof(state->xmm); i++) {
        state->xmm[i / 16][i % 16] = junk >> (i % 8 * 8) ^ i;
    }
}

/* Whether everything but RAX (and RDI, RSI where there is an outcome) is as it was. */
static bool is_kept(const struct state *in, const struct state *out)
{
    bool kept = !memcmp(in->xmm, out->xmm, sizeof(in->xmm));

    for (unsigned int i = RBX; i < REGISTERS; i++) {
        if ((int64_t)out->gpr[RAX] >= 0 && (i == RSI || i == RDI)) {
            continue;
        }
        kept = kept && in->gpr[i] == out->gpr[i];
    }
    return kept;
}

static long call_with(uint64_t junk, uint64_t call, struct handle handle, uint64_t thread,
                      uint64_t arg0, uint64_t arg1, struct state *out, bool *kept)
{
    struct state in;

    memset(&in, 0, sizeof(in));
    memset(out, 0, sizeof(*out));
    junk_fill(&in, junk);
    in.gpr[RAX] = CLOISTER_HYPERCALL;
    in.gpr[RDI] = call;
    in.gpr[RSI] = handle.word[0];
    in.gpr[RDX] = handle.word[1];
    in.gpr[R10] = thread;
    in.gpr[R8] = arg0;
    in.gpr[R9] = arg1;
    registers_call(&in, out);
    *kept = *kept && is_kept(&in, out);
    return out->gpr[RAX];
}

int main(int count, char **arguments)
{
    static const uint64_t junk[] = {0x8000000000000000, 0x7fffffffffffffff, 0xffff7fffffffffff,
                                    0x0000800000000000, 0xdead000000000000, UINT64_MAX - 16};
    if (count < 3) {
        return 2;
    }
    struct handle handle = handle_of(arguments + 1);
    registers_vmcall = cpu_is_intel();

    for (unsigned int i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
        struct handle wrong = {{junk[i], junk[i]}};
        struct state out;
        bool kept = true;
        char text[96];

        long outcome =
            call_with(junk[i], CLOISTER_CALL_ENTER, wrong, junk[i], junk[i], junk[i], &out, &kept);
        snprintf(text, sizeof(text), "ENTER with %#" PRIx64 " everywhere", junk[i]);
        report_errno(outcome, 2, text);
        outcome =
            call_with(junk[i], CLOISTER_CALL_ENTER, handle, 0, VICTIM_PING, junk[i], &out, &kept);
        while (outcome == -11) {
            outcome =
                call_with(junk[i], CLOISTER_CALL_RESUME, handle, 0, junk[i], junk[i], &out, &kept);
        }
        report_control(!outcome && out.gpr[RDI] == junk[i] + 1,
                       "the right handle with junk in all other registers");
        /* An unknown function whose number is an address: the enclave's own business. */
        outcome = call_with(junk[i], CLOISTER_CALL_ENTER, handle, 0, junk[i], junk[i], &out, &kept);
        while (outcome == -11) {
            outcome = call_with(junk[i], CLOISTER_CALL_RESUME, handle, 0, 0, 0, &out, &kept);
        }
        report_try(!outcome && out.gpr[RDI] == UINT64_MAX,
                   "an address as an argument: only a number");
        report_try(kept, "all other registers are the caller's own afterwards");
    }
    return report_end();
}
