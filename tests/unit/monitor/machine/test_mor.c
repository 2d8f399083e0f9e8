/* SPDX-License-Identifier: MIT */
/* The request that firmware clears memory: asked for, locked, and believed only when it holds. */
#include "machine/mor.h"

#include "fake_host.h"
#include "firmware.h"
#include "suite.h"

#define WANTED 0x11

static void start(void)
{
    fake_start_bare(1);
}

static void ends_in(enum mor_outcome outcome)
{
    mor_init();
    ck_assert_int_eq(mor_status()->outcome, outcome);
    ck_assert(mor_text() && *mor_text());
}

START_TEST(is_not_locked_before_anybody_asked)
{
    ck_assert_int_eq(mor_status()->outcome, MOR_NOT_ASKED);
}
END_TEST

/* Whatever was there before: other bits of the request are the firmware's business. */
START_TEST(sets_and_locks)
{
    static const uint8_t before[] = {0, 0x01, 0x10, 0x11, 0xe0};
    static const enum firmware_kind kinds[] = {FIRMWARE_SECURE, FIRMWARE_KEYLESS};
    const uint8_t no = 0;

    firmware_boot(kinds[_i % 2], before[_i / 2]);
    ends_in(MOR_LOCKED);
    ck_assert_uint_eq(firmware.request.data[0] & WANTED, WANTED);
    ck_assert_uint_eq(firmware.request.attributes, HOST_VARIABLE_ATTRIBUTES);
    ck_assert_uint_eq(firmware.lock.data[0], 1);
    /* Nobody with a key takes it back, either. */
    for (unsigned int key = 0; key < 3; key++) {
        uint8_t guess[8] = {(uint8_t)key};

        ck_assert_int_eq(
            host_variable_set(
                (const uint8_t *)"\x3f\xc1\x3c\xbb\x1d\x15\xe1\x40\xa0\x7b\x4a\x17\xbe\x16\x82\x92",
                "MemoryOverwriteRequestControlLock", 7, guess, 8),
            -EPERM);
    }
    ck_assert_int_eq(
        host_variable_set(
            (const uint8_t *)"\xbe\x39\x09\xe2\xd4\x32\xbe\x41\xa1\x50\x89\x7f\x85\xd4\x98\x29",
            "MemoryOverwriteRequestControl", 7, &no, 1),
        -EPERM);
}
END_TEST

/* Flash wears: what is as it should be is not written, but for the lock and the two tries to take it back. */
START_TEST(writes_no_request_that_stands)
{
    firmware_boot(FIRMWARE_SECURE, WANTED);
    ends_in(MOR_LOCKED);
    ck_assert_uint_eq(firmware.writes, 3);
}
END_TEST

START_TEST(without_runtime_services_nothing_is_claimed)
{
    firmware_boot(FIRMWARE_NONE, 0);
    ends_in(MOR_NO_SERVICES);
    ck_assert_uint_eq(firmware.writes, 0);
}
END_TEST

/* It would be stored, and mean nothing. */
START_TEST(firmware_that_does_not_know_it_gets_no_variable)
{
    firmware_boot(FIRMWARE_PLAIN, 0);
    ends_in(MOR_ABSENT);
    ck_assert_uint_eq(firmware.writes, 0);
    ck_assert(!firmware.request.there && !firmware.lock.there);
}
END_TEST

/* Somebody had such variables stored in an earlier boot, so as to be believed. */
START_TEST(stored_variables_are_no_lock)
{
    const struct firmware_variable stored = {.there = true,
                                             .attributes = HOST_VARIABLE_ATTRIBUTES,
                                             .size = 1,
                                             .data = {(uint8_t)(_i % 2)}};

    firmware_boot(FIRMWARE_PLAIN, 0);
    firmware.request = stored;
    firmware.request.data[0] = _i & 2 ? WANTED : 0;
    firmware.lock = stored;
    ends_in(MOR_FALSE);
    ck_assert_uint_eq(firmware.request.data[0], WANTED); /* for what it is worth */
}
END_TEST

START_TEST(the_request_alone_is_no_lock)
{
    firmware_boot(FIRMWARE_NO_LOCK, 0);
    ends_in(MOR_NO_LOCK);
    ck_assert_uint_eq(firmware.request.data[0], WANTED);
    ck_assert(!firmware.lock.there);
}
END_TEST

