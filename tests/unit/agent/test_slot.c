/* SPDX-License-Identifier: MIT */
/* Where slots and what is in them stand, and how threads are handed out. */
#include "suite.h"

#include "libcloister/slot.h"
#include "libcloister/threads.h"

START_TEST(divides_the_window)
{
    for (uint32_t pages = 0; pages <= CLOISTER_MAX_SHARED_PAGES; pages++)
        for (uint32_t threads = 0; threads <= CLOISTER_MAX_THREADS; threads++) {
            uint32_t size = slot_size(pages, threads);

            if (!pages || !threads) {
                REQUIRE(size == 0);
                continue;
            }
            REQUIRE(size % 64 == 0);
            REQUIRE((uint64_t)size * threads <= pages * 4096u);
            REQUIRE((uint64_t)(size + 64) * threads > pages * 4096u);
            REQUIRE(size >= SLOT_FRAME);
        }
    ck_assert_uint_eq(slot_size(CLOISTER_MAX_SHARED_PAGES + 1, 1), 0);
    ck_assert_uint_eq(slot_size(1, CLOISTER_MAX_THREADS + 1), 0);
    ck_assert_uint_eq(slot_size(UINT32_MAX, UINT32_MAX), 0);
    ck_assert_uint_eq(slot_size(1, 64), 64);
    ck_assert_uint_eq(slot_size(1, 3), 1344);
}
END_TEST

START_TEST(places_calls)
{
    static const uint32_t slots[] = {64, 128, 192, 1344, 4096};

    for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++)
        for (size_t in = 0; in <= slots[i] + 32; in++)
            for (size_t out = 0; out <= slots[i] + 32; out += 1 + (slots[i] > 1000) * 13) {
                struct cloister_call_frame frame = {0};
                size_t rounded = (in + 15) & ~(size_t)15;
                bool fits = in <= slots[i] - 64 && 64 + rounded <= slots[i] &&
                            out <= slots[i] - 64 - rounded;

                REQUIRE(slot_place(slots[i], in, out, &frame) == fits);
                if (!fits)
                    continue;
                REQUIRE(frame.in_offset == 64 && frame.in_size == in);
                REQUIRE(frame.out_offset >= frame.in_offset + in && frame.out_offset % 16 == 0);
                REQUIRE(frame.out_offset + out <= slots[i] && frame.out_capacity == out);
                REQUIRE(slot_contains(slots[i], frame.in_offset, frame.in_size));
                REQUIRE(slot_contains(slots[i], frame.out_offset, frame.out_capacity));
            }
}
END_TEST

START_TEST(does_not_wrap_around)
{
    struct cloister_call_frame frame;

    ck_assert(!slot_place(4096, SIZE_MAX, 0, &frame));
    ck_assert(!slot_place(4096, 0, SIZE_MAX, &frame));
    ck_assert(!slot_place(4096, (size_t)UINT32_MAX + 1, 0, &frame));
    ck_assert(!slot_place(4096, 0, (size_t)UINT32_MAX + 1, &frame));
    ck_assert(!slot_place(4096, UINT32_MAX - 63, 16, &frame));
    ck_assert(!slot_contains(4096, UINT32_MAX, 1));
    ck_assert(!slot_contains(4096, 64, UINT32_MAX));
    ck_assert(!slot_contains(4096, 4096, 1));
    ck_assert(!slot_contains(4096, 63, 1));
    ck_assert(slot_contains(4096, 4095, 1));
    ck_assert(slot_contains(4096, UINT32_MAX, 0));
}
END_TEST

START_TEST(hands_out_each_thread_once)
{
    for (unsigned int count = 1; count <= 64; count++) {
        struct threads threads;
        uint64_t seen = 0;

        threads_start(&threads, count);
        for (unsigned int i = 0; i < count; i++) {
            int thread = threads_take(&threads);

            REQUIRE(thread >= 0 && thread < (int)count && !(seen & UINT64_C(1) << thread));
            seen |= UINT64_C(1) << thread;
        }
        REQUIRE(threads_take(&threads) == -EBUSY);
        threads_give(&threads, count - 1);
        REQUIRE(threads_take(&threads) == (int)count - 1);
        for (unsigned int i = 0; i < count; i++)
            threads_bury(&threads, i);
        REQUIRE(threads_take(&threads) == -EIO);
        REQUIRE(threads_wait(&threads) == -EIO);
        ck_assert(threads_close(&threads, 10));
        REQUIRE(threads_enter(&threads) == -ESHUTDOWN);
        REQUIRE(threads_wait(&threads) == -ESHUTDOWN);
        threads_stop(&threads);
    }
}
END_TEST

/* Threads that take, hold and give back: none is held twice. */
#define TAKERS 6u

static struct threads shared;
static _Atomic int holders[64];
static _Atomic bool held_twice;

static void *take_often(void *context)
{
    bool wait = context != NULL;

    for (unsigned int i = 0; i < 20000; i++) {
        int thread = wait ? threads_wait(&shared) : threads_take(&shared);

        if (thread < 0) {
            if (wait || thread != -EBUSY)
                held_twice = true;
            continue;
        }
        if (atomic_fetch_add(&holders[thread], 1))
            held_twice = true;
        atomic_fetch_sub(&holders[thread], 1);
        threads_give(&shared, (unsigned int)thread);
    }
    return NULL;
}

START_TEST(holds_under_contention)
{
    pthread_t takers[TAKERS];

    for (unsigned int count = 1; count <= 64; count = count * 2 + (count == 1)) {
        threads_start(&shared, count);
        for (uintptr_t i = 0; i < TAKERS; i++)
            ck_assert_int_eq(pthread_create(&takers[i], NULL, take_often, (void *)(i % 2)), 0);
        for (unsigned int i = 0; i < TAKERS; i++)
            pthread_join(takers[i], NULL);
        ck_assert(!held_twice);
        ck_assert(shared.free == shared.all);
        ck_assert_uint_eq(shared.waiters, 0);
        threads_stop(&shared);
    }
}
END_TEST

SUITE_MAIN("slot", divides_the_window, places_calls, does_not_wrap_around,
           hands_out_each_thread_once, holds_under_contention)
