/* SPDX-License-Identifier: MIT */
/* Secrets do not stay in memory that others get next. Those on the stack: host_secret_end(). */
#ifndef CLOISTER_MONITOR_WIPE_H
#define CLOISTER_MONITOR_WIPE_H

#include "core/host.h"

/* Writes zeros; the compiler does not leave it out. */
static inline void wipe(void *memory, size_t size)
{
    memset(memory, 0, size);
    __asm__ volatile("" : : "r"(memory) : "memory");
}

#endif
