/* SPDX-License-Identifier: MIT */
/* The frame table: every edge of its state machine, legal and not. */
#include "fake_host.h"
#include "suite.h"

static void start(void)
{
    fake_start(1);
}

static void start_spread(void)
{
    fake_start(512); /* each frame has a chunk of its own */
}

static frame_t take(enum frame_state state)
{
    frame_t frame;

    ck_assert_int_eq(frame_take(state, 9, 0x1234, &frame), 0);
    return frame;
}

static const enum frame_state taken_states[] = {FRAME_SEALED, FRAME_TABLE, FRAME_CONTEXT};

START_TEST(take_makes_a_zeroed_frame_in_that_state)
{
    enum frame_state state = taken_states[_i];
    frame_t frame = take(state);
    struct frame_entry entry = frame_lookup(frame);

    ck_assert_uint_eq(entry.state, state);
    ck_assert_uint_eq(entry.enclave, 9);
    ck_assert_uint_eq(entry.page, 0x1234);
    ck_assert(frame_is_protected(frame));
    ck_assert_uint_eq(frame_count(state), 1);
    ck_assert(fake_frame_is_zero(frame));
    frame_give_back(frame);
    ck_assert_uint_eq(frame_count(state), 0);
}
END_TEST

START_TEST(give_back_zeroes_and_frees)
{
    frame_t frame = take(taken_states[_i]);
    void *content = host_frame_map(frame);

    memset(content, 0x5e, CLOISTER_PAGE_SIZE);
    host_frame_unmap(content);
    frame_give_back(frame); /* the fake host looks at the content */
    ck_assert_uint_eq(frame_lookup(frame).state, FRAME_FREE);
    ck_assert_uint_eq(frame_lookup(frame).enclave, 0);
    ck_assert_uint_eq(frame_lookup(frame).page, 0);
    ck_assert(!frame_is_protected(frame));
    ck_assert_int_eq(fake_owner(frame), OWNER_NOBODY);
    ck_assert_uint_eq(fake_frames_in_use(), 0);
}
END_TEST

START_TEST(take_without_memory_changes_nothing)
{
    frame_t frame;

    fake_fail(FAKE_FRAME_ALLOC, _i);
    ck_assert_int_eq(frame_take(FRAME_SEALED, 1, 0, &frame), -ENOMEM);
    ck_assert(fake_failed());
    ck_assert_uint_eq(frame_count(FRAME_SEALED), 0);
    ck_assert_uint_eq(fake_frames_in_use(), 0);
    ck_assert_int_eq(frame_take(FRAME_SEALED, 1, 0, &frame), 0);
    frame_give_back(frame);
}
END_TEST

START_TEST(chunks_are_made_once_for_each_range)
{
    frame_t frames[5];

    for (int i = 0; i < 5; i++) {
        frames[i] = take(FRAME_SEALED);
    }
    ck_assert_uint_eq(frame_count(FRAME_FREE), 5);
    for (int i = 0; i < 5; i++) {
        frame_give_back(frames[i]);
    }
    ck_assert_uint_eq(frame_count(FRAME_FREE), 5);
    ck_assert_uint_eq(fake_frames_in_use(), 0);
}
END_TEST

START_TEST(share_and_unshare)
{
    frame_t frame = fake_grant(&fake.domains[1], 1, true);

    ck_assert_int_eq(frame_share(frame, 3, 2), 0);
    ck_assert_uint_eq(frame_lookup(frame).state, FRAME_SHARED);
    ck_assert_uint_eq(frame_lookup(frame).enclave, 3);
    ck_assert_uint_eq(frame_lookup(frame).page, 2);
    ck_assert(!frame_is_protected(frame));
    ck_assert_uint_eq(frame_count(FRAME_SHARED), 1);
    frame_unshare(frame);
    ck_assert_uint_eq(frame_lookup(frame).state, FRAME_FREE);
    ck_assert_uint_eq(frame_count(FRAME_SHARED), 0);
}
END_TEST

