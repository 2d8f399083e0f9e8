/* SPDX-License-Identifier: MIT */
/* What C cannot say: forbidden instructions, accesses with a place to land, registers that must last. */
#define PATTERN 0x0101010101010101

    .text

/* void try_access(uint64_t address, uint32_t access, uint64_t *landing, uint64_t *stack) */
    .globl try_access
    .type try_access, @function
try_access:
    leaq 9f(%rip), %rax
    movq %rax, (%rdx)
    movq %rsp, (%rcx)
    cmpl $1, %esi
    je 1f
    ja 2f
    movb (%rdi), %al
    ret
1:  lock orb $0, (%rdi)
    ret
2:  call *%rdi
9:  ret

/* void try_instruction(uint32_t instruction, uint64_t *landing, uint64_t *stack): enum probe_instruction */
    .globl try_instruction
    .type try_instruction, @function
try_instruction:
    pushq %rbx
    leaq 9f(%rip), %rax
    movq %rax, (%rsi)
    movq %rsp, (%rdx)
    leaq cases(%rip), %rcx
    movslq (%rcx, %rdi, 4), %rax
    addq %rcx, %rax
    xorl %ecx, %ecx
    xorl %edx, %edx
    jmp *%rax
9:  popq %rbx
    ret

    .section .rodata.cases, "a", @progbits
    .balign 4
cases:
    .text
.macro CASE instructions
    .pushsection .rodata.cases, "a", @progbits
    .long 1f - cases
    .popsection
1:  \instructions
    jmp 9b
.endm

    CASE "xorl %eax, %eax; cpuid"
    CASE "hlt"
    CASE "inb $0x80, %al"
    CASE "outb %al, $0x80"
    CASE "movl $0xc0000080, %ecx; rdmsr" /* EFER */
    CASE "movl $0xc0000082, %ecx; wrmsr" /* LSTAR */
    CASE "movq %cr0, %rax; movq %rax, %cr0"
    CASE "movq %cr3, %rax; movq %rax, %cr3"
    CASE "movq %cr4, %rax; movq %rax, %cr4"
    CASE "xorl %eax, %eax; movq %rax, %cr8"
    CASE "movq %db7, %rax"
    CASE "movq %rax, %db7"
    CASE "lgdt -16(%rsp)"
    CASE "lidt -16(%rsp)"
    CASE "xorl %eax, %eax; lldt %ax"
    CASE "movl $8, %eax; ltr %ax"
    CASE "rdpmc"
    CASE "rdtscp"
    CASE "invd"
    CASE "wbinvd"
    CASE "leaq cases(%rip), %rax; monitor"
    CASE "xorl %eax, %eax; mwait"
    CASE "movl $1, %eax; xsetbv"
    CASE "xorl %eax, %eax; vmrun"
    CASE "xorl %eax, %eax; vmload"
    CASE "xorl %eax, %eax; vmsave"
    CASE "stgi"
    CASE "clgi"
    CASE "xorl %eax, %eax; invlpga"
    CASE "xorl %eax, %eax; skinit"
    CASE "int $0x80"
    CASE ".byte 0xf1"
    CASE "sysenter"
    CASE "movl $99, %eax; call cloister_leave"

/* void fault_stack_pointer(void): not canonical, so the push is a #SS, whose delivery is a #DF. */
    .globl fault_stack_pointer
    .type fault_stack_pointer, @function
fault_stack_pointer:
    movabsq $0x8000000000000000, %rsp
    pushq %rax
    ud2

/*
 * uint64_t try_registers(uint64_t spins, uint32_t changed[4]): RDI and RSI are in use, all other registers
 * hold a pattern while it spins.
 */
    .globl try_registers
    .type try_registers, @function
try_registers:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $24, %rsp

    fninit
    fldpi
    fldl2e
    fldlg2
    fldln2
    fldl2t
    fld1
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movabsq $(PATTERN * (\n + 20)), %rax
    movq %rax, %xmm\n
    punpcklqdq %xmm\n, %xmm\n
    .endr
    .set n, 1
    .irp register, rax, rbx, rcx, rdx, rbp, r8, r9, r10, r11, r12, r13, r14, r15
    movabsq $(PATTERN * n), %\register
    .set n, n + 1
    .endr

1:  testq %rdi, %rdi
    jz 2f
    decq %rdi
    jmp 1b
2:
    pushfq
    movq %rax, 8(%rsp) /* the place kept above */
    .set n, 1
    .irp register, rax, rbx, rcx, rdx, rbp, r8, r9, r10, r11, r12, r13, r14, r15
    .ifnc \register, rax
    movabsq $(PATTERN * n), %rax
    cmpq %rax, %\register
    je 3f
    incl (%rsi)
3:
    .else
    movabsq $PATTERN, %rdi
    cmpq 8(%rsp), %rdi
    je 3f
    incl (%rsi)
3:
    .endif
    .set n, n + 1
    .endr

    /* DF, TF, IOPL, NT, AC, ID as at the entry: clear. (IF is set on VMX: it changes nothing, see vmx.c.) */
    popq %rax
    testl $0x247500, %eax
    jz 3f
    incl 12(%rsi)
3:
    .irp m, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movabsq $(PATTERN * (\m + 20)), %rax
    movq %xmm\m, %rdi
    psrldq $8, %xmm\m
    movq %xmm\m, %rdx
    subq %rax, %rdi
    subq %rax, %rdx
    orq %rdi, %rdx
    jz 3f
    incl 8(%rsi)
3:
    .endr

    /* Six values were pushed; each must compare equal to the same constant made now. */
.macro POPPED constant
    \constant
    fucomip %st(1), %st
    fstp %st(0)
    jp 4f
    je 3f
4:  incl 4(%rsi)
3:
.endm
    POPPED fld1
    POPPED fldl2t
    POPPED fldln2
    POPPED fldlg2
    POPPED fldl2e
    POPPED fldpi
    fninit

    addq $24, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

    .section .note.GNU-stack, "", @progbits
