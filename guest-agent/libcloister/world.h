/* SPDX-License-Identifier: MIT */
/*
 * The instruction that enters an enclave. Registers as in cloister/abi.h; a test replaces world.c.
 */
#ifndef CLOISTER_LIBRARY_WORLD_H
#define CLOISTER_LIBRARY_WORLD_H

#include <stdint.h>

#include "cloister/abi.h"

struct world_values {
    uint64_t value0;
    uint64_t value1;
};

/* Returns CLOISTER_EXIT_* (or 0 of STATUS), with *values set, or a negative errno. */
int64_t world_call(enum cloister_call call, const uint64_t handle[2], uint64_t thread,
                   uint64_t arg0, uint64_t arg1, struct world_values *values);

#endif
