/* SPDX-License-Identifier: MIT */
/* The view builder: what it maps, what it refuses, and that a failure leaves it as it was. */
#include "fake_host.h"
#include "suite.h"

#define ENCLAVE 5u
#define PAGES (sizeof(pages) / sizeof(pages[0]))

/* Corners of tables at every level, and of the shared window. */
static const uint64_t pages[] = {0,
                                 1,
                                 510,
                                 511,
                                 512,
                                 513,
                                 262143,
                                 262144,
                                 CLOISTER_MAX_PAGES - 1,
                                 CLOISTER_SHARED_GPFN,
                                 CLOISTER_SHARED_GPFN + 511,
                                 CLOISTER_SHARED_GPFN + 512,
                                 CLOISTER_SHARED_GPFN + CLOISTER_MAX_SHARED_PAGES - 1};

static struct view view;

static void start(void)
{
    fake_start(1);
    ck_assert_int_eq(view_init(&view, ENCLAVE), 0);
}

static void release(uint64_t gpfn, frame_t frame, void *context)
{
    unsigned int *released = context;

    ++*released;
    if (gpfn < CLOISTER_SHARED_GPFN) {
        frame_give_back(frame);
    } else {
        frame_unshare(frame);
    }
}

static unsigned int unmap_all(void)
{
    unsigned int released = 0;
    uint64_t cursor = 0;

    while (!view_unmap_all(&view, &cursor, release, &released)) {
    }
    ck_assert_uint_eq(view.tables, 0);
    return released;
}

static void finish(void)
{
    fake_fail(FAKE_ANY, 0);
    unmap_all();
    fake_end();
}

/* A frame fit to be mapped at a page number. */
static frame_t frame_for(uint64_t gpfn)
{
    frame_t frame;

    if (gpfn < CLOISTER_SHARED_GPFN) {
        ck_assert_int_eq(frame_take(FRAME_SEALED, ENCLAVE, gpfn, &frame), 0);
    } else {
        frame = fake_frame_take(OWNER_TENANT);
        ck_assert_int_eq(frame_share(frame, ENCLAVE, gpfn - CLOISTER_SHARED_GPFN), 0);
    }
    return frame;
}

static frame_t map(uint64_t gpfn, uint32_t flags)
{
    frame_t frame = frame_for(gpfn);

    ck_assert_int_eq(view_map(&view, gpfn, frame, flags), 0);
    return frame;
}

static uint64_t violations(uint64_t *entries)
{
    uint64_t found = 0;
    uint64_t cursor = 0;

    *entries = 0;
    while (!view_audit(&view, &cursor, 3, entries, &found)) {
    }
    return found;
}

/* Looks the page up without the monitor's help. */
static uint64_t entry_of(uint64_t gpfn)
{
    uint64_t table[512];
    frame_t frame = view.root;

    for (int level = 3;; level--) {
        fake_frame_read(frame, table);
        uint64_t entry = table[gpfn >> (9 * level) & 511];
        if (!host_view_entry_frame(entry, &frame)) {
            return 0;
        }
        ck_assert(fake_entry_is_leaf(entry) == (level == 0));
        if (level == 0) {
            return entry;
        }
    }
}

START_TEST(a_new_view_maps_nothing)
{
    uint64_t entries;
    frame_t frame;

    ck_assert_uint_eq(view.tables, 1);
    ck_assert_uint_eq(frame_lookup(view.root).state, FRAME_TABLE);
    ck_assert_uint_eq(frame_lookup(view.root).enclave, ENCLAVE);
    for (size_t i = 0; i < PAGES; i++) {
        ck_assert(!view_lookup(&view, pages[i], &frame));
        ck_assert_uint_eq(view_tables_needed(&view, pages[i]), 3);
    }
    ck_assert_uint_eq(violations(&entries), 0);
    ck_assert_uint_eq(entries, 0);
}
END_TEST

