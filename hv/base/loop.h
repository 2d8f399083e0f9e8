/* SPDX-License-Identifier: MIT */
/* The main thread's event loop: descriptors, a tick, and work that is done a piece at a time. */
#ifndef CLOISTER_BASE_LOOP_H
#define CLOISTER_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#define LOOP_TICK 250u /* milliseconds */

struct loop_watch {
    int fd;
    void (*ready)(struct loop_watch *watch, uint32_t events); /* EPOLL* */
};

__attribute__((warn_unused_result)) int loop_initialise(void);
void loop_finalise(void);

/* 0 or a negative errno. The watch must live until it is removed. */
__attribute__((warn_unused_result)) int loop_add(struct loop_watch *watch, uint32_t events);
void loop_change(struct loop_watch *watch, uint32_t events);
/* Also while events are being handed out: `ready` is not called any more. */
void loop_remove(struct loop_watch *watch);

/* Called every LOOP_TICK. */
void loop_on_tick(void (*tick)(uint64_t now));
/* Called after every round of events; true: call again at once, after another look at the events. */
void loop_on_round(bool (*round)(uint64_t now));

void loop_run(void); /* until loop_stop */
/* loop_run() returns, and may be called again. */
void loop_stop(void);

/* Milliseconds, monotonic, never 0. */
uint64_t loop_now(void);

#endif
