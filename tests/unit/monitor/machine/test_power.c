/* SPDX-License-Identifier: MIT */
/* The way down: no secret stays, and soft-off is found in what firmware calls its tables. */
#include "machine/power.h"

#include <stdlib.h>

#include "vault/identity.h"
#include "scene.h"
#include "vault/seal.h"
#include "suite.h"

/* --- secrets -------------------------------------------------------------------------------- */

static bool is_zero_frame(frame_t frame, struct frame_entry entry, void *context)
{
    unsigned int *frames = context;

    (void)entry;
    ck_assert(fake_frame_is_zero(frame));
    ++*frames;
    return false;
}

static bool fill_frame(frame_t frame, struct frame_entry entry, void *context)
{
    unsigned int *frames = context;
    void *content = host_frame_map(frame);

    (void)entry;
    memset(content, 0x5e, CLOISTER_PAGE_SIZE);
    host_frame_unmap(content);
    ++*frames;
    return false;
}

START_TEST(every_frame_of_the_monitor_is_wiped)
{
    struct image *image = scene_image();
    unsigned int filled = 0, wiped = 0;
    uint64_t handle[2], cursor = 0;

    scene_ready(image, TENANT, handle);
    scene_building(image, OTHER_TENANT);
    ck_assert(frame_walk(&cursor, NULL, fill_frame, &filled));
    ck_assert_uint_gt(frame_count(FRAME_SEALED), 0);
    ck_assert_uint_gt(frame_count(FRAME_TABLE), 0);
    ck_assert_uint_gt(frame_count(FRAME_CONTEXT), 0);
    power_scrub();
    cursor = 0;
    ck_assert(frame_walk(&cursor, NULL, is_zero_frame, &wiped));
    ck_assert_uint_eq(wiped, filled);
}
END_TEST

/* A tenant's own pages are not the monitor's to wipe: who looks at the machine then looks at a tenant's crash. */
START_TEST(a_shared_page_stays)
{
    frame_t shared = fake_grant(&fake.domains[TENANT], 40, true);
    uint8_t before[CLOISTER_PAGE_SIZE], after[CLOISTER_PAGE_SIZE];

    ck_assert_int_eq(frame_share(shared, 7, 1), 0);
    ck_assert(!fake_frame_is_zero(shared));
    fake_frame_read(shared, before);
    power_scrub();
    fake_frame_read(shared, after);
    ck_assert_mem_eq(after, before, sizeof(before));
}
END_TEST

START_TEST(nothing_is_signed_or_derived_any_more)
{
    struct cloister_heartbeat heartbeat = {0};

    ck_assert_ptr_nonnull(identity_record());
    power_scrub();
    ck_assert_ptr_null(identity_record());
    ck_assert_int_ne(seal_status()->reason, CLOISTER_REASON_NONE);
    ck_assert_int_ne(control(CLOISTER_OP_HEARTBEAT, &heartbeat, sizeof(heartbeat)), 0);
}
END_TEST

/* A CPU that was stopped had one: the way down does not wait for it. */
START_TEST(nobody_else_is_waited_for)
{
    power_scrub();
    power_scrub();
    ck_assert(fake_quiet());
}
END_TEST

/* A panic before the frame table exists. */
START_TEST(a_machine_that_has_not_started_goes_down)
{
    power_scrub();
    ck_assert_ptr_null(identity_record());
}
END_TEST

/* --- soft-off ------------------------------------------------------------------------------- */

#define S5 0x08, '_', 'S', '5', '_', 0x12
#define TABLE(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

struct sample {
    const uint8_t *table;
    size_t size;
    uint8_t pm1a;
    uint8_t pm1b;
};

