/* SPDX-License-Identifier: MIT */
/* The program that becomes an enclave: a static ELF64 file, linked with the runtime and its linker script. */
#ifndef CLOISTER_IMAGE_PROGRAM_H
#define CLOISTER_IMAGE_PROGRAM_H

#include <stdbool.h>

#include "image.h"
#include "runtime/layout.h"

#define PROGRAM_MAX_SEGMENTS 16u

struct program_segment {
    uint64_t address; /* page-aligned */
    uint64_t size;    /* in memory */
    const uint8_t *content;
    uint64_t content_size; /* <= size; zeros follow */
    uint32_t flags;        /* CLOISTER_PAGE_R, _W, _X */
};

struct program {
    struct program_segment segments[PROGRAM_MAX_SEGMENTS]; /* sorted, no two share a page */
    uint32_t segment_count;
    struct program_segment tls; /* the template of the thread-local variables; size 0: none */
    uint64_t tls_align;         /* a power of two, 1 .. CLOISTER_PAGE_SIZE */
    uint64_t entry;
    uint64_t end; /* page-aligned, behind the last segment */
    struct cloister_start start;
};

/*
 * Reads the ELF file of `size` bytes at `data`; *program points into it.
 *   -EINVAL  it cannot become an enclave; `text` (256 bytes) says why
 */
CLOISTER_IMAGE_CHECKED int program_read(const uint8_t *data, size_t size, struct program *program,
                                        char text[256]);

#endif
