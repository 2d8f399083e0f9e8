/* SPDX-License-Identifier: MIT */
/* What is printed where a standard descriptor is closed, full or broken. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/output.h"
#include "../suite.h"

#define FAILED 3

static char said[512];

/* A command that prints `size` bytes, with these of the three closed and standard output at `path`. Its status. */
static int command(unsigned int closed, const char *path, size_t size, int status)
{
    int ends[2], result;

    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], 2);
        if (path)
            dup2(open(path, O_WRONLY), 1);
        for (int file = 0; file <= 2; file++) {
            if (closed & 1u << file)
                close(file);
        }
        if (output_begin())
            _exit(99);
        /* Whatever is opened now must get no standard number. */
        if (open("/dev/null", O_RDWR) <= 2)
            _exit(98);
        while (size--)
            putchar('x');
        _exit(output_end("command", status, FAILED));
    }
    close(ends[1]);
    size_t got = 0;
    ssize_t count;
    while ((count = read(ends[0], said + got, sizeof(said) - 1 - got)) > 0)
        got += (size_t)count;
    said[got] = 0;
    close(ends[0]);
    ck_assert_int_eq(waitpid(pid, &result, 0), pid);
    ck_assert(WIFEXITED(result));
    return WEXITSTATUS(result);
}

START_TEST(is_quiet_where_all_is_well)
{
    for (unsigned int closed = 0; closed < 8; closed++) {
        ck_assert_int_eq(command(closed & ~2u, "/dev/null", 10, 0), 0);
        ck_assert_int_eq(command(closed & ~2u, "/dev/null", 10, 5), 5);
        ck_assert_int_eq(command(closed, "/dev/null", 0, 0), 0); /* it had nothing to say */
        ck_assert_str_eq(said, "");
    }
}
END_TEST

START_TEST(says_that_it_is_closed)
{
    static const size_t sizes[] = {1, 100, 100000};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        ck_assert_int_eq(command(2, NULL, sizes[i], 0), FAILED);
        ck_assert_ptr_nonnull(strstr(said, "command: standard output: "));
        ck_assert_int_eq(command(3, NULL, sizes[i], 0), FAILED);
        ck_assert_int_eq(command(7, NULL, sizes[i], 0), FAILED);
        ck_assert_int_eq(command(2, NULL, sizes[i], 5),
                         5); /* what went wrong before is not hidden */
    }
    ck_assert_int_eq(command(2, NULL, 1, 0), FAILED);
    ck_assert_str_eq(said, "command: standard output: Bad file descriptor\n");
}
END_TEST

START_TEST(says_that_it_is_full)
{
    ck_assert_int_eq(command(0, "/dev/full", 1, 0), FAILED);
    ck_assert_str_eq(said, "command: standard output: No space left on device\n");
    ck_assert_int_eq(command(0, "/dev/full", 100000, 0), FAILED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("output");
    TCase *tests = tcase_create("output");

    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, is_quiet_where_all_is_well);
    tcase_add_test(tests, says_that_it_is_closed);
    tcase_add_test(tests, says_that_it_is_full);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
