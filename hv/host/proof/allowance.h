/* SPDX-License-Identifier: MIT */
/*
 * So many of something in a day, whoever asks for it: the whole of a day may go at a stretch, then it comes back one by
 * one. Times are milliseconds of a clock that does not jump.
 */
#ifndef CLOISTER_HOST_ALLOWANCE_H
#define CLOISTER_HOST_ALLOWANCE_H

#include <stdint.h>

#define ALLOWANCE_DAY UINT64_C(86400000) /* ms */

struct allowance {
    unsigned int per_day; /* 1 or more */
    uint64_t whole;       /* when all of it is there again */
};

/* How long until there is one, in ms; 0: now. */
uint64_t allowance_wait(const struct allowance *allowance, uint64_t now);
/* Takes one, whether or not there is any. */
void allowance_take(struct allowance *allowance, uint64_t now);

#endif