static const struct sample good[] = {
    {TABLE(S5, 0x06, 0x04, 0x00, 0x00, 0x00, 0x00), 0, 0}, /* as SeaBIOS's */
    {TABLE(0x10, 0x0c, '\\', 0x00, S5, 0x06, 0x02, 0x0a, 0x05, 0x0a, 0x05), 5, 5}, /* in a scope */
    {TABLE(S5, 0x06, 0x04, 0x01, 0x00, 0x00, 0x00), 1, 0},
    {TABLE(S5, 0x09, 0x04, 0x0a, 0x07, 0x0a, 0x07, 0x0a, 0x00, 0x00), 7, 7},
    {TABLE(S5, 0x48, 0x00, 0x02, 0x0a, 0x07, 0x0a, 0x06, 0x00), 7, 6}, /* a length of two bytes */
    {TABLE(S5, 0x88, 0x00, 0x00, 0x02, 0x0a, 0x03, 0x0a, 0x04), 3, 4}, /* of three */
    {TABLE(S5, 0xc9, 0x00, 0x00, 0x00, 0x02, 0x0a, 0x03, 0x0a, 0x04), 3, 4},
    {TABLE(S5, 0x08, 0x02, 0x0b, 0x05, 0x00, 0x0b, 0x06, 0x00), 5, 6},
    {TABLE(S5, 0x0c, 0x02, 0x0c, 0x05, 0x00, 0x00, 0x00, 0x0c, 0x06, 0x00, 0x00, 0x00), 5, 6},
    {TABLE(S5, 0x05, 0x01, 0x0b, 0x05, 0x06), 5, 6}, /* both in one */
    {TABLE(S5, 0x04, 0x01, 0x0a, 0x05), 5, 0},
    {TABLE(0x08, '\\', '_', 'S', '5', '_', 0x12, 0x04, 0x02, 0x01, 0x00), 1, 0},
    {TABLE(S5, 0x04, 0x02, 0x01, 0x01, S5, 0x04, 0x02, 0x01, 0x01), 1, 1}, /* twice the same */
};

START_TEST(finds_soft_off)
{
    struct power_off off = {0};
    const struct sample *sample = &good[_i];

    ck_assert_int_eq(power_find_off(sample->table, sample->size, &off), 0);
    ck_assert(off.known);
    ck_assert_uint_eq(off.pm1a, sample->pm1a);
    ck_assert_uint_eq(off.pm1b, sample->pm1b);
}
END_TEST

static const struct sample bad[] = {
    {TABLE(S5), 0, 0}, /* ends there */
    {TABLE(S5, 0x06), 0, 0},
    {TABLE(S5, 0x06, 0x04), 0, 0},
    {TABLE(S5, 0x06, 0x04, 0x00, 0x00), 0, 0}, /* longer than the table */
    {TABLE(S5, 0x7f, 0x04, 0x00, 0x00, 0x00, 0x00), 0, 0},
    {TABLE(S5, 0xcf, 0xff, 0xff, 0xff, 0x02, 0x00, 0x00), 0, 0},
    {TABLE(S5, 0xc0), 0, 0},                               /* its length is not all there */
    {TABLE(S5, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00), 0, 0}, /* shorter than its length */
    {TABLE(S5, 0x01, 0x04, 0x00, 0x00, 0x00, 0x00), 0, 0}, /* nothing in it */
    {TABLE(S5, 0x02, 0x04, 0x00, 0x00, 0x00, 0x00), 0, 0}, /* no element in it, whatever follows */
    {TABLE(S5, 0x03, 0x02, 0x00, 0x00), 0, 0},             /* one of two */
    {TABLE(S5, 0x04, 0x00, 0x00, 0x00), 0, 0},             /* no elements by its own count */
    {TABLE(S5, 0x04, 0x02, 0x0a, 0x01), 0, 0},
    {TABLE(S5, 0x03, 0x01, 0x0a, 0x01), 0, 0},       /* the number ends behind the package */
    {TABLE(S5, 0x05, 0x02, 0x0a, 0x08, 0x00), 0, 0}, /* no SLP_TYP */
    {TABLE(S5, 0x05, 0x02, 0x00, 0x0a, 0x08), 0, 0},
    {TABLE(S5, 0x05, 0x01, 0x0b, 0x05, 0x08), 0, 0},
    {TABLE(S5, 0x07, 0x01, 0x0c, 0x05, 0x05, 0x01, 0x00), 0, 0},
    {TABLE(S5, 0x04, 0x02, 0xff, 0xff), 0, 0},               /* OnesOp */
    {TABLE(S5, 0x07, 0x02, 'S', 'L', 'P', 'A', 0x00), 0, 0}, /* a name, not a number */
    {TABLE(S5, 0x04, 0x02, 0x12, 0x01), 0, 0},               /* a package in it */
    {TABLE(S5, 0x04, 0x02, 0x01, 0x01, S5, 0x04, 0x02, 0x01, 0x02), 0, 0}, /* contradiction */
    {TABLE(S5, 0x04, 0x02, 0x01, 0x01, S5, 0x7f), 0, 0}, /* a good one and a bad one */
};

