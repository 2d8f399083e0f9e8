/* SPDX-License-Identifier: MIT */
/* The CPU's random number generator, distrusted as far as that is cheap. */
#include "runtime.h"

#include <errno.h>
#include <string.h>

#define TRIES 10         /* Intel's advice for RDRAND (SDM vol. 1, 7.3.17.1) */
#define SEED_TRIES 10000 /* RDSEED runs dry under load; it is refilled within microseconds */

/*
 * Takes what a step gave: 0, or -EIO for what no working generator gives. Two equal values of 64 bits in
 * a row are a stuck source (as the continuous test of FIPS 140-2, 4.9.2); all ones are what some CPUs give
 * after suspend.
 */
static int accept(uint64_t value, uint64_t *word)
{
    struct cloister_thread *thread = runtime_thread();
    const bool bad = value == UINT64_MAX || (thread->have_random && value == thread->last_random);

    thread->last_random = value;
    thread->have_random = 1;
    *word = bad ? 0 : value;
    return bad ? -EIO : 0;
}

static int take(int (*step)(uint64_t *value), unsigned int tries, uint64_t *word)
{
    uint64_t value;

    *word = 0;
    while (tries-- > 0) {
        switch (step(&value)) {
        case 1:
            return accept(value, word);
        case 0:
            __builtin_ia32_pause();
            break;
        default:
            return -ENOSYS;
        }
    }
    return -EIO;
}

/* A value that repeats by chance (once in 2^64) costs an error, not a weak key. */
int random_word(uint64_t *word)
{
    return take(random_step_rdrand, TRIES, word) ? -EIO : 0;
}

static int seed_word(uint64_t *word)
{
    int result = take(random_step_rdseed, SEED_TRIES, word);

    return result == -ENOSYS ? random_word(word) : result;
}

static int fill(int (*next)(uint64_t *word), uint8_t *buffer, size_t size)
{
    size_t at = 0;
    int result = 0;
    uint64_t word;

    while (!result && at < size) {
        const size_t part = size - at < sizeof(word) ? size - at : sizeof(word);

        result = next(&word);
        memcpy(buffer + at, &word, part);
        at += part;
    }
    cloister_wipe(&word, sizeof(word));
    if (result) {
        memset(buffer, 0, size);
    }
    return result;
}

int cloister_random(void *buffer, size_t size)
{
    return fill(random_word, buffer, size);
}

int cloister_seed(void *buffer, size_t size)
{
    return fill(seed_word, buffer, size);
}
