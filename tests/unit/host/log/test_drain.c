/* SPDX-License-Identifier: MIT */
/* From the rings into the log: nothing lost, nothing doubled, whoever is killed when. */
#include <errno.h>
#include <stdlib.h>

#include "log/drain.h"
#include "fake_log.h"
#include "fake_ring.h"
#include "log/names.h"
#include "log/notes.h"
#include "../../suite.h"

#define CPUS 3u

static struct fake_ring memory[CPUS];
static struct ring rings[CPUS];
static struct chainlog log_;
static struct drain drain;

static void boot(uint64_t boot_id)
{
    for (unsigned int cpu = 0; cpu < CPUS; cpu++) {
        fake_ring_clear(&memory[cpu], cpu, boot_id);
        ck_assert_int_eq(ring_open(&rings[cpu], &memory[cpu], sizeof(memory[cpu])), 0);
    }
}

static void start(void)
{
    fake_log_open(&log_, 8192, 0);
    ck_assert_int_eq(drain_open(&drain, &log_, rings, CPUS), 0);
}

static void kill_daemon(void)
{
    drain_close(&drain);
    chainlog_close(&log_);
}

static void setup(void)
{
    fake_log_directory();
    boot(1);
    start();
}

static void teardown(void)
{
    kill_daemon();
    fake_log_remove();
}

/* The clocks of CPUs differ: the monitor's order is what counts. */
START_TEST(merges_by_order)
{
    size_t size;

    for (unsigned int i = 0; i < 30; i++)
        fake_ring_add(&memory[i * 7 % CPUS], 100 + i % 4);
    ck_assert_int_gt(drain_pass(&drain), 0);
    char *text = fake_log_read(1, &size), *at = text;
    unsigned int found = 0;
    while ((at = strstr(at, "\"order\":"))) {
        ck_assert_uint_eq(strtoull(at + 8, NULL, 10), found);
        found++;
        at++;
    }
    ck_assert_uint_eq(found, 30);
    free(text);
    fake_log_verify(false);
}
END_TEST

START_TEST(nothing_new_writes_nothing)
{
    fake_ring_add(&memory[0], 1);
    ck_assert_int_eq(drain_pass(&drain), 1);
    uint64_t lines = fake_log_verify(false).lines;
    for (unsigned int i = 0; i < 10; i++)
        ck_assert_int_eq(drain_pass(&drain), 0);
    ck_assert_uint_eq(fake_log_verify(false).lines, lines);
}
END_TEST

/* Where the anchor of `records` stands: how many records stand before it. */
static unsigned int records_before_anchor(uint64_t records)
{
    size_t size;
    char *text = fake_log_read(1, &size), mark[80];
    unsigned int found = 0;

    snprintf(mark, sizeof(mark),
             "\"kind\":\"anchor\",\"boot\":\"0000000000000001\",\"records\":%u,",
             (unsigned int)records);
    char *anchor = strstr(text, mark);
    ck_assert_ptr_nonnull(anchor);
    ck_assert_ptr_null(strstr(anchor + 1, mark));
    for (char *at = text; (at = strstr(at, "\"kind\":\"trace\"")) && at < anchor; at++)
        found++;
    free(text);
    return found;
}

static void anchor(uint64_t records)
{
    const struct cloister_monitor_record monitor = {.boot_id = 1};
    const struct cloister_report heartbeat = {.trace_records = records};

    drain_anchor(&drain, &monitor, &heartbeat);
}

/* Behind exactly the records that it signs, whatever came since, and whatever the disk does. */
START_TEST(an_anchor_stands_in_its_place)
{
    for (unsigned int i = 0; i < 9; i++)
        fake_ring_add(&memory[i % CPUS], i);
    anchor(7);
    fake_disk.room = 0;
    ck_assert_int_eq(drain_pass(&drain), -ENOSPC);
    fake_disk.room = -1;
    ck_assert_int_eq(drain_pass(&drain), 10);
    ck_assert_uint_eq(records_before_anchor(7), 7);
    ck_assert_int_eq(drain_pass(&drain), 0);
    anchor(9);
    ck_assert_int_eq(drain_pass(&drain), 1);
    ck_assert_uint_eq(records_before_anchor(9), 9);
    ck_assert_int_eq(drain_pass(&drain), 0);
}
END_TEST

