/* SPDX-License-Identifier: MIT */
#include "heap.h"

#include <stdbool.h>
#include <string.h>

struct heap_block {
    uint32_t units;    /* of the whole block; the highest bit: in use */
    uint32_t previous; /* units of the block before it, 0: it is the first */
    uint64_t mark;
};

/* What a free block holds behind its header. */
struct links {
    struct heap_block *next;
    struct heap_block *last;
};

#define USED (UINT32_C(1) << 31)
#define MIN_UNITS 2u /* header and links */
#define MAX_UNITS ((UINT32_C(1) << 28) - 1)
#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

_Static_assert(sizeof(struct heap_block) == HEAP_UNIT, "a unit");
_Static_assert(sizeof(struct links) == HEAP_UNIT, "a unit");

/* --- headers --------------------------------------------------------------------------------------- */

static uint32_t units_of(const struct heap_block *block)
{
    return block->units & ~USED;
}

static bool in_use(const struct heap_block *block)
{
    return block->units & USED;
}

static struct heap_block *after(struct heap_block *block)
{
    return block + units_of(block);
}

static struct links *links_of(struct heap_block *block)
{
    return (struct links *)(block + 1);
}

static uint64_t mark_of(const struct heap *heap, const struct heap_block *block)
{
    const uint64_t content = (uint64_t)block->previous << 32 | block->units;

    return ((content ^ (uintptr_t)block) * MULTIPLIER) ^ heap->cookie;
}

static void set(struct heap *heap, struct heap_block *block, uint32_t units, uint32_t previous)
{
    block->units = units;
    block->previous = previous;
    block->mark = mark_of(heap, block);
}

static void check(const struct heap *heap, const struct heap_block *block)
{
    if (block->mark != mark_of(heap, block)) {
        heap_corrupt(block);
    }
}

/* --- bins ------------------------------------------------------------------------------------------ */

static unsigned int bin_of(uint32_t units)
{
    return 31 - (unsigned int)__builtin_clz(units);
}

static void put(struct heap *heap, struct heap_block *block)
{
    const unsigned int bin = bin_of(units_of(block));
    struct heap_block *next = heap->bins[bin];

    *links_of(block) = (struct links){.next = next};
    if (next) {
        links_of(next)->last = block;
    }
    heap->bins[bin] = block;
    heap->filled |= UINT32_C(1) << bin;
}

static void take(struct heap *heap, struct heap_block *block)
{
    const unsigned int bin = bin_of(units_of(block));
    const struct links links = *links_of(block);

    if ((links.last ? links_of(links.last)->next : heap->bins[bin]) != block ||
        (links.next && links_of(links.next)->last != block)) {
        heap_corrupt(block);
    }
    if (links.next) {
        links_of(links.next)->last = links.last;
    }
    if (links.last) {
        links_of(links.last)->next = links.next;
    } else {
        heap->bins[bin] = links.next;
        if (!links.next) {
            heap->filled &= ~(UINT32_C(1) << bin);
        }
    }
    *links_of(block) = (struct links){0};
}

/* The smallest bins first; in the bin of its own size a block may be too small. */
static struct heap_block *find(struct heap *heap, uint32_t units)
{
    const unsigned int bin = bin_of(units);
    uint32_t larger = bin + 1 < HEAP_BINS ? heap->filled >> (bin + 1) << (bin + 1) : 0;

    for (struct heap_block *block = heap->bins[bin]; block; block = links_of(block)->next) {
        check(heap, block);
        if (units_of(block) >= units) {
            return block;
        }
    }
    return larger ? heap->bins[__builtin_ctz(larger)] : NULL;
}

/* --- blocks ---------------------------------------------------------------------------------------- */

/* Tells the block behind `block` how large that is now. */
static void tell_next(struct heap *heap, struct heap_block *block)
{
    struct heap_block *next = after(block);

    if (next < heap->end) {
        check(heap, next);
        set(heap, next, next->units, units_of(block));
    }
}