START_TEST(share_refuses_a_frame_in_a_view)
{
    frame_t frame = fake_grant(&fake.domains[1], 1, true);

    ck_assert_int_eq(frame_share(frame, 3, 2), 0);
    ck_assert_int_eq(frame_share(frame, 3, 2), -EEXIST);
    ck_assert_int_eq(frame_share(frame, 4, 0), -EEXIST);
    ck_assert_uint_eq(frame_lookup(frame).enclave, 3);
    ck_assert_uint_eq(frame_count(FRAME_SHARED), 1);
    frame_unshare(frame);
}
END_TEST

START_TEST(share_refuses_a_frame_of_the_monitor)
{
    frame_t frame = take(taken_states[_i]);

    ck_assert_int_eq(frame_share(frame, 4, 0), -EEXIST);
    ck_assert_uint_eq(frame_lookup(frame).state, taken_states[_i]);
    frame_give_back(frame);
}
END_TEST

START_TEST(share_without_memory_for_the_table)
{
    frame_t frame = fake_grant(&fake.domains[1], 1, true);

    fake_fail(FAKE_FRAME_ALLOC, 1);
    ck_assert_int_eq(frame_share(frame, 3, 2), -ENOMEM);
    ck_assert_uint_eq(frame_lookup(frame).state, FRAME_FREE);
    ck_assert_int_eq(frame_share(frame, 3, 2), 0);
    frame_unshare(frame);
}
END_TEST

/* --- illegal edges ------------------------------------------------------------------------- */

static void give_back(void *context)
{
    frame_give_back(*(frame_t *)context);
}

static void unshare(void *context)
{
    frame_unshare(*(frame_t *)context);
}

static void share_it(void *context)
{
    ck_assert_int_eq(frame_share(*(frame_t *)context, 1, 0), 0);
}

START_TEST(give_back_of_a_free_frame_panics)
{
    frame_t frame = take(FRAME_SEALED);

    frame_give_back(frame);
    ck_assert(fake_panics(give_back, &frame));
    ck_assert_str_eq(fake_panic_text(), "giving back a frame that is not the monitor's");
}
END_TEST

START_TEST(give_back_of_a_frame_without_chunk_panics)
{
    frame_t frame = {FAKE_FIRST_FRAME + 700};

    ck_assert(fake_panics(give_back, &frame));
}
END_TEST

START_TEST(give_back_of_a_shared_frame_panics)
{
    frame_t frame = fake_grant(&fake.domains[1], 1, true);

    share_it(&frame);
    ck_assert(fake_panics(give_back, &frame));
}
END_TEST

START_TEST(unshare_of_a_frame_of_the_monitor_panics)
{
    frame_t frame = take(taken_states[_i]);

    ck_assert(fake_panics(unshare, &frame));
    ck_assert_str_eq(fake_panic_text(), "unsharing a frame that is not shared");
}
END_TEST

START_TEST(unshare_twice_panics)
{
    frame_t frame = fake_grant(&fake.domains[1], 1, true);

    share_it(&frame);
    frame_unshare(frame);
    ck_assert(fake_panics(unshare, &frame));
}
END_TEST

START_TEST(unshare_of_a_frame_without_chunk_panics)
{
    frame_t frame = {FAKE_FIRST_FRAME + 700};

    ck_assert(fake_panics(unshare, &frame));
}
END_TEST

/* Memory that was added since the start: the table has no place for it, and nobody dies of that. */
START_TEST(frames_beyond_memory_are_refused)
{
    frame_t beyond = {host_frame_limit()};
    frame_t frame;
    unsigned int taken = 0;

    ck_assert_int_eq(frame_share(beyond, 1, 0), -ENOMEM);
    ck_assert_int_eq(frame_share((frame_t){UINT64_MAX}, 1, 0), -ENOMEM);
    ck_assert_uint_eq(frame_lookup(beyond).state, FRAME_FREE);

    fake_start_bare(1);
    fake.frame_limit = FAKE_FIRST_FRAME + 4;
    ck_assert_int_eq(monitor_init(), 0);
    fake.frame_limit = 0;
    while (frame_take(FRAME_SEALED, 1, 0, &frame) == 0) {
        ck_assert_uint_lt(frame.number, FAKE_FIRST_FRAME + 4);
        ck_assert_uint_lt(++taken, 5);
    }
    ck_assert_uint_gt(taken, 0);
    ck_assert_uint_eq(frame_count(FRAME_SEALED), taken);
    ck_assert_uint_eq(fake_frames_in_use(), taken);
}
END_TEST

