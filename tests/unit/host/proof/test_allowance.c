/* SPDX-License-Identifier: MIT */
/* So many in a day: at a stretch, and then one by one. */
#include "../../suite.h"
#include "proof/allowance.h"

static const struct {
    unsigned int per_day;
    uint64_t period;
} cases[] = {{1, 86400000}, {2, 43200000}, {200, 432000}, {7, 12342857}, {86400, 1000}};

#define COUNT (sizeof(cases) / sizeof(cases[0]))

START_TEST(a_day_at_a_stretch)
{
    struct allowance allowance = {.per_day = cases[_i].per_day};
    const uint64_t now = 123456789;

    for (unsigned int i = 0; i < allowance.per_day; i++) {
        ck_assert_uint_eq(allowance_wait(&allowance, now), 0);
        allowance_take(&allowance, now);
    }
    ck_assert_uint_eq(allowance_wait(&allowance, now), cases[_i].period);
    ck_assert_uint_eq(allowance_wait(&allowance, now + 1), cases[_i].period - 1);
    ck_assert_uint_eq(allowance_wait(&allowance, now + cases[_i].period - 1), 1);
    ck_assert_uint_eq(allowance_wait(&allowance, now + cases[_i].period), 0);
    allowance_take(&allowance, now + cases[_i].period);
    ck_assert_uint_eq(allowance_wait(&allowance, now + cases[_i].period), cases[_i].period);
}
END_TEST

/* Who takes as fast as he may gets no more than one day's more than the days give. */
START_TEST(over_days)
{
    struct allowance allowance = {.per_day = cases[_i].per_day};
    const uint64_t begin = 1000;
    uint64_t now = begin, taken = 0;

    while (now < begin + 3 * ALLOWANCE_DAY) {
        now += allowance_wait(&allowance, now);
        allowance_take(&allowance, now);
        taken++;
    }
    ck_assert_uint_le(taken, 4 * (uint64_t)allowance.per_day + 1);
    ck_assert_uint_ge(taken, 4 * (uint64_t)allowance.per_day - 1);
}
END_TEST

/* Nothing is saved up beyond a day's. */
START_TEST(rest_does_not_add_up)
{
    struct allowance allowance = {.per_day = 3};
    const uint64_t now = 100 * ALLOWANCE_DAY;

    allowance_take(&allowance, 5);
    for (unsigned int i = 0; i < 3; i++) {
        ck_assert_uint_eq(allowance_wait(&allowance, now), 0);
        allowance_take(&allowance, now);
    }
    ck_assert_uint_eq(allowance_wait(&allowance, now), ALLOWANCE_DAY / 3);
}
END_TEST

/* More than there is: the debt is paid back. */
START_TEST(debts)
{
    struct allowance allowance = {.per_day = 2};

    for (unsigned int i = 0; i < 5; i++) {
        allowance_take(&allowance, 0);
    }
    ck_assert_uint_eq(allowance_wait(&allowance, 0), 2 * ALLOWANCE_DAY);
    ck_assert_uint_eq(allowance_wait(&allowance, 2 * ALLOWANCE_DAY), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("allowance");
    TCase *tests = tcase_create("allowance");

    tcase_add_loop_test(tests, a_day_at_a_stretch, 0, COUNT);
    tcase_add_loop_test(tests, over_days, 0, COUNT);
    tcase_add_test(tests, rest_does_not_add_up);
    tcase_add_test(tests, debts);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
