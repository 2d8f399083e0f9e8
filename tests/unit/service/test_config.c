/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "service/config.h"
#include "../suite.h"

#define NEEDED "certificate = /a\ncertificate-key = /b\nsigning-key = /c\nissuer = https://d\n"

START_TEST(defaults)
{
    struct config config;
    char why[320];

    config_initialise(&config);
    ck_assert_int_eq(
        config_parse(&config, "# nothing\n\n" NEEDED " queue = 7 # seven\r\n", why, sizeof(why)),
        0);
    ck_assert_uint_eq(config.queue, 7);
    ck_assert_str_eq(config.issuer, "https://d");
    ck_assert_uint_eq(config.challenge_lifetime, 300);
    ck_assert_uint_gt(config.workers, 0);
    ck_assert_uint_gt(config.event_threads, 0);
}
END_TEST

static const char *const wrong[][2] = {
    {"", "must be set"},
    {NEEDED "x", "line 5"},
    {NEEDED "x = 1", "no setting"},
    {NEEDED "queue =", "queue"},
    {NEEDED "queue = 0x10", "queue"},
    {NEEDED "queue = 0", "queue"},
    {NEEDED "queue = +1", "queue"},
    {NEEDED "queue = 100001", "queue"},
    {NEEDED "queue = 1 1", "queue"},
    {NEEDED "queue = 18446744073709551617", "queue"},
    {NEEDED "queue = 1\nqueue = 1", "line 6: queue is set twice"},
    {NEEDED "ek-roots = a", "absolute"},
    {NEEDED "issuer = https://e", "twice"},
    {"issuer = https://\n", "https"},
    {"issuer = https://x/\n", "https"},
    {"issuer = ftp://x\n", "https"},
};

START_TEST(refused)
{
    struct config config, before;
    char why[320] = "";

    config_initialise(&config);
    before = config;
    ck_assert_int_lt(config_parse(&config, wrong[_i][0], why, sizeof(why)), 0);
    ck_assert_msg(strstr(why, wrong[_i][1]) != NULL, "%s: %s", wrong[_i][0], why);
    ck_assert_mem_eq(&config, &before, sizeof(config));
}
END_TEST

START_TEST(longest)
{
    char text[2048], why[320];
    struct config config;

    for (int length = 510; length < 514; length++) {
        config_initialise(&config);
        snprintf(text, sizeof(text), "%sek-roots = /%0*d\n", NEEDED, length, 0);
        ck_assert_int_eq(config_parse(&config, text, why, sizeof(why)) == 0, length <= 510);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tcase = tcase_create("config");

    tcase_add_test(tcase, defaults);
    tcase_add_loop_test(tcase, refused, 0, sizeof(wrong) / sizeof(wrong[0]));
    tcase_add_test(tcase, longest);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