/* The host gives out a frame that is still in a state. */
static void take_again(void *context)
{
    frame_t frame;

    (void)context;
    while (frame_take(FRAME_TABLE, 2, 0, &frame) == 0) {
    }
}

START_TEST(a_frame_given_out_twice_panics)
{
    frame_t frame = take(FRAME_SEALED);

    fake_frame_drop(frame);
    fake.frames_left++;
    ck_assert(fake_panics(take_again, NULL));
    ck_assert_str_eq(fake_panic_text(), "the host's allocator gave out a frame that is in use");
}
END_TEST

/* --- looking ------------------------------------------------------------------------------- */

START_TEST(lookup_outside_of_the_table_is_free)
{
    ck_assert_uint_eq(frame_lookup((frame_t){0}).state, FRAME_FREE);
    ck_assert_uint_eq(frame_lookup((frame_t){host_frame_limit() - 1}).state, FRAME_FREE);
    ck_assert_uint_eq(frame_lookup((frame_t){host_frame_limit()}).state, FRAME_FREE);
    ck_assert_uint_eq(frame_lookup((frame_t){UINT64_MAX}).state, FRAME_FREE);
    ck_assert(!frame_is_protected((frame_t){UINT64_MAX}));
}
END_TEST

struct visits {
    unsigned int count;
    unsigned int stop_after;
    uint64_t last;
};

static bool visit(frame_t frame, struct frame_entry entry, void *context)
{
    struct visits *visits = context;

    ck_assert_uint_ne(entry.state, FRAME_FREE);
    ck_assert_uint_ne(entry.state, FRAME_SHARED);
    ck_assert(visits->count == 0 || frame.number > visits->last);
    visits->last = frame.number;
    return ++visits->count == visits->stop_after;
}

START_TEST(walk_visits_each_protected_frame_once)
{
    struct visits visits = {0};
    uint64_t cursor = 0;
    frame_t frames[12];
    frame_t shared = fake_grant(&fake.domains[1], 1, true);

    share_it(&shared);
    for (int i = 0; i < 12; i++) {
        frames[i] = take(taken_states[i % 3]);
    }
    ck_assert(frame_walk(&cursor, NULL, visit, &visits));
    ck_assert_uint_eq(visits.count, 12);
    for (unsigned int stop = 1; stop <= 12; stop++) {
        visits = (struct visits){.stop_after = stop};
        cursor = 0;
        ck_assert(!frame_walk(&cursor, NULL, visit, &visits));
        ck_assert(frame_walk(&cursor, NULL, visit, &visits));
        ck_assert_uint_eq(visits.count, 12);
    }
    for (int i = 0; i < 12; i++) {
        frame_give_back(frames[i]);
    }
    cursor = 0;
    visits = (struct visits){0};
    ck_assert(frame_walk(&cursor, NULL, visit, &visits));
    ck_assert_uint_eq(visits.count, 0);
}
END_TEST

START_TEST(walk_from_beyond_the_end)
{
    struct visits visits = {0};
    uint64_t cursor = UINT64_MAX;

    ck_assert(frame_walk(&cursor, NULL, visit, &visits));
    ck_assert_uint_eq(visits.count, 0);
}
END_TEST

START_TEST(init_without_memory)
{
    fake_start_bare(1);
    fake_fail(FAKE_HEAP_ALLOC, 1);
    ck_assert_int_eq(frame_table_init(), -ENOMEM);
    ck_assert_uint_eq(frame_lookup((frame_t){FAKE_FIRST_FRAME}).state, FRAME_FREE);
    ck_assert_uint_eq(fake_heap_blocks(), 0);
}
END_TEST

