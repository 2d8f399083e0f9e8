/* SPDX-License-Identifier: MIT */
/* The trace log against kills, full disks and restarts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_log.h"
#include "../../suite.h"

#define BIG (1u << 30)

static void setup(void)
{
    fake_log_directory();
}

/* A new log: its first line is index 0 with a prev of zeros; nothing is written before a flush. */
START_TEST(starts_at_zero)
{
    struct chainlog log;

    fake_log_open(&log, BIG, 0);
    ck_assert_uint_eq(fake_log_verify(false).lines, 0);
    fake_log_records(&log, 0, 3);
    ck_assert_uint_eq(fake_log_verify(false).lines, 0);
    ck_assert_int_eq(chainlog_flush(&log), 0);
    struct verify_result result = fake_log_verify(false);
    ck_assert_uint_eq(result.lines, 5); /* open, boot, 3 */
    ck_assert_uint_eq(result.first, 0);
    ck_assert_uint_eq(result.traces, 3);
    ck_assert_str_eq(result.head, log.state.head);
    chainlog_close(&log);
}
END_TEST

START_TEST(continues_after_restart)
{
    struct chainlog log;

    for (unsigned int run = 0; run < 5; run++) {
        fake_log_open(&log, BIG, 0);
        ck_assert_uint_eq(chainlog_next(&log, 2), run * 7);
        ck_assert_uint_eq(chainlog_next(&log, 1), 0);
        fake_log_records(&log, 2, 7);
        ck_assert_int_eq(chainlog_flush(&log), 0);
        chainlog_close(&log);
    }
    ck_assert_uint_eq(fake_log_verify(false).traces, 35);
}
END_TEST

START_TEST(only_one_writer)
{
    struct chainlog log, other;
    struct chainlog_options options = {NULL, BIG, 0, &fake_io};
    char why[256];

    fake_log_open(&log, BIG, 0);
    options.directory = log.directory;
    ck_assert_int_eq(chainlog_open(&other, &options, why, sizeof(why)), -EBUSY);
    ck_assert_ptr_nonnull(strstr(why, "another cloisterd"));
    chainlog_close(&log);
}
END_TEST

START_TEST(directory_cannot_be_made)
{
    struct chainlog log;
    struct chainlog_options options = {"/proc/no/such/place", BIG, 0, NULL};
    char why[256];

    ck_assert_int_lt(chainlog_open(&log, &options, why, sizeof(why)), 0);
    ck_assert_ptr_nonnull(strstr(why, "/proc/no/such/place"));
}
END_TEST

/*
 * Killed within write() at every byte of the last line: the log opens, says what it cut off, goes on
 * at exactly the record that was cut, and verifies.
 */
START_TEST(torn_at_every_byte)
{
    struct chainlog log;
    size_t size, last;

    fake_log_open(&log, BIG, 0);
    fake_log_records(&log, 0, 5);
    ck_assert_int_eq(chainlog_flush(&log), 0);
    chainlog_close(&log);
    char *text = fake_log_read(1, &size);
    for (last = size - 1; text[last - 1] != '\n'; last--)
        ;
    for (size_t cut = last; cut < size; cut++) {
        fake_log_write(1, text, cut);
        ck_assert_uint_eq(fake_log_verify(cut > last).torn, cut > last);
        fake_log_open(&log, BIG, 0);
        ck_assert_str_eq(log.broken, "");
        ck_assert_uint_eq(log.torn_bytes, cut - last);
        ck_assert_uint_eq(chainlog_next(&log, 0), 4);
        fake_log_verify(false); /* cut off already, before anything is written */
        fake_log_records(&log, 0, 2);
        ck_assert_int_eq(chainlog_flush(&log), 0);
        chainlog_close(&log);
        struct verify_result result = fake_log_verify(false);
        ck_assert_uint_eq(result.traces, 6);
        ck_assert_uint_eq(result.lines, cut > last ? 9 : 8); /* "recovered" */
    }
    free(text);
}
END_TEST

