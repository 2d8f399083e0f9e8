/* SPDX-License-Identifier: MIT */
/*
 * Enclave images: file format, measurement, launch state, and the call frame.
 *
 * ## The file
 *
 *   offset 0                      struct cloister_image_header (1,024 bytes)
 *   1,024                         struct cloister_page_record[record_count]
 *   next multiple of 4,096        content, 4,096 bytes for each record without
 *                                 CLOISTER_PAGE_ZERO, in the order of the records
 *
 * Nothing follows the last page. All integers are little-endian. Records are sorted by page number
 * and each page number occurs at most once. A page of the enclave without a record does not exist:
 * touching it is a fault.
 *
 * ## The address space of an enclave
 *
 * Guest-physical (the second-stage view), in pages:
 *   [0, page_count)                                       the enclave's own pages
 *   [CLOISTER_SHARED_GPFN, +shared_count)                 pages shared with the tenant, RW, NX
 * The linear addresses are what the page tables inside the image (root: cr3_page) make of it. The
 * image tool maps page n at CLOISTER_ENCLAVE_BASE + n * 4096 and the shared window at
 * CLOISTER_SHARED_BASE; all addresses in the launch state are linear.
 * Page-table pages must be writable pages: the walker sets accessed and dirty bits (AMD APM vol. 2,
 * 15.25.5: nested walks for guest tables count as writes).
 *
 * ## Measurement
 *
 * SHA-384 (FIPS 180-4) over
 *   1. the launch state: the bytes of struct cloister_launch as they stand in the header,
 *   2. for each page in the order added: its struct cloister_page_record (8 bytes), then its 4,096
 *      bytes of content unless CLOISTER_PAGE_ZERO is set.
 * The monitor computes it over the sealed frames after it has copied the content there.
 *
 * ## Signature
 *
 * ECDSA on P-256 with SHA-256 (FIPS 186-4), as r || s, 32 bytes each, big-endian, over the header
 * bytes [0, offsetof(signature)). The public key is the author's, X || Y, big-endian.
 */
#ifndef CLOISTER_IMAGE_H
#define CLOISTER_IMAGE_H

#include <stdint.h>

#define CLOISTER_IMAGE_MAGIC UINT64_C(0x3130455641434c43) /* "CLCAVE01" */
#define CLOISTER_IMAGE_VERSION 1u
#define CLOISTER_PAGE_SIZE 4096u
#define CLOISTER_MEASUREMENT_SIZE 48u
#define CLOISTER_IMAGE_HEADER_SIZE 1024u

/* Limits, inclusive. */
#define CLOISTER_MAX_PAGES (1u << 20) /* 4 GiB */
#define CLOISTER_MAX_THREADS 64u
#define CLOISTER_MAX_SHARED_PAGES 1024u /* 4 MiB */

/* Where the shared window stands: guest-physical page number, and linear address. */
#define CLOISTER_SHARED_GPFN (UINT64_C(1) << 22) /* 16 GiB */
#define CLOISTER_ENCLAVE_BASE UINT64_C(0x0000100000000000)
#define CLOISTER_SHARED_BASE UINT64_C(0x0000200000000000)

/* cloister_launch.flags */
#define CLOISTER_IMAGE_DEBUG (1u << 0) /* no secrecy promised; other keys; refused by verifiers */

/* cloister_page_record.flags */
#define CLOISTER_PAGE_R (1u << 0) /* must be set */
#define CLOISTER_PAGE_W (1u << 1)
#define CLOISTER_PAGE_X (1u << 2)    /* never together with W */
#define CLOISTER_PAGE_ZERO (1u << 3) /* no content in the file; starts as zeros */

struct cloister_page_record {
    uint32_t page;  /* 0 .. page_count-1 */
    uint32_t flags; /* CLOISTER_PAGE_* */
};

