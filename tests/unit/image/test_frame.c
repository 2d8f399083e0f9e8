/* SPDX-License-Identifier: MIT */
/* The rules of the call frame, as an ordinary program, and what libcloister makes of the same rules. */
#include "sample.h"

#include <errno.h>

#include "runtime/frame.h"
#include "runtime/heap.h"
#include "suite.h"

#define SLOT 4096u

static struct cloister_call_frame frame;

/* The library with the heap is linked, too. */
void heap_corrupt(const void *address)
{
    (void)address;
    abort();
}

static void setup(void)
{
    frame = (struct cloister_call_frame){
        .in_offset = 64, .in_size = 100, .out_offset = 176, .out_capacity = 50};
}

START_TEST(good)
{
    ck_assert_int_eq(frame_check(&frame, SLOT), 0);
    frame.in_size = 0;
    frame.in_offset = UINT32_MAX; /* of nothing */
    ck_assert_int_eq(frame_check(&frame, SLOT), 0);
    frame.out_capacity = 0;
    frame.out_offset = 0;
    ck_assert_int_eq(frame_check(&frame, SLOT), 0);
    frame.function = UINT32_MAX; /* not its business; nor are results of another call */
    frame.status = -1;
    frame.out_size = UINT32_MAX;
    ck_assert_int_eq(frame_check(&frame, SLOT), 0);
    ck_assert_int_eq(frame_check(&frame, 64), 0);
}
END_TEST

START_TEST(in_and_out)
{
    const struct {
        uint32_t offset;
        uint32_t size;
    } bad[] = {{0, 1},
               {63, 1},
               {63, SLOT},
               {SLOT, 1},
               {SLOT - 1, 2},
               {64, SLOT - 63},
               {64, UINT32_MAX},
               {UINT32_MAX, 1},
               {UINT32_MAX, UINT32_MAX},
               {SLOT + 1, 1},
               {UINT32_MAX - 63, 64},
               {128, UINT32_MAX - 127},
               {1u << 31, 1u << 31}};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        setup();
        frame.in_offset = bad[i].offset;
        frame.in_size = bad[i].size;
        ck_assert_int_eq(frame_check(&frame, SLOT), -EFAULT);
        setup();
        frame.out_offset = bad[i].offset;
        frame.out_capacity = bad[i].size;
        ck_assert_int_eq(frame_check(&frame, SLOT), -EFAULT);
    }
}
END_TEST

START_TEST(together_too_large)
{
    frame = (struct cloister_call_frame){
        .in_offset = 64, .in_size = SLOT - 64, .out_offset = 64, .out_capacity = SLOT - 64};
    ck_assert_int_eq(frame_check(&frame, SLOT), -EMSGSIZE);
    frame.out_capacity = 64;
    ck_assert_int_eq(frame_check(&frame, SLOT), 0);
    frame.out_capacity = 65;
    ck_assert_int_eq(frame_check(&frame, SLOT), -EMSGSIZE);
}
END_TEST

START_TEST(reserved)
{
    for (size_t i = 0; i < 9; i++) {
        for (unsigned int bit = 0; bit < 32; bit++) {
            setup();
            frame.reserved[i] = UINT32_C(1) << bit;
            REQUIRE(frame_check(&frame, SLOT) == -EINVAL);
        }
    }
}
END_TEST

/* Any frame that passes is safe to copy by. */
START_TEST(random_frames)
{
    static const uint32_t interesting[] = {0,
                                           1,
                                           15,
                                           16,
                                           63,
                                           64,
                                           65,
                                           SLOT - 64,
                                           SLOT - 1,
                                           SLOT,
                                           SLOT + 1,
                                           1u << 31,
                                           UINT32_MAX - 63,
                                           UINT32_MAX};
    unsigned int accepted = 0;

    srand(4);
    for (unsigned int round = 0; round < 1000000; round++) {
        uint32_t *const fields[] = {&frame.in_offset, &frame.in_size, &frame.out_offset,
                                    &frame.out_capacity};

        for (size_t i = 0; i < 4; i++) {
            *fields[i] = rand() % 3 ? (uint32_t)rand() % (SLOT + 10)
                                    : interesting[(size_t)rand() % (sizeof(interesting) / 4)];
        }
        if (!frame_check(&frame, SLOT)) {
            accepted++;
            REQUIRE(!frame.in_size ||
                    (frame.in_offset >= 64 && (uint64_t)frame.in_offset + frame.in_size <= SLOT));
            REQUIRE(!frame.out_capacity ||
                    (frame.out_offset >= 64 &&
                     (uint64_t)frame.out_offset + frame.out_capacity <= SLOT));
            REQUIRE((((uint64_t)frame.in_size + 15) & ~UINT64_C(15)) + frame.out_capacity <= SLOT);
        }
    }
    ck_assert_uint_gt(accepted, 1000);
}
END_TEST

/* What is placed passes the check; what does not fit is refused. */
START_TEST(place)
{
    for (uint64_t in = 0; in < SLOT + 40; in += 13) {
        for (uint64_t out = 0; out < SLOT + 40; out += 17) {
            const uint64_t end = ((64 + in + 15) & ~UINT64_C(15)) + out;
            const int result = frame_place(&frame, SLOT, in, out);

            REQUIRE(result == (end <= SLOT ? 0 : -EMSGSIZE));
            REQUIRE(result || (!frame_check(&frame, SLOT) && frame.in_size == in &&
                               frame.out_capacity == out));
        }
    }
    ck_assert_int_eq(frame_place(&frame, SLOT, UINT64_MAX, 0), -EMSGSIZE);
    ck_assert_int_eq(frame_place(&frame, SLOT, UINT64_MAX - 63, 0), -EMSGSIZE);
    ck_assert_int_eq(frame_place(&frame, SLOT, 0, UINT64_MAX), -EMSGSIZE);
    ck_assert_int_eq(frame_place(&frame, SLOT, 100, UINT64_MAX - 100), -EMSGSIZE);
    ck_assert_int_eq(frame_place(&frame, 63, 0, 0), -EMSGSIZE);
    ck_assert_int_eq(frame_place(&frame, UINT64_MAX, 0, 0), -EMSGSIZE);
    ck_assert_int_eq(frame_place(&frame, 64, 0, 0), 0);
    ck_assert_int_eq(frame_place(&frame, 64, 1, 0), -EMSGSIZE);
}
END_TEST

START_TEST(status)
{
    ck_assert_int_eq(frame_status(0), 0);
    ck_assert_int_eq(frame_status(-1), -1);
    ck_assert_int_eq(frame_status(-4095), -4095);
    ck_assert_int_eq(frame_status(-4096), -EPROTO);
    ck_assert_int_eq(frame_status(1), -EPROTO);
    ck_assert_int_eq(frame_status(INT32_MAX), -EPROTO);
    ck_assert_int_eq(frame_status(INT32_MIN), -EPROTO);
}
END_TEST

SUITE_MAIN("runtime frame", setup, good, in_and_out, together_too_large, reserved, random_frames,
           place, status)