/* Some of what it signs was overwritten: behind the rest. */
START_TEST(an_anchor_behind_a_loss)
{
    for (unsigned int i = 0; i < 40; i++)
        fake_ring_add(&memory[0], i);
    anchor(40);
    fake_ring_add(&memory[1], 41);
    ck_assert_int_eq(drain_pass(&drain), 1 + 15 + 1 + 1);
    ck_assert_uint_eq(records_before_anchor(40), 15);
}
END_TEST

/* The monitor did not sign it: no word of the daemon's makes it true. */
START_TEST(an_anchor_of_nobody_breaks_the_log)
{
    fake_ring_add(&memory[0], 1);
    anchor(1);
    ck_assert_int_eq(drain_pass(&drain), 2);
    struct verify_result result = fake_log_verify(true);
    ck_assert_ptr_nonnull(strstr(result.wrong, "anchor"));
    ck_assert_uint_eq(result.line, 4);
}
END_TEST

/* Random bursts, random kills, random full disks: read + lost is what was written, and no more. */
START_TEST(adds_up_whatever_happens)
{
    unsigned long long state = (unsigned long long)_i * 77 + 1;
    uint64_t written = 0;

    for (unsigned int step = 0; step < 200; step++) {
        unsigned int burst = (unsigned int)next_random(&state) % 25;

        for (unsigned int i = 0; i < burst; i++)
            fake_ring_add(&memory[next_random(&state) % CPUS], ++written);
        fake_disk.room = next_random(&state) % 4 ? -1 : (long)(next_random(&state) % 3000);
        int rc = drain_pass(&drain);
        ck_assert(rc >= 0 || (rc == -ENOSPC && fake_disk.room >= 0));
        fake_disk.room = -1;
        if (next_random(&state) % 5 == 0) {
            kill_daemon();
            start();
        }
    }
    ck_assert_int_ge(drain_pass(&drain), 0);
    struct verify_result result = fake_log_verify(false);
    ck_assert_uint_eq(result.traces + result.lost, written);
    ck_assert_uint_gt(result.traces, 100);
}
END_TEST

START_TEST(loss_is_a_line)
{
    for (unsigned int i = 0; i < 100; i++)
        fake_ring_add(&memory[1], i);
    ck_assert_int_eq(drain_pass(&drain), 16); /* the loss, and 15 that are left */
    struct verify_result result = fake_log_verify(false);
    ck_assert_uint_eq(result.lost, 85);
    ck_assert_uint_eq(result.traces, 15);
}
END_TEST

START_TEST(another_boot_starts_anew)
{
    for (unsigned int i = 0; i < 5; i++)
        fake_ring_add(&memory[0], i);
    ck_assert_int_eq(drain_pass(&drain), 5);
    kill_daemon();
    boot(2);
    for (unsigned int i = 0; i < 3; i++)
        fake_ring_add(&memory[0], i);
    start();
    ck_assert_int_eq(drain_pass(&drain), 3);
    ck_assert_uint_eq(fake_log_verify(false).traces, 8);
}
END_TEST

/* The log claims more than the ring ever held: rather twice than not at all. */
START_TEST(log_ahead_of_ring)
{
    for (unsigned int i = 0; i < 5; i++)
        fake_ring_add(&memory[0], i);
    ck_assert_int_eq(drain_pass(&drain), 5);
    kill_daemon();
    boot(1);
    fake_ring_add(&memory[0], 9);
    start();
    ck_assert_int_eq(drain_pass(&drain), 1);
    fake_log_verify(false);
}
END_TEST