START_TEST(guard_refuses_protected_frames_only)
{
    frame_t frame = take(taken_states[_i]);
    uint64_t n = frame.number;

    fake.actor_domain = 0;
    ck_assert_int_eq(monitor_guard(CLOISTER_REASON_GUARD_IOMMU, 3, n, 1), -EPERM);
    const struct cloister_trace_record *record = fake_last_record();
    ck_assert_uint_eq(record->event, CLOISTER_EVENT_GUARD);
    ck_assert_uint_eq(record->decision, CLOISTER_REFUSED);
    ck_assert_uint_eq(record->reason, CLOISTER_REASON_GUARD_IOMMU);
    ck_assert_int_eq(record->error, -EPERM);
    ck_assert_uint_eq(record->domain, 0);
    ck_assert_uint_eq(record->target, 3);
    ck_assert_uint_eq(record->address, n);
    ck_assert_uint_eq(record->enclave, 9);
    ck_assert_uint_eq(record->page, 0x1234);

    ck_assert_int_eq(monitor_guard(CLOISTER_REASON_GUARD_IOMMU, 3, n - 1, 2), -EPERM);
    ck_assert_int_eq(monitor_guard(CLOISTER_REASON_GUARD_IOMMU, 3, 0, host_frame_limit()), -EPERM);
    ck_assert_uint_eq(fake_last_record()->address, n);
    ck_assert_int_eq(monitor_guard(CLOISTER_REASON_GUARD_IOMMU, 3, 0, UINT64_MAX), -EPERM);
    ck_assert_int_eq(monitor_guard(CLOISTER_REASON_GUARD_IOMMU, 3, n, UINT64_MAX), -EPERM);
    uint64_t written = fake_ring(0)->next;
    ck_assert_int_eq(monitor_guard(CLOISTER_REASON_GUARD_IOMMU, 3, n, 0), 0);
    ck_assert_int_eq(monitor_guard(CLOISTER_REASON_GUARD_IOMMU, 3, 0, n), 0);
    ck_assert_int_eq(monitor_guard(CLOISTER_REASON_GUARD_IOMMU, 3, n + 1, 5000), 0);
    ck_assert_int_eq(monitor_guard(CLOISTER_REASON_GUARD_IOMMU, 3, n + 1, UINT64_MAX), 0);
    ck_assert_int_eq(monitor_guard(CLOISTER_REASON_GUARD_IOMMU, 3, UINT64_MAX, UINT64_MAX), 0);
    frame_give_back(frame);
    ck_assert_int_eq(monitor_guard(CLOISTER_REASON_GUARD_IOMMU, 3, n, 1), 0);
    ck_assert_uint_eq(fake_ring(0)->next, written);
}
END_TEST

START_TEST(references_to_protected_frames_are_recorded)
{
    frame_t frame = take(taken_states[_i]);
    struct tenant *actor = fake.domains[1].tenant;
    uint64_t refusals = actor->budget.refusals;
    uint64_t written = fake_ring(0)->next;

    fake.actor_domain = fake.domains[1].id;
    monitor_reference_refused(actor, (frame_t){frame.number + 1});
    monitor_reference_refused(NULL, (frame_t){UINT64_MAX});
    ck_assert_uint_eq(fake_ring(0)->next, written);

    monitor_reference_refused(actor, frame);
    ck_assert_uint_eq(fake_ring(0)->next, written + 1);
    const struct cloister_trace_record *record = fake_last_record();
    ck_assert_uint_eq(record->event, CLOISTER_EVENT_GUARD);
    ck_assert_uint_eq(record->decision, CLOISTER_REFUSED);
    ck_assert_uint_eq(record->reason, CLOISTER_REASON_GUARD_REFERENCE);
    ck_assert_int_eq(record->error, 0);
    ck_assert_uint_eq(record->domain, fake.domains[1].id);
    ck_assert_uint_eq(record->address, frame.number);
    ck_assert_uint_eq(record->enclave, 9);
    ck_assert_uint_eq(record->page, 0x1234);
    ck_assert_uint_eq(actor->budget.refusals, refusals + 1);

    monitor_reference_refused(NULL, frame);
    ck_assert_uint_eq(fake_ring(0)->next, written + 2);
    frame_give_back(frame);
    monitor_reference_refused(actor, frame);
    ck_assert_uint_eq(fake_ring(0)->next, written + 2);
}
END_TEST

