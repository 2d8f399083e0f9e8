/* SPDX-License-Identifier: MIT */
/* Reading the log while it is written. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_log.h"
#include "log/stream.h"
#include "../../suite.h"

static const char *directory;
static struct chainlog log_;
static char buffer[LOG_MAX_LINE + 1];

static void setup(void)
{
    directory = fake_log_directory();
    fake_log_open(&log_, 2000, 0);
}

static void teardown(void)
{
    chainlog_close(&log_);
    fake_log_remove();
}

static struct stream_end end(void)
{
    return (struct stream_end){log_.number, log_.fd >= 0 ? log_.size : 0};
}

static void add(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        fake_log_records(&log_, 0, 1);
        ck_assert_int_eq(chainlog_flush(&log_), 0);
    }
}

/* Reads on to the end; returns the lines, checks that they follow each other. */
static unsigned int read_on(struct stream *stream, unsigned long long *index)
{
    unsigned int lines = 0;
    int size;

    while ((size = stream_read(stream, buffer, sizeof(buffer) - 1, end())) > 0) {
        char *rest = buffer, *line;

        ck_assert_int_eq(buffer[size - 1], '\n');
        buffer[size] = 0;
        while ((line = strsep(&rest, "\n")) && *line) {
            unsigned long long found;

            ck_assert_int_eq(sscanf(line, "{\"index\":%llu,", &found), 1);
            if (*index)
                ck_assert_uint_eq(found, *index + 1);
            *index = found;
            lines++;
        }
    }
    ck_assert_int_eq(size, 0);
    return lines;
}

START_TEST(last_lines)
{
    add(40);
    uint64_t total = log_.state.index;
    for (uint64_t wanted = 0; wanted < total + 5; wanted++) {
        struct stream stream;
        unsigned long long index = 0;

        ck_assert_int_eq(stream_open(&stream, directory, wanted, end()), 0);
        ck_assert_uint_eq(read_on(&stream, &index), wanted < total ? wanted : total);
        if (wanted)
            ck_assert_uint_eq(index, total - 1);
        stream_close(&stream);
    }
}
END_TEST

START_TEST(follows)
{
    struct stream stream;
    unsigned long long index = 0;
    unsigned int lines = 0;

    ck_assert_int_eq(stream_open(&stream, directory, UINT64_MAX, end()), 0);
    for (unsigned int i = 0; i < 60; i++) {
        lines += read_on(&stream, &index);
        add(i % 3);
    }
    lines += read_on(&stream, &index);
    ck_assert_uint_eq(lines, log_.state.index);
    stream_close(&stream);
}
END_TEST

/* What is not written for good is not shown. */
START_TEST(stops_at_the_end)
{
    struct stream stream;
    struct stream_end early;

    add(1);
    early = end();
    add(1);
    ck_assert_int_eq(stream_open(&stream, directory, UINT64_MAX, early), 0);
    ck_assert_int_eq(stream_read(&stream, buffer, sizeof(buffer), early), (int)early.size);
    ck_assert_int_eq(stream_read(&stream, buffer, sizeof(buffer), early), 0);
    early.size += 10; /* in the middle of a line */
    ck_assert_int_eq(stream_read(&stream, buffer, sizeof(buffer), early), 0);
    stream_close(&stream);
}
END_TEST

/* The reader's file was removed because it is so slow. */
START_TEST(too_slow)
{
    struct stream stream;
    unsigned long long index = 0;

    add(40);
    ck_assert_int_eq(stream_open(&stream, directory, UINT64_MAX, end()), 0);
    for (uint32_t number = 1; number < log_.number; number++) {
        char name[LOG_FILE_NAME], path[128];

        log_file_name(number, name);
        snprintf(path, sizeof(path), "%s/%s", directory, name);
        unlink(path);
    }
    ck_assert_uint_gt(read_on(&stream, &index), 0);
    ck_assert_uint_eq(index, log_.state.index - 1);
    stream_close(&stream);
}
END_TEST

START_TEST(empty_and_missing)
{
    struct stream stream;
    struct stream_end none;
    unsigned long long index = 0;

    ck_assert_int_eq(stream_open(&stream, directory, 10, end()), 0);
    ck_assert_uint_eq(read_on(&stream, &index), 0);
    add(2);
    ck_assert_uint_eq(read_on(&stream, &index), log_.state.index);
    stream_close(&stream);
    ck_assert_int_eq(stream_open(&stream, "/nonexistent", 10, end()), -ENOENT);
    ck_assert_int_eq(stream_find_end("/nonexistent", &none), -ENOENT);
    ck_assert_int_eq(stream_find_end(directory, &none), 0);
    ck_assert_uint_eq(none.number, log_.number);
    ck_assert_uint_eq(none.size, log_.size);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream");
    TCase *tests = tcase_create("readers");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, last_lines);
    tcase_add_test(tests, follows);
    tcase_add_test(tests, stops_at_the_end);
    tcase_add_test(tests, too_slow);
    tcase_add_test(tests, empty_and_missing);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