/*
 * How a thread starts. Thread i of thread_count enters at `entry` with
 *   RSP = stack_top + i * stack_stride, FS base = tls_base + i * tls_stride,
 *   TR base = tss_base + i * tss_stride (limit 103), GDTR = {gdt_base, gdt_limit},
 *   IDTR = {idt_base, idt_limit}, CR3 = cr3_page * 4096, CPL 0, CS/SS = code_selector/data_selector,
 *   RDI = arg0, RSI = arg1 of ENTER, RDX = i, RFLAGS = 2 (or 0x202: IF means nothing there), every
 *   other register 0.
 * CR0 = PE MP ET NE WP PG, CR4 = PAE OSFXSR OSXMMEXCPT OSXSAVE, EFER = LME LMA NXE,
 * XCR0 = x87, SSE and, where the CPU has it, AVX.
 */
struct cloister_launch {
    uint32_t flags;        /* CLOISTER_IMAGE_* */
    uint32_t page_count;   /* size of the enclave's address space, 1 .. CLOISTER_MAX_PAGES */
    uint32_t record_count; /* pages that exist, 1 .. page_count */
    uint32_t thread_count; /* 1 .. CLOISTER_MAX_THREADS */
    uint32_t shared_count; /* pages of the shared window, 1 .. CLOISTER_MAX_SHARED_PAGES */
    uint32_t cr3_page;     /* page number of the root page table, < page_count */
    uint64_t entry;        /* linear addresses, all within the enclave */
    uint64_t stack_top;
    uint64_t stack_stride;
    uint64_t tls_base;
    uint64_t tls_stride;
    uint64_t tss_base;
    uint64_t tss_stride;
    uint64_t gdt_base;
    uint64_t idt_base;
    uint16_t gdt_limit;
    uint16_t idt_limit;
    uint16_t code_selector;
    uint16_t data_selector;
    uint64_t reserved[3]; /* 0 */
};

struct cloister_image_header {
    uint64_t magic;       /* CLOISTER_IMAGE_MAGIC */
    uint32_t version;     /* CLOISTER_IMAGE_VERSION */
    uint32_t header_size; /* CLOISTER_IMAGE_HEADER_SIZE */
    struct cloister_launch launch;
    uint8_t measurement[CLOISTER_MEASUREMENT_SIZE];
    uint8_t family_id[16];
    uint8_t image_id[16];
    uint32_t image_version;
    uint32_t security_version;
    uint8_t name[64];      /* UTF-8, zero-padded; for people, not trusted */
    uint8_t reserved[600]; /* 0 */
    uint8_t author_key[64];
    uint8_t signature[64];
};

#define CLOISTER_IMAGE_SIGNED_SIZE (CLOISTER_IMAGE_HEADER_SIZE - 64u)

/*
 * The call frame: how libcloister passes a function call through the shared window. It is a
 * convention between library and runtime; the monitor does not look at it.
 *
 * Thread i owns the slot of the shared window that starts at i * slot_size, where slot_size is the
 * window's size divided by thread_count, rounded down to a multiple of 64. The slot starts with
 * this frame; `in` and `out` lie behind it. ENTER passes arg0 = the frame's byte offset in the
 * window, arg1 = slot_size. The runtime copies the frame once and believes only its copy.
 * OCALLs use the same frame: `function` is then the number of the OCALL.
 */
struct cloister_call_frame {
    uint32_t function;
    int32_t status;     /* 0 or a negative errno, set by whoever serves the call */
    uint32_t in_offset; /* bytes from the start of the slot */
    uint32_t in_size;
    uint32_t out_offset;
    uint32_t out_capacity;
    uint32_t out_size;    /* set by whoever serves the call, <= out_capacity */
    uint32_t reserved[9]; /* 0; pads to 64 */
};

_Static_assert(sizeof(struct cloister_page_record) == 8, "ABI");
_Static_assert(sizeof(struct cloister_launch) == 128, "ABI");
_Static_assert(sizeof(struct cloister_image_header) == CLOISTER_IMAGE_HEADER_SIZE, "ABI");
_Static_assert(sizeof(struct cloister_call_frame) == 64, "ABI");

#endif
