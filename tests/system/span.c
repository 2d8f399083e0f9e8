/* SPDX-License-Identifier: MIT */
/*
 * An enclave of SPAN_MIB of memory that begins at a multiple of 2 MiB: its pages are large leaves of the view. Functions:
 *   1 turn   in: a seed. Looks at the first and last word of each page, writes another to each of them, and looks again.
 *            out: how many pages did not have what was written.
 *   2 walk   in: a seed, a count. Reads so many words, each of a page by chance. out: their sum.
 */
#include <cloister/enclave.h>

#include <errno.h>
#include <string.h>

#define WORDS 512u
#define PAGES ((SPAN_MIB) << 8)

static uint64_t last; /* what the turn before left in the words */
static uint64_t memory[PAGES][WORDS] __attribute__((aligned(2 << 20)));

static uint64_t word(uint64_t seed, uint64_t page)
{
    uint64_t x = seed + page * UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ x >> 27;
}

static int give(uint64_t value, void *out, size_t out_capacity, size_t *out_size)
{
    if (out_capacity < sizeof(value)) {
        return -EMSGSIZE;
    }
    memcpy(out, &value, sizeof(value));
    *out_size = sizeof(value);
    return 0;
}

static int turn(const void *in, size_t in_size, void *out, size_t out_capacity, size_t *out_size)
{
    uint64_t seed, wrong = 0;

    if (in_size != sizeof(seed)) {
        return -EINVAL;
    }
    memcpy(&seed, in, sizeof(seed));
    for (uint64_t page = 0; page < PAGES; page++) {
        wrong += memory[page][0] != last || memory[page][WORDS - 1] != last;
    }
    for (uint64_t page = 0; page < PAGES; page++) {
        memory[page][0] = word(seed, page);
        memory[page][WORDS - 1] = ~word(seed, page);
    }
    for (uint64_t page = 0; page < PAGES; page++) {
        volatile uint64_t *words = memory[page];

        wrong += words[0] != word(seed, page) || words[WORDS - 1] != ~word(seed, page);
    }
    for (uint64_t page = 0; page < PAGES; page++) {
        memory[page][0] = memory[page][WORDS - 1] = seed;
    }
    last = seed;
    return give(wrong, out, out_capacity, out_size);
}

static int walk(const void *in, size_t in_size, void *out, size_t out_capacity, size_t *out_size)
{
    uint64_t order[2], sum = 0;

    if (in_size != sizeof(order)) {
        return -EINVAL;
    }
    memcpy(order, in, sizeof(order));
    for (uint64_t i = 0; i < order[1]; i++) {
        sum += *(volatile uint64_t *)&memory[word(order[0], i) % PAGES][0];
    }
    return give(sum, out, out_capacity, out_size);
}

CLOISTER_ECALLS([1] = {turn, sizeof(uint64_t), sizeof(uint64_t)}, [2] = {walk, 2 * sizeof(uint64_t),
                                                                         sizeof(uint64_t)});