START_TEST(each_page_is_where_it_was_mapped)
{
    frame_t frames[PAGES];
    uint64_t entries;
    frame_t found;

    for (size_t i = 0; i < PAGES; i++) {
        frames[i] = map(pages[i], CLOISTER_PAGE_R | CLOISTER_PAGE_W);
        for (size_t j = 0; j < PAGES; j++) {
            ck_assert(view_lookup(&view, pages[j], &found) == (j <= i));
            ck_assert(j > i || found.number == frames[j].number);
        }
    }
    ck_assert_uint_eq(violations(&entries), 0);
    ck_assert_uint_eq(entries, PAGES);
    ck_assert(!view_lookup(&view, 2, &found));
    ck_assert(!view_lookup(&view, 514, &found));
    ck_assert(!view_lookup(&view, CLOISTER_SHARED_GPFN + 1, &found));
    ck_assert_uint_eq(unmap_all(), PAGES);
}
END_TEST

START_TEST(permissions_reach_the_leaf)
{
    static const uint32_t flags[] = {CLOISTER_PAGE_R, CLOISTER_PAGE_R | CLOISTER_PAGE_W,
                                     CLOISTER_PAGE_R | CLOISTER_PAGE_X};
    frame_t frame = map(pages[_i], flags[_i]);
    uint64_t entry = entry_of(pages[_i]);
    frame_t found;

    ck_assert(host_view_entry_frame(entry, &found));
    ck_assert_uint_eq(found.number, frame.number);
    ck_assert_uint_eq(fake_entry_flags(entry), flags[_i]);
}
END_TEST

START_TEST(tables_are_counted_as_announced)
{
    static const struct {
        uint64_t page;
        unsigned int needs;
    } steps[] = {{0, 3},
                 {1, 0},
                 {511, 0},
                 {512, 1},
                 {262143, 1},
                 {262144, 2},
                 {262145, 0},
                 {CLOISTER_SHARED_GPFN, 2},
                 {CLOISTER_SHARED_GPFN + 512, 1}};
    uint32_t tables = 1;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        ck_assert_uint_eq(view_tables_needed(&view, steps[i].page), steps[i].needs);
        map(steps[i].page, CLOISTER_PAGE_R);
        tables += steps[i].needs;
        ck_assert_uint_eq(view.tables, tables);
        ck_assert_uint_eq(frame_count(FRAME_TABLE), tables);
        ck_assert_uint_eq(view_tables_needed(&view, steps[i].page), 0);
    }
}
END_TEST

START_TEST(a_page_cannot_be_mapped_twice)
{
    for (size_t i = 0; i < PAGES; i++) {
        frame_t first = map(pages[i], CLOISTER_PAGE_R);
        frame_t second = {FAKE_FIRST_FRAME + 3000};
        frame_t found;
        uint32_t tables = view.tables;

        ck_assert_int_eq(view_map(&view, pages[i], second, CLOISTER_PAGE_R), -EEXIST);
        ck_assert_int_eq(view_map(&view, pages[i], first, CLOISTER_PAGE_R), -EEXIST);
        ck_assert(view_lookup(&view, pages[i], &found));
        ck_assert_uint_eq(found.number, first.number);
        ck_assert_uint_eq(view.tables, tables);
    }
}
END_TEST

START_TEST(no_memory_for_the_root)
{
    struct view other;

    fake_fail(FAKE_FRAME_ALLOC, 1);
    ck_assert_int_eq(view_init(&other, 6), -ENOMEM);
    ck_assert_uint_eq(other.tables, 0);
    uint64_t cursor = 0;
    ck_assert(view_unmap_all(&other, &cursor, release, NULL));
}
END_TEST

