/* SPDX-License-Identifier: MIT */
/*
 * Which threads of an enclave are free: one bit each, taken and given back without a lock. The lock
 * is for those who wait.
 */
#ifndef CLOISTER_LIBRARY_THREADS_H
#define CLOISTER_LIBRARY_THREADS_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct threads {
    _Atomic uint64_t free;
    _Atomic uint64_t dead;
    _Atomic uint32_t waiters;
    _Atomic uint32_t users; /* callers that may touch the enclave's memory */
    _Atomic bool closing;
    uint64_t all;
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

void threads_start(struct threads *threads, unsigned int count);
void threads_stop(struct threads *threads);

/*
 * A caller comes in, and goes: its last touch of the enclave. -ESHUTDOWN once threads_close was
 * called; nothing is to be left then.
 */
static inline int threads_enter(struct threads *threads);
static inline void threads_leave(struct threads *threads);

/* A free thread's number; or -EBUSY; or -EIO if all are dead; or -ESHUTDOWN. */
static inline int threads_take(struct threads *threads);
/* The same, but waits while all are busy. */
int threads_wait(struct threads *threads);
/* Gives it back. */
static inline void threads_give(struct threads *threads, unsigned int thread);
/* It will never be free again. */
void threads_bury(struct threads *threads, unsigned int thread);
static inline bool threads_closing(const struct threads *threads);
/* Lets nobody in any more, and returns true when all have left; false: some have not within `seconds`. */
__attribute__((warn_unused_result)) bool threads_close(struct threads *threads,
                                                       unsigned int seconds);

/* Out of line, for the functions below. */
int threads_none(const struct threads *threads);
void threads_wake(struct threads *threads);

static inline bool threads_closing(const struct threads *threads)
{
    return atomic_load_explicit(&threads->closing, memory_order_relaxed);
}

static inline int threads_enter(struct threads *threads)
{
    /* Sequentially consistent, as in threads_close: either it sees us or we see it. */
    atomic_fetch_add(&threads->users, 1);
    if (__builtin_expect(!atomic_load(&threads->closing), 1))
        return 0;
    threads_leave(threads);
    return -ESHUTDOWN;
}

static inline void threads_leave(struct threads *threads)
{
    atomic_fetch_sub_explicit(&threads->users, 1, memory_order_release);
}

static inline int threads_take(struct threads *threads)
{
    uint64_t free = atomic_load_explicit(&threads->free, memory_order_relaxed);

    while (free)
        if (atomic_compare_exchange_weak_explicit(&threads->free, &free, free & (free - 1),
                                                  memory_order_acquire, memory_order_relaxed))
            return __builtin_ctzll(free);
    return threads_none(threads);
}

static inline void threads_give(struct threads *threads, unsigned int thread)
{
    /* Sequentially consistent, as in threads_wait: either we see the waiter or it sees the bit. */
    atomic_fetch_or(&threads->free, UINT64_C(1) << thread);
    if (__builtin_expect(atomic_load(&threads->waiters) != 0, 0))
        threads_wake(threads);
}

#endif
