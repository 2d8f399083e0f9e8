/* SPDX-License-Identifier: MIT */
/* Settings by a table: what a file may say, and what it may not. */
#include "base/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../suite.h"

struct values {
    char text[8], path[8];
    uint32_t number;
    char neighbour[4];
    uint64_t large;
};

static bool read_even(const struct setting *setting, void *field, const char *value,
                      char expected[SETTINGS_EXPECTED])
{
    if (*value && strchr("13579", value[strlen(value) - 1])) {
        snprintf(expected, SETTINGS_EXPECTED, "an even number");
        return false;
    }
    return setting_number(setting, field, value, expected);
}

static const struct setting list[] = {
    {"text", setting_text, SETTING_FIELD(struct values, text), .fallback = "usual"},
    {"path", setting_path, SETTING_FIELD(struct values, path), .nothing = "none", .fallback = "/p"},
    {"number", read_even, SETTING_FIELD(struct values, number), .least = 2, .most = 4294967294u,
     .nothing = "never"},
    {"large", setting_number, SETTING_FIELD(struct values, large), .most = UINT64_MAX,
     .needed = true},
};
static const struct settings table = {
    .list = list, .count = sizeof(list) / sizeof(list[0]), .size = sizeof(struct values)};

static struct values values, before;
static char why[320];

static void setup(void)
{
    memset(&values, 0xff, sizeof(values));
    settings_initialise(&table, &values);
    before = values;
    why[0] = 0;
}

START_TEST(defaults)
{
    ck_assert_str_eq(values.text, "usual");
    ck_assert_str_eq(values.path, "/p");
    ck_assert_uint_eq(values.number, 0);
    ck_assert_uint_eq(values.large, 0);
}
END_TEST

START_TEST(good)
{
    ck_assert_int_eq(
        settings_parse(&table, &values,
                       "# text = x\n\n  text = a b # c\r\npath=/x=y\n number = 4294967294\n"
                       "large\t=\t18446744073709551615",
                       why, sizeof(why)),
        0);
    ck_assert_str_eq(values.text, "a b");
    ck_assert_str_eq(values.path, "/x=y");
    ck_assert_uint_eq(values.number, 4294967294u);
    ck_assert_uint_eq(values.large, UINT64_MAX);
    ck_assert_int_eq(settings_parse(&table, &values, "path = none\n number = never\nlarge = 0\n",
                                    why, sizeof(why)),
                     0);
    ck_assert_str_eq(values.path, "");
    ck_assert_uint_eq(values.number, 0);
    ck_assert_str_eq(values.text, "a b"); /* what a file does not say stays */
    ck_assert_mem_eq(values.neighbour, before.neighbour, sizeof(values.neighbour));
}
END_TEST

static const char *const wrong[][2] = {
    {"", "large must be set"},
    {"text = a", "large must be set"},
    {"large", "line 1: 'key = value' is expected, not 'large'"},
    {"# large = 1\n\nlarge", "line 3: 'key = value'"},
    {"= 1", "there is no setting ''"},
    {"Large = 1", "there is no setting 'Large'"},
    {"larger = 1", "there is no setting 'larger'"},
    {"large = ", "'' is no value for large: a number from 0 to 18446744073709551615 is expected"},
    {"large = -1", "'-1' is no value for large"},
    {"large = +1", "'+1' is no value"},
    {"large = 0x1", "'0x1' is no value"},
    {"large = 1 2", "'1 2' is no value"},
    {"large = 1=2", "'1=2' is no value"},
    {"large = 18446744073709551616", "is no value for large"},
    {"large = none", "'none' is no value"},
    {"large = 1\nlarge = 1", "line 2: large is set twice"},
    {"number = 3", "'3' is no value for number: an even number is expected"},
    {"number = 0", "a number from 2 to 4294967294 or never is expected"},
    {"number = 4294967296", "'4294967296' is no value"},
    {"number = Never", "'Never' is no value"},
    {"text =", "1 to 7 bytes is expected"},
    {"text = 12345678", "'12345678' is no value for text"},
    {"path = p", "'p' is no value for path: an absolute path is expected"},
    {"path =", "'' is no value for path"},
    {"path = /2345678", "1 to 7 bytes"},
    {"path = None", "an absolute path"},
};

