/* SPDX-License-Identifier: MIT */
/* Secrets do not stay where they were used. */
#ifndef CLOISTER_MONITOR_WIPE_H
#define CLOISTER_MONITOR_WIPE_H

#include "host.h"

/* Writes zeros; the compiler does not leave it out. */
static inline void wipe(void *memory, size_t size)
{
    memset(memory, 0, size);
    __asm__ volatile("" : : "r"(memory) : "memory");
}

/* More than any function of the cryptographic library uses. */
#define WIPE_STACK_SIZE 6144u

/* Zeros below the caller's frame, where the functions that it called had their secrets. */
__attribute__((__noinline__)) static void wipe_stack(void)
{
    uint8_t stack[WIPE_STACK_SIZE];

    wipe(stack, sizeof(stack));
}

#endif
