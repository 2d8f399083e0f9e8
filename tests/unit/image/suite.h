/* SPDX-License-Identifier: MIT */
/* The main function of a test program: one suite, its results as TAP on standard output. */
#ifndef TEST_IMAGE_SUITE_H
#define TEST_IMAGE_SUITE_H

#include <check.h>
#include <stdlib.h>

static inline int suite_run(const char *name, void (*setup)(void), const TTest *const *tests,
                            size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner;
    int failed;

    if (setup) {
        tcase_add_checked_fixture(tcase, setup, NULL);
    }
    for (size_t i = 0; i < count; i++) {
        tcase_add_test(tcase, tests[i]);
    }
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define SUITE_MAIN(name, setup, ...)                                                               \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        return suite_run(name, setup, tests, sizeof(tests) / sizeof(tests[0]));                    \
    }

/* For loops: Check notes every assertion that holds. */
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg("%s:%d: %s", __FILE__, __LINE__, #condition);                             \
        }                                                                                          \
    } while (0)

#endif