/* Each in memory that ends where the table ends: the address sanitizer sees a byte too far. */
START_TEST(refuses_what_is_no_soft_off)
{
    struct power_off off = {0};
    uint8_t *table = malloc(bad[_i].size);

    ck_assert_ptr_nonnull(table);
    memcpy(table, bad[_i].table, bad[_i].size);
    ck_assert_int_eq(power_find_off(table, bad[_i].size, &off), -EINVAL);
    free(table);
}
END_TEST

static const struct sample other[] = {
    {TABLE(0x00), 0, 0},
    {TABLE(0x08, '_', 'S', '5', '_'), 0, 0}, /* ends before the package */
    {TABLE(0x08, '\\', '_', 'S', '5', '_'), 0, 0},
    {TABLE(0x08, '_', 'S', '3', '_', 0x12, 0x04, 0x02, 0x01, 0x01), 0, 0},
    {TABLE('_', 'S', '5', '_', 0x12, 0x04, 0x02, 0x01, 0x01), 0, 0}, /* no name is given */
    {TABLE(0x08, '_', 'S', '5', '_', 0x0a, 0x01), 0, 0},             /* a number's name */
    {TABLE(0x14, 0x09, '_', 'S', '5', '_', 0x00, 0xa4, 0x00), 0, 0}, /* a method */
};

START_TEST(finds_nothing_where_nothing_is)
{
    struct power_off off = {0};

    ck_assert_int_eq(power_find_off(other[_i].table, other[_i].size, &off), -ENOENT);
    ck_assert(!off.known);
    ck_assert_int_eq(power_find_off(other[_i].table, 0, &off), -ENOENT);
}
END_TEST

START_TEST(tables_must_agree)
{
    static const uint8_t first[] = {S5, 0x04, 0x02, 0x01, 0x01},
                         second[] = {S5, 0x04, 0x02, 0x01, 0x00};
    struct power_off off = {0};

    ck_assert_int_eq(power_find_off(first, sizeof(first), &off), 0);
    ck_assert_int_eq(power_find_off(other[0].table, other[0].size, &off), -ENOENT);
    ck_assert(off.known);
    ck_assert_int_eq(power_find_off(first, sizeof(first), &off), 0);
    ck_assert_int_eq(power_find_off(second, sizeof(second), &off), -EINVAL);
}
END_TEST

/* Random bytes behind the name: never a read too far, and never a value that is none. */
START_TEST(noise_is_survived)
{
    static const uint8_t name[] = {S5};
    uint32_t random = 1;

    for (unsigned int i = 0; i < 200000; i++) {
        size_t size = sizeof(name) + i % 14;
        uint8_t *table = malloc(size);
        struct power_off off = {0};

        ck_assert_ptr_nonnull(table);
        memcpy(table, name, sizeof(name));
        for (size_t at = sizeof(name); at < size; at++) {
            random = random * 1664525 + 1013904223;
            table[at] =
                random & 0x80000000 ? (uint8_t)(random >> 24 & 0xf) : (uint8_t)(random >> 16);
        }
        int rc = power_find_off(table, size, &off);
        ck_assert(rc == -EINVAL || (!rc && off.known && off.pm1a <= 7 && off.pm1b <= 7));
        free(table);
    }
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    Suite *suite = suite_create("power");
    TCase *scrub = suite_case(suite, "scrub", 30), *soft_off = suite_case(suite, "soft-off", 30);

    tcase_add_checked_fixture(scrub, scene_start, NULL);
    tcase_add_test(scrub, every_frame_of_the_monitor_is_wiped);
    tcase_add_test(scrub, a_shared_page_stays);
    tcase_add_test(scrub, nothing_is_signed_or_derived_any_more);
    tcase_add_test(scrub, nobody_else_is_waited_for);
    tcase_add_test(soft_off, a_machine_that_has_not_started_goes_down);
    tcase_add_loop_test(soft_off, finds_soft_off, 0, COUNT(good));
    tcase_add_loop_test(soft_off, refuses_what_is_no_soft_off, 0, COUNT(bad));
    tcase_add_loop_test(soft_off, finds_nothing_where_nothing_is, 0, COUNT(other));
    tcase_add_test(soft_off, tables_must_agree);
    tcase_add_test(soft_off, noise_is_survived);
    return suite_run(suite);
}
