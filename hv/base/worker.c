/* SPDX-License-Identifier: MIT */
#include "base/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/loop.h"

/* Written by the main thread before the work begins, `result` by the work before it says that it ended. */
static struct {
    bool running;
    int (*work)(void *context);
    void *context;
    void (*done)(int result);
    int result;
    int end; /* an eventfd */
} piece = {.end = -1};

static void ended(struct loop_watch *watch, uint32_t events)
{
    uint64_t value;

    (void)events;
    if (read(watch->fd, &value, sizeof(value)) != sizeof(value))
        return;
    piece.running = false;
    piece.done(piece.result);
}

static struct loop_watch end_watch = {.fd = -1, .ready = ended};

static void *run(void *end)
{
    piece.result = piece.work(piece.context);
    while (write((int)(intptr_t)end, &(uint64_t){1}, sizeof(uint64_t)) < 0 && errno == EINTR)
        ;
    return NULL;
}

int worker_initialise(void)
{
    piece.end = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    end_watch.fd = piece.end;
    return piece.end < 0 ? -errno : loop_add(&end_watch, EPOLLIN);
}

void worker_finalise(void)
{
    if (piece.end < 0)
        return;
    loop_remove(&end_watch);
    if (!piece.running) /* else the thread still has it */
        close(piece.end);
    piece.end = end_watch.fd = -1;
}

int worker_run(int (*work)(void *context), void *context, void (*done)(int result))
{
    pthread_attr_t attributes;
    pthread_t thread;

    if (piece.running)
        return -EBUSY;
    piece.work = work;
    piece.context = context;
    piece.done = done;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int rc = pthread_create(&thread, &attributes, run, (void *)(intptr_t)piece.end);
    pthread_attr_destroy(&attributes);
    piece.running = !rc;
    return -rc;
}
