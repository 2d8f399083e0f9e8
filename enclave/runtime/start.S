/* SPDX-License-Identifier: MIT */
/*
 * The assembly of the runtime: where a thread enters, how it leaves, and the exception stubs. What the
 * registers hold at the entry is said in cloister/image.h, "How a thread starts".
 */
#define LAYOUT_VERSION 1 /* CLOISTER_START_VERSION; checked in thread.c */
#define VECTORS 32
#define STUB_SIZE 16
#define ENCLAVE_RETURN 0 /* cloister/abi.h */

/* Vectors for which the CPU pushes an error code (AMD APM vol. 2, 8.2; Intel SDM vol. 3, 6.15). */
#define HAS_ERROR_CODE ((1 << 8) | (0x1f << 10) | (1 << 17) | (1 << 21) | (1 << 29) | (1 << 30))

/* If the instruction at `from` raises #UD, go on at `to`. */
.macro FIXUP from, to
    .pushsection cloister_fixups, "a"
    .quad \from, \to
    .popsection
.endm

    .section .note.cloister, "a", @note
    .balign 4
    .long 2f - 1f, 4f - 3f, 1
1:  .asciz "Cloister"
2:  .balign 4
3:  .long LAYOUT_VERSION, VECTORS
    .quad cloister_vectors
    .quad STUB_SIZE
    .quad cloister_layout_page
4:
    /* The image tool fills it: runtime/layout.h. */
    .section .cloister.layout, "a"
    .balign 4096
    .globl cloister_layout_page
    .hidden cloister_layout_page
    .type cloister_layout_page, @object
    .size cloister_layout_page, 4096
cloister_layout_page:
    .zero 4096

    .text

/* RDI, RSI: arguments of ENTER. The stack is empty and aligned. */
    .globl cloister_entry
    .hidden cloister_entry
    .type cloister_entry, @function
cloister_entry:
    call cloister_enter
    movslq %eax, %rdi
    xorl %esi, %esi
    movl $ENCLAVE_RETURN, %eax
    call cloister_leave
    ud2
    .size cloister_entry, . - cloister_entry

/*
 * Calls the monitor: RAX = CLOISTER_ENCLAVE_*, RDI and RSI its values; the same three have the answer, all
 * others are kept. AMD's instruction is tried first; where it raises #UD this is Intel, for ever.
 */
    .globl cloister_leave
    .hidden cloister_leave
    .type cloister_leave, @function
cloister_leave:
    cmpb $0, use_vmcall(%rip)
    jne 3f
1:  vmmcall
    ret
2:  movb $1, use_vmcall(%rip)
3:  vmcall
    ret
    FIXUP 1b, 2b
    .size cloister_leave, . - cloister_leave

    .local use_vmcall
    .comm use_vmcall, 1

/* int random_step(uint64_t *value): 1 a value, 0 none yet, -1 the CPU does not have the instruction. */
.macro RANDOM_STEP name, instruction
    .globl \name
    .hidden \name
    .type \name, @function
\name:
    xorl %eax, %eax
1:  \instruction %rdx
    setc %al
    movq %rdx, (%rdi)
    ret
2:  movl $-1, %eax
    ret
    FIXUP 1b, 2b
    .size \name, . - \name
.endm
    RANDOM_STEP random_step_rdrand, rdrand
    RANDOM_STEP random_step_rdseed, rdseed

/* --- exceptions ------------------------------------------------------------------------------------ */

/* One stub for each vector: the frame becomes struct cloister_registers. */
    .balign STUB_SIZE
    .globl cloister_vectors
    .hidden cloister_vectors
    .type cloister_vectors, @function
cloister_vectors:
    .set vector, 0
    .rept VECTORS
    .balign STUB_SIZE
    .if !((HAS_ERROR_CODE >> vector) & 1)
    pushq $0
    .endif
    pushq $vector
    jmp exception
    .set vector, vector + 1
    .endr
    .size cloister_vectors, . - cloister_vectors

/* The CPU aligned the stack; with 5 + 2 + 15 quadwords it is aligned again. */
    .balign STUB_SIZE
    .type exception, @function
exception:
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    call cloister_exception
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rbp
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    addq $16, %rsp /* vector, error code */
    iretq
    .size exception, . - exception

    .section .note.GNU-stack, "", @progbits
