/* SPDX-License-Identifier: MIT */
#include "victim.h"

#include <stdint.h>

#include <cloister/image.h>

#include "pattern.h"

#define PAGE_WORDS PATTERN_PAGE_WORDS
#define REGISTER_WORDS 46

struct victim_result {
    uint64_t value0, value1;
};

struct victim_result victim_main(uint64_t function, uint64_t argument, uint64_t thread);
struct victim_result victim_ocall(uint64_t value);
uint64_t victim_aex_count(void);
uint64_t victim_spin(const uint64_t *words);
struct victim_result victim_mode(uint64_t number, uint64_t address, uint64_t user);

/* The image tool finds it by its name: its page number goes into victim.json. */
__attribute__((aligned(CLOISTER_PAGE_SIZE), section(".secret")))
uint64_t victim_secret[VICTIM_SECRET_PAGES * PAGE_WORDS];
/* For reports; victim.json has its page number, too. */
__attribute__((aligned(CLOISTER_PAGE_SIZE))) uint8_t victim_buffer[CLOISTER_PAGE_SIZE];
static uint64_t checks;
/* Per thread: the address to look at, then the registers' words. */
static uint64_t spin_words[VICTIM_THREADS][1 + REGISTER_WORDS];

static volatile uint64_t *window(uint64_t offset)
{
    return (volatile uint64_t *)(CLOISTER_SHARED_BASE +
                                 offset % (VICTIM_SHARED_PAGES * CLOISTER_PAGE_SIZE) / 8 * 8);
}

static void fill(uint64_t seed)
{
    for (unsigned int page = 0; page < VICTIM_SECRET_PAGES; page++) {
        pattern_fill(victim_secret + page * PAGE_WORDS, seed);
    }
}

/* FNV-1a over the words: a digest that says whether the secret is what it was. */
static uint64_t check(uint64_t nonce)
{
    uint64_t digest = 0xcbf29ce484222325 ^ nonce;

    for (unsigned int i = 0; i < VICTIM_SECRET_PAGES * PAGE_WORDS; i++) {
        digest = (digest ^ victim_secret[i]) * 0x100000001b3;
    }
    checks++;
    return digest;
}

static uint64_t spin(uint64_t seed, uint64_t thread)
{
    uint64_t *words = spin_words[thread];

    words[0] = (uint64_t)window(0);
    for (unsigned int i = 0; i < REGISTER_WORDS; i++) {
        words[1 + i] = pattern_word(seed, i);
    }
    return victim_spin(words + 1);
}

static struct victim_result count(uint64_t to)
{
    uint64_t sum = 0;

    for (uint64_t i = 1; i <= to; i++) {
        sum += i;
        __asm__ volatile("" : "+r"(sum));
    }
    return (struct victim_result){sum, victim_aex_count()};
}

struct victim_result victim_main(uint64_t function, uint64_t argument, uint64_t thread)
{
    switch (function) {
    case VICTIM_PING:
        return (struct victim_result){argument + 1, thread};
    case VICTIM_FILL:
        fill(argument);
        return (struct victim_result){0, 0};
    case VICTIM_CHECK:
        return (struct victim_result){check(argument), checks};
    case VICTIM_SPIN:
        return (struct victim_result){spin(argument, thread), 0};
    case VICTIM_COUNT:
        return count(argument);
    case VICTIM_OCALL:
        return victim_ocall(argument);
    case VICTIM_FAULT:
        *(volatile uint64_t *)(CLOISTER_SHARED_BASE + VICTIM_OUTSIDE * CLOISTER_PAGE_SIZE);
        break;
    case VICTIM_PEEK:
        return (struct victim_result){*window(argument), 0};
    case VICTIM_POKE:
        *window(argument) = 0x5eedc0de;
        return (struct victim_result){0, 0};
    case VICTIM_USER:
    case VICTIM_KERNEL:
        return victim_mode(argument & 0xff, argument >> 8, function == VICTIM_USER);
    case VICTIM_PORT:
        __asm__ volatile("outb %b0, %w1" : : "a"(0), "Nd"(0x80));
        break;
    default:
        break;
    }
    return (struct victim_result){~UINT64_C(0), ~UINT64_C(0)};
}