void heap_init(struct heap *heap, void *base, size_t size, uint64_t cookie)
{
    const size_t units = size / HEAP_UNIT < MAX_UNITS ? size / HEAP_UNIT : MAX_UNITS;

    *heap = (struct heap){.first = base, .end = base, .cookie = cookie};
    if (units >= MIN_UNITS) {
        heap->end = heap->first + units;
        set(heap, heap->first, (uint32_t)units, 0);
        put(heap, heap->first);
    }
}

void *heap_alloc(struct heap *heap, size_t size)
{
    uint32_t units, left;
    struct heap_block *block;

    if (size > (size_t)(MAX_UNITS - 1) * HEAP_UNIT) {
        return NULL;
    }
    units = 1 + (uint32_t)((size + HEAP_UNIT - 1) / HEAP_UNIT);
    units = units < MIN_UNITS ? MIN_UNITS : units;
    block = find(heap, units);
    if (!block) {
        return NULL;
    }
    check(heap, block);
    take(heap, block);
    left = units_of(block) - units;
    if (left < MIN_UNITS) {
        set(heap, block, block->units | USED, block->previous);
        return block + 1;
    }
    set(heap, block, units | USED, block->previous);
    set(heap, after(block), left, units);
    tell_next(heap, after(block));
    put(heap, after(block));
    return block + 1;
}

/* The header of what heap_alloc() returned, or the end. No pointer is made before it is checked. */
static struct heap_block *header_of(struct heap *heap, const void *memory)
{
    const uintptr_t place = (uintptr_t)memory - HEAP_UNIT;
    struct heap_block *block = (struct heap_block *)place;

    if (place % HEAP_UNIT || place < (uintptr_t)heap->first || place >= (uintptr_t)heap->end) {
        heap_corrupt(memory);
    }
    check(heap, block);
    if (!in_use(block)) {
        heap_corrupt(memory);
    }
    return block;
}

static void wipe(void *memory, size_t size)
{
    memset(memory, 0, size);
    __asm__ volatile("" : : "r"(memory) : "memory");
}

void heap_free(struct heap *heap, void *memory)
{
    struct heap_block *block, *next;
    uint32_t units;

    if (!memory) {
        return;
    }
    block = header_of(heap, memory);
    units = units_of(block);
    wipe(memory, (size_t)(units - 1) * HEAP_UNIT);

    next = after(block);
    if (next < heap->end) {
        check(heap, next);
        if (!in_use(next)) {
            take(heap, next);
            units += units_of(next);
            wipe(next, sizeof(*next));
        }
    }
    if (block->previous) {
        struct heap_block *previous = block - block->previous;

        check(heap, previous);
        if (!in_use(previous)) {
            take(heap, previous);
            units += units_of(previous);
            wipe(block, sizeof(*block));
            block = previous;
        }
    }
    set(heap, block, units, block->previous);
    tell_next(heap, block);
    put(heap, block);
}

size_t heap_capacity(struct heap *heap, const void *memory)
{
    return (size_t)(units_of(header_of(heap, memory)) - 1) * HEAP_UNIT;
}

size_t heap_check(struct heap *heap)
{
    size_t used = 0, free_blocks = 0, in_bins = 0;
    uint32_t previous = 0;
    bool previous_free = false;

    for (struct heap_block *block = heap->first; block < heap->end; block = after(block)) {
        check(heap, block);
        if (block->previous != previous || units_of(block) < MIN_UNITS ||
            (previous_free && !in_use(block))) {
            heap_corrupt(block);
        }
        previous = units_of(block);
        previous_free = !in_use(block);
        used += in_use(block) ? (size_t)previous * HEAP_UNIT : 0;
        free_blocks += previous_free;
    }
    for (unsigned int bin = 0; bin < HEAP_BINS; bin++) {
        if (!heap->bins[bin] != !(heap->filled >> bin & 1)) {
            heap_corrupt(&heap->bins[bin]);
        }
        for (struct heap_block *block = heap->bins[bin]; block; block = links_of(block)->next) {
            check(heap, block);
            if (in_use(block) || bin_of(units_of(block)) != bin) {
                heap_corrupt(block);
            }
            in_bins++;
        }
    }
    if (free_blocks != in_bins) {
        heap_corrupt(heap);
    }
    return used;
}
