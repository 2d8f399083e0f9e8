/* SPDX-License-Identifier: MIT */
/*
 * Takes the place of world.c: enclaves whose code is a C function of the test. The monitor's rules
 * for threads hold (abi.h): a thread that is entered while it is not idle is -EBUSY, and so on.
 */
#ifndef CLOISTER_TEST_FAKE_WORLD_H
#define CLOISTER_TEST_FAKE_WORLD_H

#include <stdatomic.h>
#include <stdbool.h>

#include "libcloister/world.h"

struct fake_thread;

/*
 * The code inside: called for ENTER, and again for each RESUME (thread->entries counts). Returns
 * the outcome, as the monitor would.
 */
typedef int64_t fake_code(struct fake_thread *thread, struct world_values *values);

struct fake_thread {
    unsigned int number;
    _Atomic int state; /* enum cloister_thread_state */
    uint64_t offset;   /* arg0 and arg1 of ENTER */
    uint64_t size;
    unsigned int step; /* 0 when it was just entered */
};

struct fake_world {
    uint64_t handle[2];
    uint8_t *window;
    unsigned int count; /* threads */
    struct fake_thread threads[64];
    fake_code *code;
    bool gone; /* the enclave was destroyed */
    _Atomic unsigned int enters;
    _Atomic unsigned int resumes;
    _Atomic unsigned int refusals; /* calls that broke the monitor's rules */
};

extern struct fake_world fake_world;

void fake_world_start(uint8_t *window, unsigned int count, fake_code *code);
/* The frame of a thread, as the code inside sees it. */
struct cloister_call_frame *fake_frame(const struct fake_thread *thread);
/* `in` and `out` of the frame. */
uint8_t *fake_in(const struct fake_thread *thread);
uint8_t *fake_out(const struct fake_thread *thread);

#endif
