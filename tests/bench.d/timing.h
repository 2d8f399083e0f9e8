/* SPDX-License-Identifier: MIT */
/*
 * Counting instructions: under QEMU's -icount shift=0 the time-stamp counter of a machine with one CPU goes
 * on by one for each instruction, whoever executes it. What is measured is repeated; the least is what
 * the measured code itself costs, without an interrupt in between.
 */
#ifndef BENCH_TIMING_H
#define BENCH_TIMING_H

#include <stdint.h>
#include <stdio.h>

#define REPETITIONS 1000u

static inline uint64_t ticks(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

struct least {
    uint64_t value;
    uint32_t count;   /* how often it was the least */
    uint32_t samples;
};

static inline void least_add(struct least *least, uint64_t value)
{
    if (!least->samples++ || value < least->value) {
        least->value = value;
        least->count = 0;
    }
    least->count += value == least->value;
}

/* What two readings of the counter one after the other cost. */
static inline uint64_t ticks_of_nothing(void)
{
    struct least least = {0};

    for (unsigned int i = 0; i < REPETITIONS; i++) {
        uint64_t start = ticks();
        least_add(&least, ticks() - start);
    }
    return least.value;
}

/* A line for tests/bench: the name, the least, how often it was seen, how often it was measured. */
static inline void least_print(const char *name, const struct least *least, uint64_t nothing)
{
    printf("%s %llu %u %u\n", name, (unsigned long long)(least->value - nothing), least->count,
           least->samples);
}

#endif
