/* SPDX-License-Identifier: MIT */
/* The drivers and the memory of the guest, as far as the agent uses them: counted and made up. */
#ifndef CLOISTER_TEST_FAKE_SYSTEM_H
#define CLOISTER_TEST_FAKE_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>

struct fake_system {
    unsigned int granted; /* grants allocated and not released */
    unsigned int grants;  /* allocated in all */
    int grant_error;      /* grant_allocate and grant_probe fail so */
    int64_t ballooned_kb; /* given back and not taken again */
    int balloon_error;
    bool balloon_stuck; /* the target is never reached */
    uint64_t available; /* memory */
    uint32_t ref;       /* the next grant reference */
};

extern struct fake_system fake_system;

void fake_system_start(void);

#endif
