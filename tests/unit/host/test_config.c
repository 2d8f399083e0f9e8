/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "suite.h"

static struct config config;
static char why[256];

static void setup(void)
{
    config_initialise(&config);
}

START_TEST(settings)
{
    ck_assert_int_eq(config_parse(&config,
                                  "# a comment\n\n log-directory = /x/y  \nlog-file-size=1G#z\n"
                                  "log-files = 0\r\nlibvirt-uri = none\nsocket=/s\n"
                                  "admission = /a b\nstate-directory=/d",
                                  why, sizeof(why)), 0);
    ck_assert_str_eq(config.log_directory, "/x/y");
    ck_assert_uint_eq(config.log_file_size, 1u << 30);
    ck_assert_uint_eq(config.log_files, 0);
    ck_assert_str_eq(config.libvirt_uri, "");
    ck_assert_str_eq(config.admission, "/a b");
    ck_assert_str_eq(config.state_directory, "/d");
}
END_TEST

START_TEST(refusals)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"log-directory", "line 1: 'key = value' is expected"},
        {"\n\ncolour = red", "line 3: there is no setting 'colour'"},
        {"log-directory =", "'' is no value for log-directory"},
        {"log-directory = relative", "'relative' is no value"},
        {"log-file-size = 4K", "'4K' is no value"},
        {"log-file-size = 5G", "'5G' is no value"},
        {"log-file-size = lots", "'lots' is no value"},
        {"log-files = 1", "'1' is no value"},
        {"log-files = -1", "'-1' is no value"},
        {"log-files = 99999999", "is no value"},
        {"log-files = 3x", "'3x' is no value"},
        {"socket = /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "is no value for socket"},
        {"= x", "there is no setting ''"},
    };
    struct config before = config;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512];

        snprintf(text, sizeof(text), "%s\nlog-files = 7\n", cases[i].text);
        ck_assert_int_eq(config_parse(&config, text, why, sizeof(why)), -EINVAL);
        ck_assert_msg(strstr(why, cases[i].why) != NULL, "%s: %s", cases[i].text, why);
        ck_assert_mem_eq(&config, &before, sizeof(config));
    }
    ck_assert_int_eq(config_load(&config, "/nonexistent", why, sizeof(why)), -ENOENT);
    ck_assert_int_lt(config_load(&config, "/tmp", why, sizeof(why)), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tests = tcase_create("file");

    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, settings);
    tcase_add_test(tests, refusals);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
