/* SPDX-License-Identifier: MIT */
#include "base/loop.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#define MAX_EVENTS 64
#define MAX_HOOKS 8

static int epoll = -1;
static bool stopping;
static struct epoll_event events[MAX_EVENTS];
static int event_count;
static void (*ticks[MAX_HOOKS])(uint64_t now);
static bool (*rounds[MAX_HOOKS])(uint64_t now);

int loop_initialise(void)
{
    epoll = epoll_create1(EPOLL_CLOEXEC);
    return epoll < 0 ? -errno : 0;
}

void loop_finalise(void)
{
    if (epoll >= 0)
        close(epoll);
    epoll = -1;
}

int loop_add(struct loop_watch *watch, uint32_t wanted)
{
    struct epoll_event event = {.events = wanted, .data.ptr = watch};

    return epoll_ctl(epoll, EPOLL_CTL_ADD, watch->fd, &event) ? -errno : 0;
}

void loop_change(struct loop_watch *watch, uint32_t wanted)
{
    struct epoll_event event = {.events = wanted, .data.ptr = watch};

    (void)epoll_ctl(epoll, EPOLL_CTL_MOD, watch->fd, &event);
}

void loop_remove(struct loop_watch *watch)
{
    (void)epoll_ctl(epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    for (int i = 0; i < event_count; i++) {
        if (events[i].data.ptr == watch)
            events[i].data.ptr = NULL;
    }
}

void loop_on_tick(void (*tick)(uint64_t now))
{
    for (int i = 0; i < MAX_HOOKS; i++) {
        if (!ticks[i]) {
            ticks[i] = tick;
            return;
        }
    }
}

void loop_on_round(bool (*round)(uint64_t now))
{
    for (int i = 0; i < MAX_HOOKS; i++) {
        if (!rounds[i]) {
            rounds[i] = round;
            return;
        }
    }
}

uint64_t loop_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + 1;
}

static bool run_rounds(void)
{
    bool more = false;

    for (int i = 0; i < MAX_HOOKS && rounds[i]; i++)
        more = rounds[i](loop_now()) || more;
    return more;
}

void loop_run(void)
{
    uint64_t next_tick = loop_now();
    bool more = false;

    while (!stopping) {
        uint64_t now = loop_now();
        int wait = more || now >= next_tick ? 0 : (int)(next_tick - now);

        event_count = epoll_wait(epoll, events, MAX_EVENTS, wait);
        for (int i = 0; i < event_count; i++) {
            struct loop_watch *watch = events[i].data.ptr;

            if (watch)
                watch->ready(watch, events[i].events);
        }
        event_count = 0;
        now = loop_now();
        if (now >= next_tick) {
            next_tick = now + LOOP_TICK;
            for (int i = 0; i < MAX_HOOKS && ticks[i]; i++)
                ticks[i](now);
        }
        more = run_rounds();
    }
    stopping = false;
}

void loop_stop(void)
{
    stopping = true;
}