/* Fails the _i-th allocation of a table. */
START_TEST(no_memory_for_a_table_leaves_it_as_it_was)
{
    for (size_t p = 0; p < PAGES; p++) {
        fake_fail(FAKE_ANY, 0);
        frame_t frame = frame_for(pages[p]);
        uint8_t before[CLOISTER_PAGE_SIZE];
        uint8_t after[CLOISTER_PAGE_SIZE];
        unsigned int needed = view_tables_needed(&view, pages[p]);
        uint32_t tables = view.tables;
        unsigned long frames = fake_frames_in_use();
        frame_t found;

        fake_frame_read(view.root, before);
        fake_fail(FAKE_FRAME_ALLOC, _i);
        int rc = view_map(&view, pages[p], frame, CLOISTER_PAGE_R);
        if (_i > (int)needed) {
            ck_assert(!fake_failed());
            ck_assert_int_eq(rc, 0);
            continue;
        }
        fake_frame_read(view.root, after);
        ck_assert_int_eq(rc, -ENOMEM);
        ck_assert_mem_eq(before, after, sizeof(before));
        ck_assert(!view_lookup(&view, pages[p], &found));
        ck_assert_uint_eq(view_tables_needed(&view, pages[p]), needed);
        ck_assert_uint_eq(view.tables, tables);
        ck_assert_uint_eq(fake_frames_in_use(), frames);
        fake_fail(FAKE_ANY, 0);
        ck_assert_int_eq(view_map(&view, pages[p], frame, CLOISTER_PAGE_R), 0);
    }
    fake_fail(FAKE_ANY, 0);
    ck_assert_uint_eq(unmap_all(), PAGES);
}
END_TEST

/* --- taking apart -------------------------------------------------------------------------- */

/* After each leaf, then after each table but the last. */
START_TEST(unmap_all_preempted_at_each_step)
{
    uint32_t tables = PAGES;

    for (size_t at = 1; at <= PAGES + tables; at++) {
        unsigned int released = 0;
        unsigned int goes = 1;
        uint64_t cursor = 0;

        if (!view.tables) {
            ck_assert_int_eq(view_init(&view, ENCLAVE), 0);
        }
        for (size_t i = 0; i < PAGES; i++) {
            map(pages[i], CLOISTER_PAGE_R);
        }
        tables = view.tables;
        fake_preempt_at(at);
        while (!view_unmap_all(&view, &cursor, release, &released)) {
            uint64_t entries;

            ck_assert_uint_eq(released, at < PAGES ? at : PAGES);
            ck_assert_uint_eq(view.tables, at < PAGES ? tables : tables - (at - PAGES));
            ck_assert_uint_eq(violations(&entries), 0);
            ck_assert_uint_eq(entries, PAGES - released);
            goes++;
        }
        ck_assert_uint_eq(goes, at < PAGES + tables ? 2 : 1);
        ck_assert_uint_eq(released, PAGES);
        ck_assert_uint_eq(fake_frames_in_use(), 0);
        ck_assert_uint_eq(frame_count(FRAME_SHARED), 0);
    }
    ck_assert_uint_gt(tables, VIEW_LEVELS);
}
END_TEST

START_TEST(unmap_all_preempted_every_time)
{
    unsigned int released = 0;
    unsigned int goes = 0;
    uint64_t cursor = 0;

    for (size_t i = 0; i < PAGES; i++) {
        map(pages[i], CLOISTER_PAGE_R);
    }
    const uint32_t tables = view.tables;
    fake_preempt_every(1);
    while (!view_unmap_all(&view, &cursor, release, &released)) {
        goes++;
        ck_assert_uint_eq(released + tables - view.tables, goes);
    }
    ck_assert_uint_eq(released, PAGES);
    ck_assert_uint_eq(goes, PAGES + tables - 1);
}
END_TEST

START_TEST(unmap_all_of_nothing)
{
    ck_assert_uint_eq(unmap_all(), 0);
    ck_assert_uint_eq(unmap_all(), 0);
    ck_assert_uint_eq(fake_frames_in_use(), 0);
}
END_TEST