START_TEST(refused)
{
    char text[256];

    snprintf(text, sizeof(text), "%s\n", wrong[_i][0]);
    ck_assert_int_eq(settings_parse(&table, &values, text, why, sizeof(why)), -EINVAL);
    ck_assert_msg(strstr(why, wrong[_i][1]) != NULL, "%s: %s", wrong[_i][0], why);
    ck_assert_mem_eq(&values, &before, sizeof(values));
}
END_TEST

START_TEST(nothing_is_half_done)
{
    ck_assert_int_eq(
        settings_parse(&table, &values, "text = new\nlarge = 5\n number = 3\n", why, sizeof(why)),
        -EINVAL);
    ck_assert_mem_eq(&values, &before, sizeof(values));
}
END_TEST

START_TEST(one_by_its_key)
{
    ck_assert_int_eq(settings_set(&table, &values, "number", "8", why, sizeof(why)), 0);
    ck_assert_uint_eq(values.number, 8);
    ck_assert_int_eq(settings_set(&table, &values, "number", "7", why, sizeof(why)), -EINVAL);
    ck_assert_uint_eq(values.number, 8);
    ck_assert_int_eq(settings_set(&table, &values, "colour", "red", why, sizeof(why)), -ENOENT);
    ck_assert_str_eq(why, "there is no setting 'colour'");
}
END_TEST

static int load(const char *text, size_t size)
{
    char path[] = "/tmp/settings.XXXXXX";
    int fd = mkstemp(path), rc;

    ck_assert(fd >= 0 && write(fd, text, size) == (ssize_t)size);
    close(fd);
    rc = settings_load(&table, &values, path, why, sizeof(why));
    ck_assert(!rc || !strncmp(why, path, strlen(path)));
    unlink(path);
    return rc;
}

START_TEST(files)
{
    static char large[SETTINGS_MAX_FILE + 1];

    ck_assert_int_eq(load("large = 3\n", 10), 0);
    ck_assert_uint_eq(values.large, 3);
    ck_assert_int_eq(load("large = 4\0\n", 11), -EINVAL);
    ck_assert_msg(strstr(why, "zero byte") != NULL, "%s", why);
    ck_assert_int_eq(load("large = x\n", 10), -EINVAL);
    memset(large, '\n', sizeof(large));
    memcpy(large, "large = 5", 9);
    ck_assert_int_eq(load(large, sizeof(large)), -EFBIG);
    ck_assert_uint_eq(values.large, 3);
    ck_assert_int_eq(load(large, sizeof(large) - 1), 0);
    ck_assert_uint_eq(values.large, 5);
    ck_assert_int_eq(settings_load(&table, &values, "/nonexistent", why, sizeof(why)), -ENOENT);
    ck_assert_int_eq(settings_load(&table, &values, "/tmp", why, sizeof(why)), -EISDIR);
}
END_TEST

/* --- sections --- */

struct group {
    uint32_t number;
    bool open;
};

struct grouped {
    uint64_t usual;
    struct group groups[2];
    unsigned int count;
};

static const struct setting group_list[] = {
    {"number", setting_number, SETTING_FIELD(struct group, number), .most = 9, .unit = "apples",
     .needed = true},
    {"open", setting_truth, SETTING_FIELD(struct group, open)},
};
static const struct settings group_table = {
    .list = group_list, .count = 2, .size = sizeof(struct group)};

