/* SPDX-License-Identifier: MIT */
/* What programs say, as their operators read it. */
#include "base/say.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../suite.h"

static FILE *file;
static int terminal;
static char text[4096];

static void setup(void)
{
    file = tmpfile();
    terminal = dup(2);
    ck_assert(file && terminal >= 0 && dup2(fileno(file), 2) == 2);
    unsetenv("JOURNAL_STREAM");
}

static void teardown(void)
{
    dup2(terminal, 2);
    close(terminal);
    fclose(file);
}

/* What has been said. */
static const char *said(void)
{
    fflush(stderr);
    ssize_t size = pread(fileno(file), text, sizeof(text) - 1, 0);
    ck_assert_int_ge(size, 0);
    text[size] = 0;
    return text;
}

/* $JOURNAL_STREAM as systemd sets it for this file, its inode moved by `other`. */
static void journal(unsigned long long other)
{
    struct stat status;
    char stream[64];

    ck_assert_int_eq(fstat(2, &status), 0);
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino + other);
    setenv("JOURNAL_STREAM", stream, 1);
}

START_TEST(names_the_program)
{
    say_initialise("tester", SAY_INFO);
    say_error("%s %d", "number", 7);
    say_info("second");
    ck_assert_str_eq(said(), "tester: number 7\ntester: second\n");
}
END_TEST

START_TEST(levels_for_the_journal)
{
    journal(0);
    say_initialise("tester", SAY_DEBUG);
    say_error("a");
    say_warning("b");
    say_info("c");
    say_debug("d");
    ck_assert_str_eq(said(), "<3>a\n<4>b\n<6>c\n<7>d\n");
}
END_TEST

START_TEST(another_stream_is_no_journal)
{
    journal(1);
    say_initialise("tester", SAY_INFO);
    say_error("a");
    ck_assert_str_eq(said(), "tester: a\n");
    setenv("JOURNAL_STREAM", "no numbers", 1);
    say_initialise("tester", SAY_INFO);
    say_error("a");
    ck_assert_str_eq(said(), "tester: a\ntester: a\n");
}
END_TEST

START_TEST(what_is_above_the_level)
{
    say_initialise("tester", SAY_WARNING);
    say_info("not said");
    say_debug("not said");
    ck_assert_str_eq(said(), "");
    say_initialise("tester", 0);
    say_error("not said");
    ck_assert_str_eq(said(), "");
}
END_TEST

START_TEST(control_characters)
{
    say_initialise("tester", SAY_INFO);
    say_error("%s", "a\nb\033[2Jc\x7f\td\xc3\xa4");
    ck_assert_str_eq(said(), "tester: a?b?[2Jc??d\xc3\xa4\n");
}
END_TEST

START_TEST(too_long_for_a_line)
{
    char large[3000];

    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = 0;
    say_initialise("tester", SAY_INFO);
    say_error("%s", large);
    ck_assert_uint_eq(strlen(said()), strlen("tester: ") + 1023 + 1);
    ck_assert_int_eq(text[strlen(text) - 1], '\n');
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base say");
    TCase *tcase = tcase_create("say");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, names_the_program);
    tcase_add_test(tcase, levels_for_the_journal);
    tcase_add_test(tcase, another_stream_is_no_journal);
    tcase_add_test(tcase, what_is_above_the_level);
    tcase_add_test(tcase, control_characters);
    tcase_add_test(tcase, too_long_for_a_line);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
