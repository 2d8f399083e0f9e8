/* SPDX-License-Identifier: MIT */
/*
 * A monitor that only keeps books: enclaves with their domain, state, pages and shares. It reads
 * every buffer that an operation names, so that the sanitizers see a wrong one.
 */
#ifndef CLOISTER_TEST_FAKE_MONITOR_H
#define CLOISTER_TEST_FAKE_MONITOR_H

#include "monitor/hypercall.h"

#define FAKE_ENCLAVES 512u

struct fake_enclave {
    uint32_t id; /* 0: free */
    uint16_t domain, state;
    uint32_t pages, shares;
    uint64_t content; /* sum of all content bytes */
};

struct fake_monitor {
    struct hypercalls calls;
    struct fake_enclave enclaves[FAKE_ENCLAVES];
    uint32_t next_id;
    uint64_t count[16]; /* calls by operation */
    int fail_op;        /* this operation fails ... */
    int fail_after;     /* ... after so many good ones; -1: never */
    int fail_error;
    uint16_t fail_reason;
};

void fake_monitor_clear(struct fake_monitor *monitor);
struct fake_enclave *fake_enclave(struct fake_monitor *monitor, uint32_t id);
/* Living enclaves of a domain; in `state`, or in any (0). */
unsigned int fake_living(const struct fake_monitor *monitor, uint16_t domain, uint16_t state);
uint32_t fake_create(struct fake_monitor *monitor, uint16_t domain, uint16_t state);

#endif
