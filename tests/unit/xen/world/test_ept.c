/* SPDX-License-Identifier: MIT */
/*
 * Views built of EPT entries: whatever is mapped, no entry of any table is misconfigured (Intel SDM vol. 3,
 * 29.3.3.1), all memory is write-back, and nothing is both writable and executable.
 */
#include "world/ept.h"
#include "fake_host.h"
#include "suite.h"

#define ENCLAVE 5u
#define ENTRIES 512u
#define ADDRESS_BITS 36 /* the fewest that a CPU with EPT has */
#define PAGES (sizeof(pages) / sizeof(pages[0]))

static const uint64_t pages[] = {0,
                                 1,
                                 511,
                                 512,
                                 262143,
                                 262144,
                                 CLOISTER_MAX_PAGES - 1,
                                 CLOISTER_SHARED_GPFN,
                                 CLOISTER_SHARED_GPFN + 512,
                                 CLOISTER_SHARED_GPFN + CLOISTER_MAX_SHARED_PAGES - 1};
static const uint32_t all_flags[] = {CLOISTER_PAGE_R, CLOISTER_PAGE_R | CLOISTER_PAGE_W,
                                     CLOISTER_PAGE_R | CLOISTER_PAGE_X};

uint64_t host_view_table_entry(frame_t table)
{
    return ept_table(table.number);
}

uint64_t host_view_leaf_entry(frame_t frame, uint32_t flags)
{
    return ept_leaf(frame.number, flags);
}

bool host_view_entry_frame(uint64_t entry, frame_t *frame)
{
    return ept_frame(entry, &frame->number);
}

/* --- the manual's rules -------------------------------------------------------------------- */

static bool is_reserved_set(uint64_t entry, bool leaf)
{
    const uint64_t high = entry & EPT_ADDRESS & ~((UINT64_C(1) << ADDRESS_BITS) - 1);
    const uint64_t inside = leaf && entry & HOST_VIEW_LARGE ? entry & 0x1ff000 : 0; /* table 29-5 */

    return high || inside ||
           (!leaf && entry & 0xf8); /* table 29-6: bits 7:3 of a reference to a table */
}

static bool is_misconfigured(uint64_t entry, bool leaf)
{
    const unsigned int access = entry & 7, type = entry >> 3 & 7;

    if (!access) {
        return false; /* not present: a violation, which is what shall be */
    }
    return access == 2 || access == 6 || access == 4 || is_reserved_set(entry, leaf) ||
           (leaf && (type == 2 || type == 3 || type == 7));
}

static bool is_leaf_as_must_be(uint64_t entry, bool may_be_large)
{
    const bool large = entry & (1u << 7) && !may_be_large,
               supervisor_shadow = entry & (UINT64_C(1) << 60);

    return entry & EPT_READ && (entry >> 3 & 7) == 6 && entry & EPT_IGNORE_PAT && !large &&
           !supervisor_shadow && entry >> 63 == 0 /* no #VE */ &&
           (entry & (EPT_WRITE | EPT_EXECUTE)) != (EPT_WRITE | EPT_EXECUTE);
}

/* Looks at every entry of a table and those below; the number of leaves. */
static unsigned int check_table(frame_t table, unsigned int level)
{
    uint64_t entries[ENTRIES];
    unsigned int leaves = 0;

    fake_frame_read(table, entries);
    for (unsigned int slot = 0; slot < ENTRIES; slot++) {
        frame_t below = {entries[slot] >> EPT_FRAME_SHIFT & UINT32_MAX};

        const bool large = level == 1 && entries[slot] & HOST_VIEW_LARGE;

        ck_assert_msg(!is_misconfigured(entries[slot], level == 0 || large), "level %u: %#lx",
                      level, (unsigned long)entries[slot]);
        if (!entries[slot]) {
            continue;
        }
        if (level > 0 && !large) {
            leaves += check_table(below, level - 1);
        } else {
            ck_assert_msg(is_leaf_as_must_be(entries[slot], large), "%#lx",
                          (unsigned long)entries[slot]);
            ck_assert(!large || !(entries[slot] & EPT_EXECUTE));
            leaves++;
        }
    }
    return leaves;
}

/* --- tests --------------------------------------------------------------------------------- */

static void release(uint64_t gpfn, frame_t frame, void *context)
{
    (void)context;
    if (gpfn < CLOISTER_SHARED_GPFN) {
        frame_give_back(frame);
    } else {
        frame_unshare(frame);
    }
}