START_TEST(guard_lets_shared_and_tenant_frames_through)
{
    frame_t frame = fake_grant(&fake.domains[1], 1, true);

    ck_assert_int_eq(monitor_guard(CLOISTER_REASON_GUARD_IOMMU, 3, frame.number, 1), 0);
    share_it(&frame);
    ck_assert_int_eq(monitor_guard(CLOISTER_REASON_GUARD_IOMMU, 3, frame.number, 1), 0);
    frame_unshare(frame);
}
END_TEST

/* Whether or not there is something to visit. */
START_TEST(a_walk_pauses)
{
    frame_t frame;
    struct visits visits = {.count = 0};
    uint64_t cursor = 0;
    unsigned int pauses = 0;

    ck_assert_int_eq(frame_take(FRAME_SEALED, 1, 0, &frame), 0);
    fake_preempt_every(1);
    while (!frame_walk(&cursor, host_preempted, visit, &visits)) {
        pauses++;
    }
    ck_assert_uint_eq(visits.count, 1);
    ck_assert_uint_ge(pauses, 1 + (host_frame_limit() - frame.number) / 4096);
    fake_preempt_every(0);
    frame_give_back(frame);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frame");
    TCase *cases = suite_case(suite, "close", 20);

    tcase_add_checked_fixture(cases, start, fake_end);
    tcase_add_loop_test(cases, take_makes_a_zeroed_frame_in_that_state, 0, 3);
    tcase_add_loop_test(cases, give_back_zeroes_and_frees, 0, 3);
    tcase_add_loop_test(cases, take_without_memory_changes_nothing, 1, 3);
    tcase_add_test(cases, lookup_outside_of_the_table_is_free);
    tcase_add_test(cases, walk_from_beyond_the_end);
    tcase_add_loop_test(cases, guard_refuses_protected_frames_only, 0, 3);
    tcase_add_loop_test(cases, references_to_protected_frames_are_recorded, 0, 3);

    cases = suite_case(suite, "with a tenant's frame", 20);
    tcase_add_checked_fixture(cases, start, NULL);
    tcase_add_test(cases, share_and_unshare);
    tcase_add_test(cases, share_refuses_a_frame_in_a_view);
    tcase_add_loop_test(cases, share_refuses_a_frame_of_the_monitor, 0, 3);
    tcase_add_test(cases, share_without_memory_for_the_table);
    tcase_add_test(cases, guard_lets_shared_and_tenant_frames_through);
    tcase_add_test(cases, walk_visits_each_protected_frame_once);
    tcase_add_test(cases, init_without_memory);

    cases = suite_case(suite, "spread", 20);
    tcase_add_checked_fixture(cases, start_spread, NULL);
    tcase_add_loop_test(cases, take_without_memory_changes_nothing, 1, 3);
    tcase_add_test(cases, chunks_are_made_once_for_each_range);
    tcase_add_test(cases, walk_visits_each_protected_frame_once);
    tcase_add_test(cases, share_without_memory_for_the_table);

    cases = suite_case(suite, "illegal", 20);
    tcase_add_checked_fixture(cases, start, NULL);
    tcase_add_test(cases, give_back_of_a_free_frame_panics);
    tcase_add_test(cases, give_back_of_a_frame_without_chunk_panics);
    tcase_add_test(cases, give_back_of_a_shared_frame_panics);
    tcase_add_loop_test(cases, unshare_of_a_frame_of_the_monitor_panics, 0, 3);
    tcase_add_test(cases, unshare_twice_panics);
    tcase_add_test(cases, unshare_of_a_frame_without_chunk_panics);
    tcase_add_test(cases, frames_beyond_memory_are_refused);
    tcase_add_test(cases, a_frame_given_out_twice_panics);
    tcase_add_test(cases, a_walk_pauses);
    return suite_run(suite);
}
