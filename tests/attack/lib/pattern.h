/* SPDX-License-Identifier: MIT */
/*
 * The pattern that attacks look for: 64 bytes, made from a seed, repeated over a page.
 *
 * The words are computed one by one and never stored next to each other outside the enclave and the
 * pages of a positive control: a scanner that holds only the seed does not find itself.
 */
#ifndef ATTACK_PATTERN_H
#define ATTACK_PATTERN_H

#ifdef __KERNEL__
#include <linux/types.h>
typedef u64 pattern_t;
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef uint64_t pattern_t;
#endif

#define PATTERN_WORDS 8
#define PATTERN_PAGE_WORDS 512

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
static inline pattern_t pattern_word(pattern_t seed, unsigned int index)
{
    pattern_t z = seed + (index + 1) * 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static inline void pattern_fill(pattern_t *page, pattern_t seed)
{
    for (unsigned int i = 0; i < PATTERN_PAGE_WORDS; i++) {
        ((volatile pattern_t *)page)[i] = pattern_word(seed, i % PATTERN_WORDS);
    }
}

/* All 64 bytes at `words`. */
static inline bool pattern_at(const pattern_t *words, pattern_t seed)
{
    for (unsigned int i = 0; i < PATTERN_WORDS; i++) {
        if (((const volatile pattern_t *)words)[i] != pattern_word(seed, i)) {
            return false;
        }
    }
    return true;
}

/* Anywhere in the page, at a multiple of 64 bytes. `first` = pattern_word(seed, 0). */
static inline bool pattern_in_page(const pattern_t *page, pattern_t seed, pattern_t first)
{
    for (unsigned int i = 0; i < PATTERN_PAGE_WORDS; i += PATTERN_WORDS) {
        if (page[i] == first && pattern_at(page + i, seed)) {
            return true;
        }
    }
    return false;
}

#endif
