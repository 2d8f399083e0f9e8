/* SPDX-License-Identifier: MIT */
/*
 * What the image tool and the runtime agree on. Both are built from this header; a change of any
 * structure is a new CLOISTER_START_VERSION.
 *
 * ## From the program to the tool: the start note
 *
 * An ELF note, owner "Cloister", type CLOISTER_START_NOTE: struct cloister_start.
 *
 * ## From the tool to the program: the layout page
 *
 * A page of zeros in the program (start.layout), read-only and measured like everything else, that the
 * tool fills with struct cloister_layout, the GDT and the IDT.
 *
 * ## The address space
 *
 *   the program's segments, from CLOISTER_ENCLAVE_BASE on
 *   the task-state segments, read-only
 *   one block for each thread, blocks `thread_stride` apart:
 *       guard  stack  guard  fault stack  guard  double-fault stack  guard  TLS and thread  guard  scratch
 *   guard  heap  guard
 *   the page tables, which are not mapped in the linear address space
 *
 * A guard is a page without a record, and without a page-table entry.
 */
#ifndef CLOISTER_RUNTIME_LAYOUT_H
#define CLOISTER_RUNTIME_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "cloister/image.h"

#define CLOISTER_START_OWNER "Cloister"
#define CLOISTER_START_NOTE 1u
#define CLOISTER_START_VERSION 1u
#define CLOISTER_VECTOR_COUNT 32u

struct cloister_start {
    uint32_t version;       /* CLOISTER_START_VERSION */
    uint32_t vector_count;  /* CLOISTER_VECTOR_COUNT */
    uint64_t vectors;       /* address of the first exception stub */
    uint64_t vector_stride; /* bytes from one stub to the next */
    uint64_t layout;        /* address of the layout page */
};

#define CLOISTER_LAYOUT_MAGIC UINT64_C(0x54554f59414c4c43) /* "CLLAYOUT" */
#define CLOISTER_LAYOUT_GDT 1024u                          /* offsets in the layout page */
#define CLOISTER_LAYOUT_IDT 2048u

struct cloister_layout {
    uint64_t magic;        /* CLOISTER_LAYOUT_MAGIC */
    uint32_t version;      /* CLOISTER_START_VERSION */
    uint32_t thread_count; /* as in the launch state */
    uint64_t heap_base;    /* page-aligned; heap_size may be 0 */
    uint64_t heap_size;
    uint64_t shared_base; /* CLOISTER_SHARED_BASE */
    uint64_t shared_size;
    uint64_t slot_size;     /* of one thread's part of the shared window */
    uint64_t thread_stride; /* bytes from one thread's block to the next; the rest is of thread 0 */
    uint64_t stack_base;
    uint64_t stack_size;
    uint64_t fault_stack_base;
    uint64_t fault_stack_size;
    uint64_t scratch_base;
    uint64_t scratch_size; /* at least slot_size */
};

#define CLOISTER_FAULT_STACK_PAGES 2u
#define CLOISTER_DOUBLE_FAULT_STACK_PAGES 1u

/* GDT: null, code, data, all flat, with the accessed bit set so that the CPU never writes there. */
#define CLOISTER_GDT_CODE UINT64_C(0x00af9b000000ffff)
#define CLOISTER_GDT_DATA UINT64_C(0x00cf93000000ffff)
#define CLOISTER_CODE_SELECTOR 8u
#define CLOISTER_DATA_SELECTOR 16u
#define CLOISTER_GDT_SIZE 24u
#define CLOISTER_IDT_SIZE (CLOISTER_VECTOR_COUNT * 16u)
#define CLOISTER_TSS_STRIDE 128u /* a divisor of the page size, so that none crosses a page */

/* Interrupt-stack table entries (Intel SDM vol. 3, 6.14.5). */
#define CLOISTER_IST_DOUBLE_FAULT 1u
#define CLOISTER_IST_PAGE_FAULT 2u

/*
 * The thread's own data: FS base points here. Its thread-local variables end here (System V ABI, AMD64,
 * 3.4.2 and "ELF handling for thread-local storage", variant II). The tool fills self and index.
 */
struct cloister_thread {
    struct cloister_thread *self; /* %fs:0 */
    uint32_t index;
    uint32_t ready;       /* 1: initialised */
    uint64_t last_random; /* the continuous test of the random number generator */
    uint8_t *slot;        /* this thread's part of the shared window */
    uint8_t *scratch;     /* private copies of what a call takes and gives */
    uint64_t stack_guard; /* %fs:0x28, where GCC's and Clang's stack protector looks */
    uint64_t have_random; /* 1: last_random is valid */
    uint64_t reserved[1];
};

_Static_assert(offsetof(struct cloister_thread, ready) == 12, "start.S");
_Static_assert(offsetof(struct cloister_thread, stack_guard) == 0x28, "stack protector");
_Static_assert(sizeof(struct cloister_thread) == 64, "aligned");
_Static_assert(sizeof(struct cloister_start) == 32, "start.S");
_Static_assert(sizeof(struct cloister_layout) <= CLOISTER_LAYOUT_GDT, "fits");
_Static_assert(CLOISTER_LAYOUT_GDT + CLOISTER_GDT_SIZE <= CLOISTER_LAYOUT_IDT, "fits");
_Static_assert(CLOISTER_LAYOUT_IDT + CLOISTER_IDT_SIZE <= CLOISTER_PAGE_SIZE, "fits");

#endif