START_TEST(no_entry_of_a_view_is_misconfigured)
{
    struct view view;
    uint64_t cursor = 0;

    fake_start(1);
    ck_assert_int_eq(view_init(&view, ENCLAVE), 0);
    for (size_t i = 0; i < PAGES; i++) {
        bool shared = pages[i] >= CLOISTER_SHARED_GPFN;
        frame_t frame = shared ? fake_frame_take(OWNER_TENANT) : (frame_t){0};
        int rc = shared ? frame_share(frame, ENCLAVE, pages[i] - CLOISTER_SHARED_GPFN)
                        : frame_take(FRAME_SEALED, ENCLAVE, pages[i], &frame);

        ck_assert_int_eq(rc, 0);
        ck_assert_int_eq(view_map(&view, pages[i], frame, all_flags[(i + _i) % 3]), 0);
        ck_assert_uint_eq(check_table(view.root, VIEW_LEVELS - 1), i + 1);
    }
    while (!view_unmap_all(&view, &cursor, release, NULL)) {
    }
    fake_end();
}
END_TEST

START_TEST(a_large_leaf_is_well_formed)
{
    const uint32_t flags = _i ? CLOISTER_PAGE_R : CLOISTER_PAGE_R | CLOISTER_PAGE_W;
    struct view view;
    uint64_t cursor = 0;
    frame_t first, found;

    fake_start(1);
    ck_assert_int_eq(view_init(&view, ENCLAVE), 0);
    ck_assert_int_eq(host_frame_alloc_large(&first), 0);
    for (uint32_t i = 0; i < HOST_LARGE_FRAMES; i++) {
        frame_t frame = {first.number + i};

        ck_assert_int_eq(frame_adopt(frame, FRAME_SEALED, ENCLAVE, i), 0);
        ck_assert_int_eq(view_map(&view, i, frame, flags), 0);
    }
    ck_assert_uint_eq(check_table(view.root, VIEW_LEVELS - 1), HOST_LARGE_FRAMES);
    ck_assert(view_merge(&view, 0, flags));
    ck_assert_uint_eq(check_table(view.root, VIEW_LEVELS - 1), 1);
    ck_assert(view_lookup_writable(&view, 300, &found) == !_i);
    ck_assert_uint_eq(found.number, first.number + 300);
    while (!view_unmap_all(&view, &cursor, release, NULL)) {
    }
    fake_end();
}
END_TEST

/* Also flags that the image's checks refuse, and bits that mean nothing. */
START_TEST(no_flags_make_a_bad_leaf)
{
    for (uint64_t frame = 1; frame < UINT64_C(1) << (ADDRESS_BITS - EPT_FRAME_SHIFT); frame *= 2) {
        for (uint32_t flags = 0; flags < 256; flags++) {
            uint64_t entry = ept_leaf(frame, flags), found;

            ck_assert(!is_misconfigured(entry, true));
            ck_assert(is_leaf_as_must_be(entry, false));
            ck_assert(!(entry & EPT_EXECUTE) || flags & CLOISTER_PAGE_X);
            ck_assert(!(entry & EPT_WRITE) || flags & CLOISTER_PAGE_W);
            ck_assert(ept_frame(entry, &found));
            ck_assert_uint_eq(found, frame);
        }
    }
}
END_TEST

START_TEST(the_pointer_is_valid)
{
    const uint64_t pointer = EPT_POINTER_FLAGS;

    /* 27.2.1.1: write-back, four levels, bits 11:8 (and 7:6, which a CPU may lack) clear */
    ck_assert_uint_eq(pointer & 7, 6);
    ck_assert_uint_eq(pointer >> 3 & 7, 3);
    ck_assert_uint_eq(pointer >> 6, 0);
}
END_TEST

/* The rules themselves: what must not be is found. */
START_TEST(a_misconfiguration_would_be_found)
{
    static const uint64_t bad[] = {EPT_WRITE,
                                   EPT_WRITE | EPT_EXECUTE,
                                   EPT_EXECUTE,
                                   EPT_READ | 2 << 3,
                                   EPT_READ | 3 << 3,
                                   EPT_READ | 7 << 3,
                                   EPT_READ | UINT64_C(1) << 40,
                                   EPT_READ | HOST_VIEW_LARGE | UINT64_C(1) << 12};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert(is_misconfigured(bad[i], true));
    }
    ck_assert(is_misconfigured(ept_leaf(1, 0), false));
    ck_assert(!is_leaf_as_must_be(ept_leaf(1, CLOISTER_PAGE_W) | EPT_EXECUTE, false));
    ck_assert(!is_leaf_as_must_be(ept_leaf(1, CLOISTER_PAGE_W) | HOST_VIEW_LARGE, false));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ept");
    TCase *cases = suite_case(suite, "ept", 60);

    tcase_add_loop_test(cases, no_entry_of_a_view_is_misconfigured, 0, 3);
    tcase_add_loop_test(cases, a_large_leaf_is_well_formed, 0, 2);
    tcase_add_test(cases, no_flags_make_a_bad_leaf);
    tcase_add_test(cases, the_pointer_is_valid);
    tcase_add_test(cases, a_misconfiguration_would_be_found);
    return suite_run(suite);
}
