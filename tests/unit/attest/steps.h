/* SPDX-License-Identifier: MIT */
/* What the tests of the steps of a verification share: each begins with a host that is accepted. */
#ifndef CLOISTER_TEST_ATTEST_STEPS_H
#define CLOISTER_TEST_ATTEST_STEPS_H

#include "refuses.h"

static inline void start(void)
{
    scene_start(SCENE_ECC);
}

/* A test case that does so before each of its tests. */
static inline TCase *steps_begin(void)
{
    TCase *tcase = tcase_create("steps");

    scene_prepare();
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, start, NULL);
    return tcase;
}

/* Runs it; main()'s status. */
static inline int steps_run(TCase *tcase, const char *name)
{
    Suite *suite = suite_create(name);

    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}

#endif
