/* SPDX-License-Identifier: MIT */
/* The victim's entry point, its exits, and the loop with known registers. */
#ifdef VICTIM_VMCALL
#define CALL_MONITOR vmcall
#else
#define CALL_MONITOR vmmcall
#endif

    .code64
    .section .text.entry, "ax"
    .globl victim_entry
/* RDI, RSI: arguments of ENTER; RDX: thread. */
victim_entry:
    cld
    call victim_main
    mov %rax, %rdi
    mov %rdx, %rsi
    xor %eax, %eax
    CALL_MONITOR
    ud2

    .text
/* struct victim_result victim_ocall(value0): what RESUME gave */
    .globl victim_ocall
victim_ocall:
    xor %esi, %esi
    mov $1, %eax
    CALL_MONITOR
    mov %rdi, %rax
    mov %rsi, %rdx
    ret

/* uint64_t victim_aex_count(void) */
    .globl victim_aex_count
victim_aex_count:
    mov $3, %eax
    CALL_MONITOR
    ret

/*
 * uint64_t victim_spin(const uint64_t words[46], const volatile uint64_t *stop)
 * Words 0..13 go to the general registers (all but RSP and RDI, which holds the table), 14..45 to
 * XMM0..15. Counts the registers that have changed when it stops. RDI = table; table[-1] = stop.
 */
    .globl victim_spin
victim_spin:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    .set i, 0
    .irp x, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    movdqu 8*(14+2*i)(%rdi), %xmm\x
    .set i, i+1
    .endr
    .set i, 0
    .irp reg, rax,rbx,rcx,rdx,rsi,rbp,r8,r9,r10,r11,r12,r13,r14,r15
    mov 8*i(%rdi), %\reg
    .set i, i+1
    .endr
1:
    push %rax
    mov -8(%rdi), %rax
    cmpq $0, (%rax)
    pop %rax
    je 1b
    /* count in the stack's top word */
    push $0
    .set i, 0
    .irp reg, rax,rbx,rcx,rdx,rsi,rbp,r8,r9,r10,r11,r12,r13,r14,r15
    cmp 8*i(%rdi), %\reg
    je 2f
    incq (%rsp)
2:
    .set i, i+1
    .endr
    .set i, 0
    .irp x, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    movq %xmm\x, %rax
    cmp 8*(14+2*i)(%rdi), %rax
    je 3f
    incq (%rsp)
3:
    psrldq $8, %xmm\x
    movq %xmm\x, %rax
    cmp 8*(15+2*i)(%rdi), %rax
    je 4f
    incq (%rsp)
4:
    .set i, i+1
    .endr
    pop %rax
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
/*
 * struct victim_result victim_mode(number, address, user): asks the monitor for `number`, with an address, in
 * the enclave's user mode or not. Value 0: the call was refused, by #GP at its instruction; else 1, and what RAX
 * had after it. HLT ends both: nobody may use it.
 */
    .globl victim_mode
victim_mode:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, victim_mode_stack(%rip)
    test %edx, %edx
    jz victim_mode_ask
    mov %rsp, %rax
    push $0x23
    push %rax
    push $2
    push $0x1b
    lea victim_mode_ask(%rip), %rcx
    push %rcx
    iretq
victim_mode_ask:
    mov %rdi, %rax
    mov %rsi, %rdi
    xor %esi, %esi
victim_mode_call:
    CALL_MONITOR
    hlt

/* #GP; mkvictim puts it into the IDT. On the stack: error code, RIP. */
    .globl victim_gp
victim_gp:
    mov 8(%rsp), %rcx
    lea victim_mode_call(%rip), %rdx
    mov victim_mode_stack(%rip), %rsp
    cmp %rdx, %rcx
    mov %rax, %rdx
    setne %al
    movzbl %al, %eax
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    .bss
    .balign 8
victim_mode_stack:
    .skip 8
    .balign 16
    .skip 1024
    .globl victim_gate_stack
victim_gate_stack: /* RSP for what comes from user mode; grows downwards */
    .skip 16

    .section .note.GNU-stack, "", @progbits
