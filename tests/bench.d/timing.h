/* SPDX-License-Identifier: MIT */
/*
 * Counting instructions: under QEMU's -icount shift=0, and in Bochs always, the time-stamp counter of a machine
 * with one CPU goes on by one for each instruction, whoever executes it; ticks_begin() sees to it that it does.
 * What is measured is repeated; the least is what the measured code itself costs, without an interrupt in
 * between.
 */
#ifndef BENCH_TIMING_H
#define BENCH_TIMING_H

#include <err.h>
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
    uint32_t count; /* how often it was the least */
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

/* A loop of two instructions, `rounds` times, with what measures it. */
static inline uint64_t ticks_of_loop(uint64_t rounds)
{
    struct least least = {0};

    for (unsigned int i = 0; i < REPETITIONS; i++) {
        uint64_t left = rounds, start = ticks();

        __asm__ volatile("1: dec %0; jnz 1b" : "+r"(left) : : "cc");
        least_add(&least, ticks() - start);
    }
    return least.value;
}

/*
 * Ends the program unless one tick is one instruction: a loop that is 1,000 rounds longer must take 2,000 ticks
 * more. Bochs 3.0 was seen to give 2,001; 2.7 and QEMU give 2,000. Returns ticks_of_nothing().
 */
static inline uint64_t ticks_begin(void)
{
    uint64_t rounds = 1000, more = ticks_of_loop(2 * rounds) - ticks_of_loop(rounds);

    if (more < 2 * rounds - 2 || more > 2 * rounds + 2)
        errx(1, "the time-stamp counter does not count instructions: %llu ticks for %llu of them",
             (unsigned long long)more, (unsigned long long)(2 * rounds));
    return ticks_of_nothing();
}

/* A line for tests/bench: the name, the least, how often it was seen, how often it was measured. */
static inline void least_print(const char *name, const struct least *least, uint64_t nothing)
{
    printf("%s %llu %u %u\n", name, (unsigned long long)(least->value - nothing), least->count,
           least->samples);
}

#endif