/* Killed while it began the second file: at every byte of that file's first lines. */
START_TEST(torn_new_file)
{
    struct chainlog log;
    size_t size;

    fake_log_open(&log, 1, 0);
    fake_log_records(&log, 3, 2);
    ck_assert_int_eq(chainlog_flush(&log), 0);
    fake_log_records(&log, 3, 1);
    ck_assert_int_eq(chainlog_flush(&log), 0);
    chainlog_close(&log);
    char *text = fake_log_read(2, &size);
    for (size_t cut = 0; cut < size; cut++) {
        fake_log_write(2, text, cut);
        fake_log_write(3, "", 0); /* what the last round left there */
        fake_log_open(&log, 1, 0);
        ck_assert_uint_eq(chainlog_next(&log, 3), 2);
        fake_log_records(&log, 3, 1);
        ck_assert_int_eq(chainlog_flush(&log), 0);
        chainlog_close(&log);
        ck_assert_uint_eq(fake_log_verify(false).traces, 3);
    }
    free(text);
}
END_TEST

/* Killed while it began the very first file. */
START_TEST(torn_first_file)
{
    struct chainlog log;

    fake_log_write(1, "{\"index\":0,\"prev\":\"0000", 23);
    fake_log_open(&log, BIG, 0);
    ck_assert_uint_eq(log.torn_bytes, 23);
    fake_log_records(&log, 0, 1);
    ck_assert_int_eq(chainlog_flush(&log), 0);
    chainlog_close(&log);
    ck_assert_uint_eq(fake_log_verify(false).first, 0);
}
END_TEST

/* Rotation: the chain goes over the files, and the last one alone says where to continue. */
START_TEST(rotates)
{
    struct chainlog log;

    fake_log_open(&log, 4096, 0);
    for (unsigned int i = 0; i < 100; i++) {
        fake_log_records(&log, i % 4, 1 + i % 3);
        if (i == 50)
            ck_assert_int_eq(chainlog_lost(&log, 1, chainlog_next(&log, 1), 1000), 0);
        ck_assert_int_eq(chainlog_flush(&log), 0);
    }
    uint64_t next[4];
    for (unsigned int cpu = 0; cpu < 4; cpu++)
        next[cpu] = chainlog_next(&log, cpu);
    chainlog_close(&log);
    struct verify_result result = fake_log_verify(false);
    ck_assert_uint_gt(result.files, 5);
    ck_assert_uint_eq(result.lost, 1000);
    fake_log_open(&log, 4096, 0);
    for (unsigned int cpu = 0; cpu < 4; cpu++)
        ck_assert_uint_eq(chainlog_next(&log, cpu), next[cpu]);
    chainlog_close(&log);
}
END_TEST

START_TEST(keeps_so_many_files)
{
    struct chainlog log;

    fake_log_open(&log, 1, 3);
    for (unsigned int i = 0; i < 10; i++) {
        fake_log_records(&log, 0, 1);
        ck_assert_int_eq(chainlog_flush(&log), 0);
    }
    chainlog_close(&log);
    struct verify_result result = fake_log_verify(false);
    ck_assert_uint_eq(result.files, 3);
    ck_assert_uint_gt(result.first, 0);
    fake_log_open(&log, 1, 3);
    ck_assert_uint_eq(chainlog_next(&log, 0), 10);
    chainlog_close(&log);
}
END_TEST

/*
 * A disk that is full after any number of bytes: the flush fails, the log stands where it stood,
 * verifies, and takes the same lines when there is room again.
 */
