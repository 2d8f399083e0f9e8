/* SPDX-License-Identifier: MIT */
/*
 * Counters that are changed by one writer at a time (under a lock, or by their owner) and read by
 * anybody: a reader sees a value that stood there, never half of one.
 */
#ifndef CLOISTER_MONITOR_COUNT_H
#define CLOISTER_MONITOR_COUNT_H

#define count_add(counter, n) __atomic_store_n(counter, *(counter) + (n), __ATOMIC_RELAXED)
#define count_read(counter) __atomic_load_n(counter, __ATOMIC_RELAXED)

/* The same with several writers at once. */
#define count_add_shared(counter, n) ((void)__atomic_fetch_add(counter, n, __ATOMIC_RELAXED))

#endif