/* The disk was full when the log should have learned of the boot. */
START_TEST(disk_full_at_first)
{
    fake_ring_add(&memory[2], 1);
    fake_disk.room = 0;
    for (unsigned int i = 0; i < 3; i++)
        ck_assert_int_eq(drain_pass(&drain), -ENOSPC);
    fake_disk.room = -1;
    ck_assert_int_eq(drain_pass(&drain), 1);
    ck_assert_uint_eq(fake_log_verify(false).traces, 1);
}
END_TEST

static void note(const char *text)
{
    struct note entry;

    note_begin(&entry, "daemon");
    line_text(&entry.line, "event", text);
    note_end(&entry);
}

START_TEST(notes_wait_for_the_disk)
{
    size_t size;

    note("one");
    fake_disk.room = 0;
    ck_assert_int_eq(drain_pass(&drain), -ENOSPC);
    note("two");
    fake_disk.room = -1;
    ck_assert_int_eq(drain_pass(&drain), 2);
    ck_assert_int_eq(drain_pass(&drain), 0);
    char *text = fake_log_read(1, &size);
    ck_assert(strstr(text, "\"one\"") < strstr(text, "\"two\""));
    ck_assert_ptr_null(strstr(strstr(text, "\"one\"") + 1, "\"one\""));
    free(text);
}
END_TEST

START_TEST(too_many_notes_are_counted)
{
    char text[2 * NOTE_TEXT];
    size_t size;

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = 0;
    for (unsigned int i = 0; i < NOTES_KEPT + 7; i++)
        note("flood");
    note(text);
    ck_assert_int_eq(drain_pass(&drain), NOTES_KEPT + 1);
    char *file = fake_log_read(1, &size);
    ck_assert_ptr_nonnull(strstr(file, "\"event\":\"notes lost\",\"count\":8,"));
    free(file);
    fake_log_verify(false);
    ck_assert_int_eq(drain_pass(&drain), 0);
}
END_TEST

START_TEST(names_stand_in_the_record)
{
    size_t size;

    names_set(3, "al\"ice\xff", "c0a4fe59-ade9-41b7-8b02-8254df4c5870");
    fake_ring_add(&memory[0], 1);
    ck_assert_int_eq(drain_pass(&drain), 1);
    char *text = fake_log_read(1, &size);
    ck_assert_ptr_nonnull(strstr(text, "\"domain\":3,\"domain_name\":\"al\\\"ice\\ufffd\","
                                       "\"domain_uuid\":\"c0a4fe59-"));
    ck_assert_ptr_nonnull(strstr(text, "\"reason\":\"RANDOM_HANDLE\""));
    free(text);
    fake_log_verify(false);
}
END_TEST

START_TEST(without_rings)
{
    drain_close(&drain);
    ck_assert_int_eq(drain_open(&drain, &log_, NULL, 0), 0);
    note("alone");
    ck_assert_int_eq(drain_pass(&drain), 1);
    fake_log_verify(false);
    kill_daemon();
    start();
    fake_ring_add(&memory[0], 1);
    ck_assert_int_eq(drain_pass(&drain), 1);
    fake_log_verify(false);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("drain");
    TCase *tests = tcase_create("passes");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, merges_by_order);
    tcase_add_test(tests, an_anchor_stands_in_its_place);
    tcase_add_test(tests, an_anchor_behind_a_loss);
    tcase_add_test(tests, an_anchor_of_nobody_breaks_the_log);
    tcase_add_test(tests, nothing_new_writes_nothing);
    tcase_add_loop_test(tests, adds_up_whatever_happens, 0, 25);
    tcase_add_test(tests, loss_is_a_line);
    tcase_add_test(tests, another_boot_starts_anew);
    tcase_add_test(tests, log_ahead_of_ring);
    tcase_add_test(tests, disk_full_at_first);
    tcase_add_test(tests, notes_wait_for_the_disk);
    tcase_add_test(tests, too_many_notes_are_counted);
    tcase_add_test(tests, names_stand_in_the_record);
    tcase_add_test(tests, without_rings);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
