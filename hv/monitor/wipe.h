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

/*
 * More than the functions of the cryptographic library use: 2,900 bytes, those of a signature.
 * Little enough for Xen, whose stacks have 8 KiB, with interrupts on.
 */
#define WIPE_STACK_SIZE 3584u

/* Zeros below the caller's frame, where the functions that it called had their secrets. */
__attribute__((__noinline__, __unused__)) static void wipe_stack(void)
{
    uint8_t stack[WIPE_STACK_SIZE];

    wipe(stack, sizeof(stack));
}

#endif
