/* SPDX-License-Identifier: MIT */
/*
 * Messages that would be repeated without end: one in so many seconds is said, with the number of
 * those that were left out before it. Any thread may call.
 */
#ifndef CLOISTER_SERVER_QUIET_H
#define CLOISTER_SERVER_QUIET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Zeros: nothing was said yet. */
struct quiet {
    _Atomic int64_t next; /* s, monotonic: when the next may be said */
    _Atomic uint64_t left_out;
};

/*
 * May it be said at `now` (s, monotonic), with `every` seconds between two? Then *left_out gets how
 * many were not since the one before.
 */
__attribute__((warn_unused_result)) bool quiet_may_say(struct quiet *quiet, int64_t now,
                                                       uint32_t every, uint64_t *left_out);

#endif
