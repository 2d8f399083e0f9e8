/* SPDX-License-Identifier: MIT */
/*
 * The heap: one range of memory cut into blocks, each with a header, without gaps.
 *
 * A block is in use or free; no two free blocks are neighbours; a free block is in the bin of its size
 * (bin b: 2^b .. 2^(b+1)-1 units) and holds zeros but for its links. Headers carry a mark made of a secret,
 * their address and their content, so that a header that was overwritten, freed twice or never existed is
 * recognised before anything is believed.
 *
 * Locking: the caller's. heap_corrupt() is the caller's, too, and does not return.
 */
#ifndef CLOISTER_RUNTIME_HEAP_H
#define CLOISTER_RUNTIME_HEAP_H

#include <stddef.h>
#include <stdint.h>

#define HEAP_UNIT 16u /* size of a header, and alignment of everything */
#define HEAP_BINS 32u

struct heap_block;

struct heap {
    struct heap_block *first;
    struct heap_block *end; /* behind the last block */
    uint64_t cookie;
    uint32_t filled; /* bit b: bin b is not empty */
    struct heap_block *bins[HEAP_BINS];
};

/* Makes a heap of `size` zero bytes at `base`, both multiples of HEAP_UNIT; at most 4 GiB are used. */
void heap_init(struct heap *heap, void *base, size_t size, uint64_t cookie);
/* NULL: no room. The memory is zeros. */
void *heap_alloc(struct heap *heap, size_t size);
/* `memory` may be NULL. Wipes it. */
void heap_free(struct heap *heap, void *memory);
/* The bytes that fit into `memory`, which must be allocated. */
size_t heap_capacity(struct heap *heap, const void *memory);
/* Checks everything; returns the bytes in use, headers included. For tests. */
size_t heap_check(struct heap *heap);

/* `address`: the block that is not as it must be. */
__attribute__((noreturn)) void heap_corrupt(const void *address);

#endif
