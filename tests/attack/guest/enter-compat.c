/* SPDX-License-Identifier: MIT */
/*
 * Calls from 32-bit code: a far jump into a compatibility-mode segment of Linux (selector 0x23), the
 * instruction, and back. enter-compat H0 H1
 */
#include <string.h>
#include <sys/mman.h>

#include "call.h"
#include "report.h"

/* All of it below 4 GiB: registers are loaded from and stored to `slots`. */
struct low {
    uint8_t code[256];
    uint32_t slots[8]; /* eax ebx ecx edx esi edi, and whether to use VMCALL */
    uint8_t stack[2048];
};

/* From 64-bit code at `entry`: far jump to `compat`, and from there back behind it. */
__asm__(".section .rodata\n"
        "compat_begin:\n"
        ".code64\n"
        "  push %rbx\n"
        "  push %rbp\n"
        "  mov %rsp, %rbp\n"
        "  mov %edi, %ebx\n"         /* struct low */
        "  lea 2304+0(%rbx), %rsp\n" /* a stack below 4 GiB */
        "  push %rbp\n"
        "  sub $8, %rsp\n"
        "  lea 1f-compat_begin(%rbx), %eax\n"
        "  mov %eax, (%rsp)\n"
        "  movl $0x23, 4(%rsp)\n"
        "  ljmp *(%rsp)\n"
        ".code32\n"
        "1: mov %ss, %eax\n" /* DS may be null, which 64-bit code does not mind */
        "  mov %eax, %ds\n"
        "  push %ebx\n"
        "  lea 256(%ebx), %esp\n"
        "  mov 0(%esp), %eax\n"
        "  mov 8(%esp), %ecx\n"
        "  mov 12(%esp), %edx\n"
        "  mov 16(%esp), %esi\n"
        "  mov 20(%esp), %edi\n"
        "  mov 4(%esp), %ebp\n"
        "  cmpl $0, 280(%ebx)\n"
        "  jne 3f\n"
        "  vmmcall\n"
        "  jmp 4f\n"
        "3: vmcall\n"
        "4:\n"
        "  mov %eax, 256(%ebx)\n"
        "  mov %edi, 276(%ebx)\n"
        "  lea 2304-16(%ebx), %esp\n"
        "  lea 2f-compat_begin(%ebx), %eax\n"
        "  mov %eax, (%esp)\n"
        "  movl $0x33, 4(%esp)\n"
        "  ljmp *(%esp)\n"
        ".code64\n"
        "2: add $8, %rsp\n"
        "  pop %rsp\n"
        "  pop %rbp\n"
        "  pop %rbx\n"
        "  ret\n"
        "compat_end:\n"
        ".previous\n");
extern const uint8_t compat_begin[], compat_end[];

static int32_t compat_call(struct low *low, uint32_t number, uint32_t edi, uint32_t esi,
                           uint32_t edx)
{
    low->slots[0] = number;
    low->slots[3] = edx;
    low->slots[4] = esi;
    low->slots[5] = edi;
    ((void (*)(void *))low->code)(low);
    return low->slots[0];
}

int main(int count, char **arguments)
{
    if (count < 3) {
        return 2;
    }
    struct handle handle = handle_of(arguments + 1);
    struct low *low = mmap(NULL, sizeof(*low), PROT_READ | PROT_WRITE | PROT_EXEC,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

    if (low == MAP_FAILED) {
        report_cannot("no memory below 4 GiB");
    }
    memcpy(low->code, compat_begin, compat_end - compat_begin);
    low->slots[6] = cpu_is_intel();
    report_control(victim_answers(handle, 0), "ENTER in 64-bit mode");
    for (uint32_t call = CLOISTER_CALL_STATUS; call <= CLOISTER_CALL_RESUME; call++) {
        static const char *const names[] = {"STATUS in compatibility mode",
                                            "ENTER in compatibility mode",
                                            "RESUME in compatibility mode"};
        report_errno(compat_call(low, CLOISTER_HYPERCALL, call, handle.word[0], handle.word[1]), 1,
                     names[call]);
    }
    return report_end();
}