START_TEST(what_another_locked_in_our_sense_is_as_good)
{
    firmware_boot(FIRMWARE_SECURE, WANTED);
    firmware.lock.data[0] = 1;
    ends_in(MOR_LOCKED);
}
END_TEST

/* The boot loader, or a driver before it: with a key or without, the request set or not. */
START_TEST(what_another_locked_is_not_ours)
{
    firmware_boot(FIRMWARE_SECURE, _i & 1 ? WANTED : 0);
    firmware.lock.data[0] = _i & 2 ? 2 : 1;
    if ((_i & 3) == 1) {
        return; /* what_another_locked_in_our_sense_is_as_good */
    }
    ends_in(MOR_TAKEN);
    ck_assert_uint_eq(firmware.request.data[0], _i & 1 ? WANTED : 0);
}
END_TEST

START_TEST(firmware_that_lies_is_not_believed)
{
    static const enum firmware_kind kinds[] = {FIRMWARE_DEAF_LOCK, FIRMWARE_OPEN_LOCK,
                                               FIRMWARE_DEAF};

    firmware_boot(kinds[_i], 0);
    ends_in(MOR_FALSE);
}
END_TEST

/* A variable of another shape is not the firmware's. */
START_TEST(variables_of_another_shape_are_not_believed)
{
    struct firmware_variable *variable = _i & 1 ? &firmware.lock : &firmware.request;

    firmware_boot(FIRMWARE_SECURE, 0);
    if (_i & 2) {
        variable->attributes = 3;
    } else {
        variable->size = _i & 4 ? 8 : 0;
    }
    ends_in(MOR_FALSE);
}
END_TEST

START_TEST(an_unknown_state_of_the_lock_is_not_ours)
{
    firmware_boot(FIRMWARE_SECURE, WANTED);
    firmware.lock.data[0] = 3;
    ends_in(MOR_TAKEN);
}
END_TEST

/* The first write is the request, the second the lock. */
START_TEST(a_refused_write_is_told)
{
    static const int errors[] = {-ENOMEM, -EPERM, -EINVAL, -EIO};

    firmware_boot(FIRMWARE_SECURE, 0);
    firmware.fail_write = 1 + _i % 2;
    firmware.fail_with = errors[_i / 2];
    ends_in(MOR_REFUSED);
    ck_assert_int_eq(mor_status()->error, errors[_i / 2]);
    ck_assert_uint_eq(firmware.lock.data[0], 0);
}
END_TEST

START_TEST(a_failed_read_is_told)
{
    firmware_boot(FIRMWARE_SECURE, 0);
    firmware.fail_read = -EIO;
    ends_in(MOR_REFUSED);
    ck_assert_int_eq(mor_status()->error, -EIO);
    ck_assert_uint_eq(firmware.writes, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mor");
    TCase *tcase = suite_case(suite, "mor", 10);

    tcase_add_checked_fixture(tcase, start, NULL);
    tcase_add_test(tcase, is_not_locked_before_anybody_asked);
    tcase_add_loop_test(tcase, sets_and_locks, 0, 10);
    tcase_add_test(tcase, writes_no_request_that_stands);
    tcase_add_test(tcase, without_runtime_services_nothing_is_claimed);
    tcase_add_test(tcase, firmware_that_does_not_know_it_gets_no_variable);
    tcase_add_loop_test(tcase, stored_variables_are_no_lock, 0, 4);
    tcase_add_test(tcase, the_request_alone_is_no_lock);
    tcase_add_test(tcase, what_another_locked_in_our_sense_is_as_good);
    tcase_add_loop_test(tcase, what_another_locked_is_not_ours, 0, 4);
    tcase_add_loop_test(tcase, firmware_that_lies_is_not_believed, 0, 3);
    tcase_add_loop_test(tcase, variables_of_another_shape_are_not_believed, 0, 6);
    tcase_add_test(tcase, an_unknown_state_of_the_lock_is_not_ours);
    tcase_add_loop_test(tcase, a_refused_write_is_told, 0, 8);
    tcase_add_test(tcase, a_failed_read_is_told);
    return suite_run(suite);
}
