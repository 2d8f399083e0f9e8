/* SPDX-License-Identifier: MIT */
/* Reading a ring that somebody else writes. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "fake_ring.h"
#include "log/ring.h"
#include "../../suite.h"

static struct fake_ring memory;
static struct ring ring;
static struct cloister_trace_record record;
static uint64_t lost;

static void setup(void)
{
    fake_ring_clear(&memory, 0, 1);
    ck_assert_int_eq(ring_open(&ring, &memory, sizeof(memory)), 0);
}

START_TEST(refuses_what_is_no_ring)
{
    struct ring other;

    memory.header.magic ^= 1;
    ck_assert_int_eq(ring_open(&other, &memory, sizeof(memory)), -EPROTO);
    memory.header.magic ^= 1;
    memory.header.version = 3;
    ck_assert_int_eq(ring_open(&other, &memory, sizeof(memory)), -EPROTO);
    memory.header.version = CLOISTER_TRACE_VERSION;
    memory.header.capacity = 0;
    ck_assert_int_eq(ring_open(&other, &memory, sizeof(memory)), -EPROTO);
    memory.header.capacity = FAKE_CAPACITY + 1;
    ck_assert_int_eq(ring_open(&other, &memory, sizeof(memory)), -EPROTO);
    memory.header.capacity = UINT32_MAX;
    ck_assert_int_eq(ring_open(&other, &memory, sizeof(memory)), -EPROTO);
    memory.header.capacity = FAKE_CAPACITY;
    ck_assert_int_eq(ring_open(&other, &memory, sizeof(memory) - 1), -EPROTO);
    ck_assert_int_eq(ring_open(&other, &memory, 64), -EPROTO);
    ck_assert_int_eq(ring_open(&other, &memory, sizeof(memory)), 0);
}
END_TEST

START_TEST(empty_and_one)
{
    ck_assert_int_eq(ring_read(&ring, 0, &record, &lost), RING_EMPTY);
    ck_assert_int_eq(ring_read(&ring, 1, &record, &lost), RING_AHEAD);
    fake_ring_add(&memory, 77);
    ck_assert_int_eq(ring_read(&ring, 0, &record, &lost), RING_RECORD);
    ck_assert_uint_eq(record.time, 77);
    ck_assert_int_eq(ring_read(&ring, 1, &record, &lost), RING_EMPTY);
}
END_TEST

/* However far the writer is ahead: what is lost and what is read add up. */
START_TEST(overwrites_are_counted)
{
    for (unsigned int ahead = 0; ahead < 5 * FAKE_CAPACITY; ahead++) {
        uint64_t wanted = 0, read = 0, gone = 0;

        setup();
        for (unsigned int i = 0; i < ahead; i++)
            fake_ring_add(&memory, i);
        for (;;) {
            enum ring_answer answer = ring_read(&ring, wanted, &record, &lost);

            if (answer == RING_EMPTY)
                break;
            if (answer == RING_LOST) {
                ck_assert_uint_gt(lost, 0);
                wanted += lost;
                gone += lost;
                continue;
            }
            ck_assert_int_eq(answer, RING_RECORD);
            ck_assert_uint_eq(record.sequence, wanted);
            ck_assert_uint_eq(record.time, wanted);
            wanted++;
            read++;
        }
        ck_assert_uint_eq(read + gone, ahead);
        ck_assert_uint_eq(read, ahead < FAKE_CAPACITY ? ahead : FAKE_CAPACITY - 1);
    }
}
END_TEST

/* A slot that is being written has another number, or the old one, in it. */
START_TEST(torn_slot_is_lost)
{
    for (unsigned int i = 0; i < 5; i++)
        fake_ring_add(&memory, i);
    memory.records[2].sequence = 2 + FAKE_CAPACITY;
    ck_assert_int_eq(ring_read(&ring, 2, &record, &lost), RING_LOST);
    ck_assert_uint_eq(lost, 1);
    memory.records[3].sequence = 0;
    ck_assert_int_eq(ring_read(&ring, 3, &record, &lost), RING_LOST);
    ck_assert_uint_eq(lost, 1);
    ck_assert_int_eq(ring_read(&ring, 4, &record, &lost), RING_RECORD);
}
END_TEST

/* The capacity in shared memory is believed once. */
START_TEST(capacity_does_not_move)
{
    fake_ring_add(&memory, 1);
    memory.header.capacity = UINT32_MAX;
    memory.header.next = UINT64_MAX;
    ck_assert_int_eq(ring_read(&ring, 0, &record, &lost), RING_LOST);
    ck_assert_uint_eq(lost, UINT64_MAX - FAKE_CAPACITY + 1);
    ck_assert_int_eq(ring_read(&ring, UINT64_MAX - 3, &record, &lost), RING_LOST);
}
END_TEST

static atomic_bool stop;

/* Writes as fast as it can, each record consistent in itself only when it is whole. */
static void *writer(void *unused)
{
    (void)unused;
    for (uint64_t number = 0; !stop; number++) {
        struct cloister_trace_record *slot = &memory.records[number % FAKE_CAPACITY];
        volatile uint64_t *words = (volatile uint64_t *)slot;

        for (unsigned int i = 1; i < sizeof(*slot) / 8; i++)
            words[i] = number * 31 + i;
        __atomic_thread_fence(__ATOMIC_RELEASE);
        words[0] = number;
        __atomic_store_n(&memory.header.next, number + 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

START_TEST(no_torn_record_gets_through)
{
    pthread_t thread;
    uint64_t wanted = 0, read = 0, gone = 0;

    ck_assert_int_eq(pthread_create(&thread, NULL, writer, NULL), 0);
    while (read < 200000 && wanted < 100000000) {
        enum ring_answer answer = ring_read(&ring, wanted, &record, &lost);

        if (answer == RING_EMPTY)
            continue;
        if (answer == RING_LOST) {
            wanted += lost;
            gone += lost;
            continue;
        }
        const uint64_t *words = (const uint64_t *)&record;
        for (unsigned int i = 1; i < sizeof(record) / 8; i++)
            ck_assert_uint_eq(words[i], wanted * 31 + i);
        wanted++;
        read++;
    }
    stop = true;
    pthread_join(thread, NULL);
    ck_assert_uint_gt(read, 0);
    ck_assert_uint_eq(read + gone, wanted);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring");
    TCase *tests = tcase_create("reader");

    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, refuses_what_is_no_ring);
    tcase_add_test(tests, empty_and_one);
    tcase_add_test(tests, overwrites_are_counted);
    tcase_add_test(tests, torn_slot_is_lost);
    tcase_add_test(tests, capacity_does_not_move);
    tcase_add_test(tests, no_torn_record_gets_through);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