static void *begin_group(void *place, const char *words, const struct settings **inner,
                         char expected[SETTINGS_EXPECTED])
{
    struct grouped *grouped = place;

    snprintf(expected, SETTINGS_EXPECTED, "[group], twice at the most,");
    if (strcmp(words, "group") != 0 || grouped->count == 2)
        return NULL;
    *inner = &group_table;
    return &grouped->groups[grouped->count++];
}

static const struct setting grouped_list[] = {
    {"usual", setting_number, SETTING_FIELD(struct grouped, usual), .most = 99},
};
static const struct settings grouped_table = {
    .list = grouped_list, .count = 1, .size = sizeof(struct grouped), .section = begin_group};

START_TEST(sections)
{
    struct grouped grouped;

    settings_initialise(&grouped_table, &grouped);
    ck_assert_int_eq(settings_parse(&grouped_table, &grouped,
                                    "usual = 7\n[group]\nnumber = 1\nopen = yes\n"
                                    " [ group ] # another\nopen=no\nnumber = 2",
                                    why, sizeof(why)),
                     0);
    ck_assert_uint_eq(grouped.usual, 7);
    ck_assert_uint_eq(grouped.count, 2);
    ck_assert_uint_eq(grouped.groups[0].number, 1);
    ck_assert(grouped.groups[0].open);
    ck_assert_uint_eq(grouped.groups[1].number, 2);
    ck_assert(!grouped.groups[1].open);
}
END_TEST

static const char *const wrong_sections[][2] = {
    {"[other]\n", "line 1: '[other]' begins no section: [group], twice at the most, is expected"},
    {"[group\nnumber = 1\n", "line 1: '[group' begins no section: a closing bracket is expected"},
    {"[\n", "a closing bracket is expected"},
    {"[]\n", "'[]' begins no section"},
    {"[group] x\n", "a closing bracket is expected"},
    {"[group]\nnumber=1\n[group]\nnumber=1\n[group]\nnumber=1\n", "line 5: '[group]'"},
    {"[group]\n", "number must be set"},
    {"[group]\n[group]\nnumber=1\n", "line 2: number must be set"},
    {"[group]\nnumber = 1\nusual = 5\n", "line 3: there is no setting 'usual' in this section"},
    {"number = 1\n", "there is no setting 'number'"},
    {"[group]\nnumber=1\nnumber=2\n", "line 3: number is set twice"},
    {"[group]\nnumber=10\n", "a number of apples from 0 to 9 is expected"},
    {"[group]\nnumber=1\nopen = maybe\n", "yes or no is expected"},
    {"[group]\nnumber=1\nopen = Yes\n", "yes or no is expected"},
};

START_TEST(refused_sections)
{
    struct grouped grouped, untouched;

    settings_initialise(&grouped_table, &grouped);
    untouched = grouped;
    ck_assert_int_eq(
        settings_parse(&grouped_table, &grouped, wrong_sections[_i][0], why, sizeof(why)), -EINVAL);
    ck_assert_msg(strstr(why, wrong_sections[_i][1]) != NULL, "%s: %s", wrong_sections[_i][0], why);
    ck_assert_mem_eq(&grouped, &untouched, sizeof(grouped));
}
END_TEST

START_TEST(no_sections)
{
    ck_assert_int_eq(settings_parse(&table, &values, "large = 1\n[group]\n", why, sizeof(why)),
                     -EINVAL);
    ck_assert_str_eq(why, "line 2: '[group]' begins no section: no section is expected");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base settings");
    TCase *tcase = tcase_create("settings");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, defaults);
    tcase_add_test(tcase, good);
    tcase_add_loop_test(tcase, refused, 0, sizeof(wrong) / sizeof(wrong[0]));
    tcase_add_test(tcase, nothing_is_half_done);
    tcase_add_test(tcase, one_by_its_key);
    tcase_add_test(tcase, files);
    tcase_add_test(tcase, sections);
    tcase_add_loop_test(tcase, refused_sections, 0,
                        sizeof(wrong_sections) / sizeof(wrong_sections[0]));
    tcase_add_test(tcase, no_sections);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
