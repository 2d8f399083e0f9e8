/* SPDX-License-Identifier: MIT */
#include "libcloister/threads.h"

#include <time.h>

void threads_start(struct threads *threads, unsigned int count)
{
    threads->all = count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
    atomic_init(&threads->free, threads->all);
    atomic_init(&threads->dead, 0);
    atomic_init(&threads->waiters, 0);
    atomic_init(&threads->users, 0);
    atomic_init(&threads->closing, false);
    pthread_mutex_init(&threads->lock, NULL);
    pthread_cond_init(&threads->changed, NULL);
}

void threads_stop(struct threads *threads)
{
    pthread_cond_destroy(&threads->changed);
    pthread_mutex_destroy(&threads->lock);
}

int threads_none(const struct threads *threads)
{
    /* Those that were thrown out when it was closed count as dead. */
    if (threads_closing(threads))
        return -ESHUTDOWN;
    return atomic_load(&threads->dead) == threads->all ? -EIO : -EBUSY;
}

void threads_wake(struct threads *threads)
{
    pthread_mutex_lock(&threads->lock);
    pthread_cond_broadcast(&threads->changed);
    pthread_mutex_unlock(&threads->lock);
}

int threads_wait(struct threads *threads)
{
    int thread;

    pthread_mutex_lock(&threads->lock);
    atomic_fetch_add(&threads->waiters, 1);
    for (;;) {
        thread = threads_closing(threads) ? -ESHUTDOWN : threads_take(threads);
        if (thread != -EBUSY)
            break;
        pthread_cond_wait(&threads->changed, &threads->lock);
    }
    atomic_fetch_sub(&threads->waiters, 1);
    pthread_mutex_unlock(&threads->lock);
    return thread;
}

void threads_bury(struct threads *threads, unsigned int thread)
{
    atomic_fetch_or(&threads->dead, UINT64_C(1) << thread);
    threads_wake(threads);
}

bool threads_close(struct threads *threads, unsigned int seconds)
{
    const struct timespec moment = {.tv_nsec = 100000};
    struct timespec begin, now;

    atomic_store(&threads->closing, true);
    threads_wake(threads);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    /* An end is rare; leaving must not cost a call more than it does. */
    while (atomic_load(&threads->users)) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec - begin.tv_sec > (time_t)seconds)
            return false;
        nanosleep(&moment, NULL);
    }
    return true;
}
