/* SPDX-License-Identifier: MIT */
/* One Check suite per program, as TAP on standard output. */
#ifndef CLOISTER_TEST_SUITE_H
#define CLOISTER_TEST_SUITE_H

#include <check.h>

static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

/* A small generator of repeatable numbers (xorshift64*). */
static inline unsigned long long next_random(unsigned long long *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 2685821657736338717ull;
}

#endif
