/* SPDX-License-Identifier: MIT */
/* From multiboot (32-bit, no paging) to visor_main() in 64-bit mode, and the world switch. */
#define MAGIC 0x1badb002
#define FLAGS 0x3 /* aligned modules, memory information */
#define EFER 0xc0000080
#define EFER_SVME_NXE_LME 0x1900
#define CR4_PAE_FXSR 0x620
#define CR0_PG_MP_PE 0x80000003
#define CR0_EM 0x4

    .section .multiboot, "a"
    .balign 4
    .long MAGIC, FLAGS, -(MAGIC + FLAGS)

    .code32
    .text
    .globl start
start:
    movl $stack_end, %esp
    movl %ebx, %edi
    /* Identity map of the first 4 GiB: 4 tables of 2 MiB pages. */
    movl $0x83, %eax
    movl $directories, %ecx
1:  movl %eax, (%ecx)
    movl $0, 4(%ecx)
    addl $8, %ecx
    addl $0x200000, %eax
    cmpl $(directories + 4 * 4096), %ecx
    jne 1b
    movl $(pointers + 3), root
    movl $(directories + 3), pointers
    movl $(directories + 4096 + 3), pointers + 8
    movl $(directories + 8192 + 3), pointers + 16
    movl $(directories + 12288 + 3), pointers + 24
    movl $root, %eax
    movl %eax, %cr3
    movl $CR4_PAE_FXSR, %eax
    movl %eax, %cr4
    movl $EFER, %ecx
    rdmsr
    orl $EFER_SVME_NXE_LME, %eax
    wrmsr
    movl %cr0, %eax
    andl $~CR0_EM, %eax
    orl $CR0_PG_MP_PE, %eax
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $8, $1f
    .code64
1:  movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %edi, %edi
    call visor_main
2:  hlt
    jmp 2b

/*
 * void visor_run(uint64_t vmcb, uint64_t registers[15], uint64_t host_state): runs the world until it
 * exits. Registers: rbx rcx rdx rsi rdi rbp r8-r15, unused. Interrupts can only come while it is inside.
 */
    .globl visor_run
visor_run:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq %rdx
    pushq %rsi
    clgi
    movq %rdx, %rax
    vmsave
    movq %rdi, %rax
    vmload
    movq %rsi, %r15
    movq (%r15), %rbx
    movq 8(%r15), %rcx
    movq 16(%r15), %rdx
    movq 24(%r15), %rsi
    movq 32(%r15), %rdi
    movq 40(%r15), %rbp
    movq 48(%r15), %r8
    movq 56(%r15), %r9
    movq 64(%r15), %r10
    movq 72(%r15), %r11
    movq 80(%r15), %r12
    movq 88(%r15), %r13
    movq 96(%r15), %r14
    movq 104(%r15), %r15
    sti
    vmrun
    cli
    vmsave
    pushq %r15
    movq 8(%rsp), %r15
    movq %rbx, (%r15)
    movq %rcx, 8(%r15)
    movq %rdx, 16(%r15)
    movq %rsi, 24(%r15)
    movq %rdi, 32(%r15)
    movq %rbp, 40(%r15)
    movq %r8, 48(%r15)
    movq %r9, 56(%r15)
    movq %r10, 64(%r15)
    movq %r11, 72(%r15)
    movq %r12, 80(%r15)
    movq %r13, 88(%r15)
    movq %r14, 96(%r15)
    popq %rax
    movq %rax, 104(%r15)
    popq %rsi
    popq %rax
    vmload
    stgi
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

    .data
    .balign 8
gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
    .word 23
    .long gdt, 0

    .bss
    .balign 4096
root:
    .skip 4096
pointers:
    .skip 4096
directories:
    .skip 4 * 4096
    .skip 65536
stack_end:
    .section .note.GNU-stack, "", @progbits