START_TEST(disk_full_at_every_byte)
{
    for (long room = 0; room < 2200; room += 3) {
        struct chainlog log;

        fake_log_directory();
        fake_log_open(&log, BIG, 0);
        fake_log_records(&log, 0, 2);
        ck_assert_int_eq(chainlog_flush(&log), 0);
        fake_disk.room = room;
        fake_log_records(&log, 0, 4);
        int rc = chainlog_flush(&log);
        if (rc) {
            ck_assert_int_eq(rc, -ENOSPC);
            ck_assert_int_eq(log.error, -ENOSPC);
            ck_assert_uint_eq(chainlog_next(&log, 0), 2);
            ck_assert_uint_eq(fake_log_verify(false).traces, 2);
            fake_disk.room = -1;
            fake_log_records(&log, 0, 4);
            ck_assert_int_eq(chainlog_flush(&log), 0);
            ck_assert_int_eq(log.error, 0);
        } else {
            ck_assert_int_gt(room, 800);
        }
        chainlog_close(&log);
        ck_assert_uint_eq(fake_log_verify(false).traces, 6);
        fake_log_remove();
    }
    fake_log_directory();
}
END_TEST

/* The same where the file cannot even be cut back: nothing is appended to a torn line. */
START_TEST(disk_full_and_stuck)
{
    struct chainlog log;

    fake_log_open(&log, BIG, 0);
    fake_log_records(&log, 0, 2);
    ck_assert_int_eq(chainlog_flush(&log), 0);
    fake_disk.room = 100;
    fake_disk.truncate_fails = true;
    fake_log_records(&log, 0, 1);
    ck_assert_int_eq(chainlog_flush(&log), -ENOSPC);
    fake_disk.room = -1;
    fake_log_records(&log, 0, 1);
    ck_assert_int_eq(chainlog_flush(&log), -EIO);
    ck_assert_uint_eq(fake_log_verify(true).torn, true);
    fake_disk.truncate_fails = false;
    fake_log_records(&log, 0, 1);
    ck_assert_int_eq(chainlog_flush(&log), 0);
    chainlog_close(&log);
    ck_assert_uint_eq(fake_log_verify(false).traces, 3);
}
END_TEST

/* A disk without room for another file, or without any room at the moment of rotation. */
START_TEST(disk_full_at_rotation)
{
    struct chainlog log;

    fake_log_open(&log, 1, 0);
    fake_log_records(&log, 0, 1);
    ck_assert_int_eq(chainlog_flush(&log), 0);
    fake_disk.open_fails = true;
    fake_log_records(&log, 0, 1);
    ck_assert_int_eq(chainlog_flush(&log), -ENOSPC);
    fake_disk.open_fails = false;
    for (fake_disk.room = 0; fake_disk.room < 400; fake_disk.room += 7) {
        long room = fake_disk.room;

        fake_log_records(&log, 0, 1);
        ck_assert_int_eq(chainlog_flush(&log), -ENOSPC);
        ck_assert_uint_eq(fake_log_verify(false).files, 1);
        fake_disk.room = room;
    }
    fake_disk.room = -1;
    fake_log_records(&log, 0, 1);
    ck_assert_int_eq(chainlog_flush(&log), 0);
    chainlog_close(&log);
    struct verify_result result = fake_log_verify(false);
    ck_assert_uint_eq(result.files, 2);
    ck_assert_uint_eq(result.traces, 2);
}
END_TEST

START_TEST(syncs_once_and_before_rotation)
{
    struct chainlog log;

    fake_log_open(&log, BIG, 0);
    ck_assert_int_eq(chainlog_sync(&log), 0);
    ck_assert_uint_eq(fake_disk.syncs, 0);
    fake_log_records(&log, 0, 1);
    ck_assert_int_eq(chainlog_flush(&log), 0);
    unsigned int before = fake_disk.syncs;
    ck_assert_int_eq(chainlog_sync(&log), 0);
    ck_assert_int_eq(chainlog_sync(&log), 0);
    ck_assert_uint_eq(fake_disk.syncs, before + 1);
    fake_log_records(&log, 0, 1);
    ck_assert_int_eq(chainlog_flush(&log), 0);
    fake_disk.sync_fails = true;
    ck_assert_int_eq(chainlog_sync(&log), -EIO);
    ck_assert_int_eq(log.error, -EIO);
    fake_disk.sync_fails = false;
    ck_assert_int_eq(chainlog_sync(&log), 0);
    chainlog_close(&log);
}
END_TEST

