/* SPDX-License-Identifier: MIT */
/* Names of error numbers. */
#include "base/errname.h"

#include <errno.h>

#include "../suite.h"

START_TEST(names)
{
    ck_assert_str_eq(errname(EPERM), "EPERM");
    ck_assert_str_eq(errname(-EPERM), "EPERM");
    ck_assert_str_eq(errname(0), "OK");
}
END_TEST

START_TEST(nameless)
{
    ck_assert_str_eq(errname(4095), "errno 4095");
    ck_assert_str_eq(errname(-4095), "errno 4095");
    ck_assert_str_eq(errname(-1000000), "errno 1000000");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base errname");
    TCase *tcase = tcase_create("errname");

    tcase_add_test(tcase, names);
    tcase_add_test(tcase, nameless);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