/* Unmapping comes first: when `release` runs, no table refers to the frame any more. */
static void release_unmapped(uint64_t gpfn, frame_t frame, void *context)
{
    frame_t found;

    ck_assert(!view_lookup(&view, gpfn, &found));
    release(gpfn, frame, context);
}

START_TEST(a_leaf_is_unmapped_before_it_is_released)
{
    unsigned int released = 0;
    uint64_t cursor = 0;

    for (size_t i = 0; i < PAGES; i++) {
        map(pages[i], CLOISTER_PAGE_R);
    }
    ck_assert(view_unmap_all(&view, &cursor, release_unmapped, &released));
    ck_assert_uint_eq(released, PAGES);
}
END_TEST

/* --- audit --------------------------------------------------------------------------------- */

START_TEST(audit_finds_what_does_not_belong)
{
    uint64_t entries;
    frame_t strange[5];

    map(0, CLOISTER_PAGE_R);
    map(CLOISTER_SHARED_GPFN, CLOISTER_PAGE_R | CLOISTER_PAGE_W);
    ck_assert_uint_eq(violations(&entries), 0);

    strange[0] = fake_frame_take(OWNER_TENANT); /* nobody's in the table */
    ck_assert_int_eq(frame_take(FRAME_SEALED, ENCLAVE, 99, &strange[1]), 0);    /* another page */
    ck_assert_int_eq(frame_take(FRAME_SEALED, ENCLAVE + 1, 3, &strange[2]), 0); /* not ours */
    ck_assert_int_eq(frame_take(FRAME_CONTEXT, ENCLAVE, 4, &strange[3]), 0);
    ck_assert_int_eq(frame_take(FRAME_SEALED, ENCLAVE, 1, &strange[4]), 0); /* sealed, but shared */
    for (unsigned int i = 0; i < 4; i++) {
        ck_assert_int_eq(view_map(&view, i + 1, strange[i], CLOISTER_PAGE_R), 0);
        ck_assert_uint_eq(violations(&entries), i + 1);
    }
    ck_assert_int_eq(view_map(&view, CLOISTER_SHARED_GPFN + 1, strange[4], CLOISTER_PAGE_R), 0);
    ck_assert_uint_eq(violations(&entries), 5);
    ck_assert_uint_eq(entries, 7);
}
END_TEST

START_TEST(audit_of_a_view_that_is_gone)
{
    uint64_t entries;

    unmap_all();
    ck_assert_uint_eq(violations(&entries), 0);
    ck_assert_uint_eq(entries, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("view");
    TCase *cases = suite_case(suite, "map", 30);

    tcase_add_checked_fixture(cases, start, finish);
    tcase_add_test(cases, a_new_view_maps_nothing);
    tcase_add_test(cases, each_page_is_where_it_was_mapped);
    tcase_add_loop_test(cases, permissions_reach_the_leaf, 0, 3);
    tcase_add_test(cases, tables_are_counted_as_announced);
    tcase_add_test(cases, a_page_cannot_be_mapped_twice);
    tcase_add_test(cases, no_memory_for_the_root);
    tcase_add_loop_test(cases, no_memory_for_a_table_leaves_it_as_it_was, 1, 5);

    cases = suite_case(suite, "unmap", 30);
    tcase_add_checked_fixture(cases, start, finish);
    tcase_add_test(cases, unmap_all_preempted_at_each_step);
    tcase_add_test(cases, unmap_all_preempted_every_time);
    tcase_add_test(cases, unmap_all_of_nothing);
    tcase_add_test(cases, a_leaf_is_unmapped_before_it_is_released);
    tcase_add_test(cases, audit_of_a_view_that_is_gone);

    cases = suite_case(suite, "audit", 30);
    tcase_add_checked_fixture(cases, start, NULL);
    tcase_add_test(cases, audit_finds_what_does_not_belong);
    return suite_run(suite);
}