/* A line changed while the daemon did not run: it says so, and goes on in another file. */
START_TEST(broken_chain_is_not_repaired)
{
    struct chainlog log;
    size_t size;

    fake_log_open(&log, BIG, 0);
    fake_log_records(&log, 0, 10);
    ck_assert_int_eq(chainlog_flush(&log), 0);
    chainlog_close(&log);
    char *text = fake_log_read(1, &size);
    char *name = strstr(strstr(text, "\"seq\":4"), "alice");
    memcpy(name, "mallo", 5);
    fake_log_write(1, text, size);
    fake_log_open(&log, BIG, 0);
    ck_assert_ptr_nonnull(strstr(log.broken, "trace-00000001.jsonl line 7"));
    ck_assert_uint_eq(chainlog_next(&log, 0), 10);
    fake_log_records(&log, 0, 1);
    ck_assert_int_eq(chainlog_flush(&log), 0);
    ck_assert_uint_eq(log.number, 2);
    chainlog_close(&log);
    struct verify_result result = fake_log_verify(true);
    ck_assert_str_eq(result.file, "trace-00000001.jsonl");
    ck_assert_uint_eq(result.line, 7);
    size_t after;
    char *same = fake_log_read(1, &after);
    ck_assert_uint_eq(after, size);
    ck_assert_mem_eq(same, text, size);
    free(same);
    free(text);
}
END_TEST

/* A second boot starts every CPU at record 0 again. */
START_TEST(another_boot)
{
    struct chainlog log;

    fake_log_open(&log, BIG, 0);
    fake_log_records(&log, 1, 9);
    ck_assert_int_eq(chainlog_boot(&log, 0x9999, 2), 0);
    ck_assert_uint_eq(chainlog_next(&log, 1), 0);
    fake_log_records(&log, 1, 2);
    ck_assert_int_eq(chainlog_flush(&log), 0);
    chainlog_close(&log);
    fake_log_verify(false);
    fake_log_open(&log, BIG, 0);
    ck_assert_uint_eq(log.state.boot_id, 0x9999);
    ck_assert_uint_eq(chainlog_next(&log, 1), 2);
    chainlog_close(&log);
}
END_TEST

/* A line that no reader would take is dropped whole; the lines around it stand. */
START_TEST(oversized_line)
{
    struct chainlog log;
    char *text = malloc(LOG_MAX_LINE + 1);

    memset(text, 'x', LOG_MAX_LINE);
    text[LOG_MAX_LINE] = 0;
    fake_log_open(&log, BIG, 0);
    fake_log_records(&log, 0, 1);
    line_text(chainlog_begin(&log, "daemon"), "event", text);
    ck_assert_int_eq(chainlog_end(&log), -ENOBUFS);
    fake_log_records(&log, 0, 1);
    ck_assert_int_eq(chainlog_flush(&log), 0);
    chainlog_close(&log);
    ck_assert_uint_eq(fake_log_verify(false).lines, 4);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chainlog");
    TCase *tests = tcase_create("log");

    tcase_add_checked_fixture(tests, setup, fake_log_remove);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, starts_at_zero);
    tcase_add_test(tests, continues_after_restart);
    tcase_add_test(tests, only_one_writer);
    tcase_add_test(tests, directory_cannot_be_made);
    tcase_add_test(tests, torn_at_every_byte);
    tcase_add_test(tests, torn_new_file);
    tcase_add_test(tests, torn_first_file);
    tcase_add_test(tests, rotates);
    tcase_add_test(tests, keeps_so_many_files);
    tcase_add_test(tests, disk_full_at_every_byte);
    tcase_add_test(tests, disk_full_and_stuck);
    tcase_add_test(tests, disk_full_at_rotation);
    tcase_add_test(tests, syncs_once_and_before_rotation);
    tcase_add_test(tests, broken_chain_is_not_repaired);
    tcase_add_test(tests, another_boot);
    tcase_add_test(tests, oversized_line);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
