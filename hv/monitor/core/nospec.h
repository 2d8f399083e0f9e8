/* SPDX-License-Identifier: MIT */
/* Indices that a caller chose, made harmless to speculation (Intel's "bounds check bypass"). */
#ifndef CLOISTER_MONITOR_NOSPEC_H
#define CLOISTER_MONITOR_NOSPEC_H

#include <stdint.h>

/* `index` if it is below `size` (< 2^63), else 0, without a branch that could be mispredicted. */
static inline uint64_t index_nospec(uint64_t index, uint64_t size)
{
    __asm__ volatile("" : "+r"(index)); /* the compiler does not know what was checked before */
    return index & (((index | (size - 1 - index)) >> 63) - 1);
}

#endif
