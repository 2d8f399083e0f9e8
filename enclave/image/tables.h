/* SPDX-License-Identifier: MIT */
/* The pages of an enclave while its image is being made, and the tables that the CPU reads. */
#ifndef CLOISTER_IMAGE_TABLES_H
#define CLOISTER_IMAGE_TABLES_H

#include "image.h"

struct page {
    uint8_t *content; /* NULL: zeros */
    uint32_t flags;   /* CLOISTER_PAGE_R, _W, _X; 0: there is no such page */
};

struct pages {
    struct page *pages;
    uint32_t count;
    uint32_t present;      /* those with flags; valid after tables_build() */
    uint32_t with_content; /* those with content; valid after tables_build() */
};

/* -ENOMEM. */
CLOISTER_IMAGE_CHECKED int pages_init(struct pages *pages, uint32_t count);
void pages_free(struct pages *pages);

/* Makes pages of zeros. -EINVAL: outside, or there already. */
CLOISTER_IMAGE_CHECKED int pages_add(struct pages *pages, uint64_t first, uint64_t count,
                                     uint32_t flags);
/* Writes to pages that were added, at a linear address. -EINVAL: not there; -ENOMEM. */
CLOISTER_IMAGE_CHECKED int pages_write(struct pages *pages, uint64_t address, const void *data,
                                       uint64_t size);
/* Drops content that is all zeros. */
void pages_squeeze(struct pages *pages);

/*
 * Appends page tables (4 levels; Intel SDM vol. 3, 4.5) that map every page there is now at its linear address
 * with its permissions, and the shared window. 512 pages from a multiple of 512 on, with one permission that is not
 * execution, are one page of 2 MiB. *root: page number of the highest.
 *   -ENOMEM
 *   -E2BIG  more than CLOISTER_MAX_PAGES
 */
CLOISTER_IMAGE_CHECKED int tables_build(struct pages *pages, uint64_t shared_count, uint32_t *root);

/* A 64-bit interrupt gate (Intel SDM vol. 3, 6.14.1) for an exception. */
void tables_gate(uint64_t gate[2], uint64_t handler, uint32_t vector);

#endif
