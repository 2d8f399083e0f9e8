/* SPDX-License-Identifier: MIT */
/* Makes an image of a program: places its parts, builds page tables and descriptor tables, measures. */
#ifndef CLOISTER_IMAGE_ASSEMBLE_H
#define CLOISTER_IMAGE_ASSEMBLE_H

#include "program.h"

/* What the author chooses. Sizes are in bytes and are rounded up to whole pages. */
struct image_options {
    char name[64]; /* UTF-8, zero-padded; at most 63 bytes */
    uint8_t family_id[16];
    uint8_t image_id[16];
    uint32_t image_version;
    uint32_t security_version;
    uint32_t thread_count; /* 1 .. CLOISTER_MAX_THREADS */
    bool debug;
    uint64_t heap_size;   /* of the enclave; may be 0 */
    uint64_t stack_size;  /* of each thread; at least a page */
    uint64_t shared_size; /* of the whole window; at least 128 bytes for each thread */
};

/*
 * Makes the image, complete but for author_key and signature, in memory that the caller frees.
 * The same program and options give the same bytes.
 *   -EINVAL  the options do not fit the limits; `text` (256 bytes) says which
 *   -ENOMEM  out of memory
 *   -EIO     the crypto library failed
 */
CLOISTER_IMAGE_CHECKED int image_assemble(const struct program *program,
                                          const struct image_options *options, uint8_t **data,
                                          size_t *size, char text[256]);

#endif
