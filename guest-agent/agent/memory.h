/* SPDX-License-Identifier: MIT */
/* How much memory the tenant has left. */
#ifndef CLOISTER_AGENT_MEMORY_H
#define CLOISTER_AGENT_MEMORY_H

#include <stdint.h>

/* MemAvailable of /proc/meminfo in bytes; UINT64_MAX if unknown. */
uint64_t memory_available(void);

#endif
