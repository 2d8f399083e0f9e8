/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "settings/config.h"
#include "../../suite.h"

static struct config config;
static char why[256];

static void setup(void)
{
    config_initialise(&config);
}

START_TEST(settings)
{
    ck_assert_int_eq(
        config_parse(&config,
                     "# a comment\n\n log-directory = /x/y  \nlog-file-size=1G#z\n"
                     "log-files = 0\r\nlibvirt-uri = none\nsocket=/s\n"
                     "admission = /a b\nstate-directory=/d\ntpm = /dev/tpm0\n"
                     "tpm-key-handle = none\ntpm-timeout = 600\nevent-log = none\n"
                     "tpm-helper = /h\ncounter-interval = 86400\ncounter-commits-per-day=1",
                     why, sizeof(why)),
        0);
    ck_assert_str_eq(config.log_directory, "/x/y");
    ck_assert_uint_eq(config.log_file_size, 1u << 30);
    ck_assert_uint_eq(config.log_files, 0);
    ck_assert_str_eq(config.libvirt_uri, "");
    ck_assert_str_eq(config.admission, "/a b");
    ck_assert_str_eq(config.state_directory, "/d");
    ck_assert_str_eq(config.tpm, "device:/dev/tpm0");
    ck_assert_uint_eq(config.tpm_key_handle, 0);
    ck_assert_uint_eq(config.tpm_timeout, 600);
    ck_assert_str_eq(config.event_log, "");
    ck_assert_str_eq(config.tpm_helper, "/h");
    ck_assert_uint_eq(config.counter_interval, 86400);
    ck_assert_int_eq(config_set(&config, "counter-interval", "none", why, sizeof(why)), 0);
    ck_assert_uint_eq(config.counter_interval, 0);
    ck_assert_uint_eq(config.counter_commits, 1);
    ck_assert_int_eq(config_set(&config, "counter-commits-per-day", "unlimited", why, sizeof(why)),
                     0);
    ck_assert_uint_eq(config.counter_commits, 0);
    ck_assert_int_eq(config_parse(&config, "tpm=none\ntpm-key-handle=0x817FFFFF\nevent-log=/e", why,
                                  sizeof(why)),
                     0);
    ck_assert_str_eq(config.tpm, "");
    ck_assert_uint_eq(config.tpm_key_handle, 0x817fffff);
    ck_assert_str_eq(config.event_log, "/e");
    ck_assert_int_eq(config_set(&config, "tpm", "swtpm:path=/s", why, sizeof(why)), 0);
    ck_assert_str_eq(config.tpm, "swtpm:path=/s");
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
        {"socket = "
         "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "is no value for socket"},
        {"log-files = 3\nlog-files = 3", "line 2: log-files is set twice"},
        {"tpm-timeout = 60\n#\ntpm-timeout = 61", "line 3: tpm-timeout is set twice"},
        {"log-file-size = 4K", "a size from 64K to 4G is expected"},
        {"= x", "there is no setting ''"},
        {"tpm =", "'' is no value for tpm"},
        {"tpm = tpm0", "'tpm0' is no value for tpm"},
        {"tpm = "
         "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaaaaaaaaaaaaaa",
         "is no value for tpm"},
        {"tpm-key-handle = 0x80ffffff", "is no value for tpm-key-handle"},
        {"tpm-key-handle = 0x81800000", "is no value"},
        {"tpm-key-handle = 81000000", "is no value"},
        {"tpm-key-handle = 0x81000000x", "is no value"},
        {"tpm-key-handle = -0x1", "is no value"},
        {"counter-interval = 0", "'0' is no value for counter-interval"},
        {"counter-interval = 86401", "is no value"},
        {"counter-interval = -1", "is no value"},
        {"counter-interval = 1s", "is no value"},
        {"counter-interval = unlimited", "is no value"},
        {"counter-commits-per-day = 0", "'0' is no value for counter-commits-per-day"},
        {"counter-commits-per-day = none", "is no value"},
        {"counter-commits-per-day = 86401", "is no value"},
        {"counter-commits-per-day = -1", "is no value"},
        {"tpm-timeout = 0", "'0' is no value for tpm-timeout"},
        {"tpm-timeout = 601", "is no value"},
        {"tpm-timeout = -1", "is no value"},
        {"tpm-timeout = 1s", "is no value"},
        {"event-log = log", "is no value for event-log"},
        {"tpm-helper = helper", "is no value for tpm-helper"},
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
