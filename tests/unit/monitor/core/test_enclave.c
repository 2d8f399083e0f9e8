/* SPDX-License-Identifier: MIT */
/*
 * The whole life of an enclave with everything going wrong once: each allocation, copy, grant and
 * random number fails in turn; each preemption check stops the operation in turn. Nothing may leak,
 * every refused operation must leave things as they were, and the next try must work.
 */
#include "scene.h"
#include "suite.h"

static struct image *image;

static void start(void)
{
    scene_start();
    image = scene_image();
}

static void start_spread(void)
{
    scene_start_with(512);
    image = scene_image();
}

/* What an enclave's life looks like to the one who makes it. */
struct life {
    uint32_t id;
    uint32_t added;
    uint32_t shared;
    bool ready;
    bool gone;
    uint64_t handle[2];
};

/* Takes the life one operation further. A batch goes on behind what was done. */
static int step(struct life *life)
{
    if (!life->id) {
        struct cloister_create op = create_arg(image, TENANT);
        int rc = control(CLOISTER_OP_CREATE, &op, sizeof(op));
        life->id = op.enclave;
        return rc;
    }
    if (life->added < SCENE_PAGES) {
        struct cloister_add_pages op =
            add_arg(image, life->id, life->added, SCENE_PAGES - life->added);
        int rc = control(CLOISTER_OP_ADD_PAGES, &op, sizeof(op));
        life->added += op.done;
        return rc;
    }
    if (life->shared < SCENE_SHARED) {
        struct cloister_share op = share_arg(life->id, life->shared, SCENE_SHARED - life->shared);
        int rc = control(CLOISTER_OP_SHARE, &op, sizeof(op));
        life->shared += op.done;
        return rc;
    }
    if (!life->ready) {
        int rc = do_init(life->id, life->handle);
        life->ready = !rc;
        return rc;
    }
    int rc = do_destroy(life->id);
    life->gone = !rc;
    return rc;
}

static bool is_refusal_of_memory(int rc, enum cloister_reason reason)
{
    return (rc == -ENOMEM && reason == CLOISTER_REASON_NO_MEMORY) ||
           (rc == -EFAULT && reason == CLOISTER_REASON_BAD_POINTER) ||
           (rc == -EINVAL && reason == CLOISTER_REASON_SHARE_GRANT) ||
           (rc == -EIO && reason == CLOISTER_REASON_HOST_ENTROPY);
}

/* Lives once; the n-th call of a kind fails. Returns whether there was an n-th call. */
static bool live_with_failure(enum fake_call kind, unsigned long n)
{
    struct life life = {0};
    unsigned int refused = 0;

    fake_user_reset();
    fake_user_put(NULL, 1024); /* scene.c's argument */
    fake_fail(kind, n);
    while (!life.gone) {
        struct life before = life;
        int rc = step(&life);

        fake_check();
        if (rc) {
            bool failed = fake_failed();
            /* An argument that could not be written back holds what the caller put there. */
            if (rc != -EFAULT && !is_refusal_of_memory(rc, last_head.reason)) {
                ck_abort_msg("call %lu of kind %d: %d %s", n, kind, rc,
                             cloister_reason_name(last_head.reason));
            }
            ck_assert(failed);
            ck_assert_uint_eq(++refused, 1);
            ck_assert_uint_ge(life.added, before.added);
            fake_user_reset();
            fake_user_put(NULL, 1024);
        }
    }
    bool failed = fake_failed();
    fake_fail(FAKE_ANY, 0);
    ck_assert_uint_eq(refused, failed);
    return failed;
}

static void live_with_each_failure(enum fake_call kind, unsigned long at_least)
{
    struct picture before;
    unsigned long n = 1;

    live_with_failure(FAKE_ANY, 0); /* makes the chunks of the frame table that there will be */
    before = picture_take();
    for (; live_with_failure(kind, n); n++) {
        struct picture after = picture_take();
        before.info.created = after.info.created;
        before.info.destroyed = after.info.destroyed;
        pictures_must_match(&before, &after, "a life with a failure");
    }
    ck_assert_uint_gt(n, at_least);
}

START_TEST(each_frame_fails)
{
    live_with_each_failure(FAKE_FRAME_ALLOC, 5 + SCENE_PAGES + 6);
}
END_TEST

START_TEST(each_heap_allocation_fails)
{
    live_with_each_failure(FAKE_HEAP_ALLOC, 3);
}
END_TEST

START_TEST(each_grant_fails)
{
    live_with_each_failure(FAKE_GRANT, SCENE_SHARED);
}
END_TEST

START_TEST(each_random_number_fails)
{
    live_with_each_failure(FAKE_RANDOM, 1);
}
END_TEST

/* Copies into the monitor: the argument, the header, each record, each page, each reference. */
START_TEST(each_copy_in_fails)
{
    live_with_each_failure(FAKE_COPY_IN, 5 + 1 + SCENE_PAGES + SCENE_PAGES - 2 + SCENE_SHARED);
}
END_TEST

/* The first copy out of each operation comes before anything is done. */
START_TEST(an_answer_that_cannot_be_given)
{
    struct life life = {0};

    for (int n = 0; !life.gone; n++) {
        struct picture before = picture_take();
        struct life same = life;

        fake_fail(FAKE_COPY_OUT, 1);
        ck_assert_int_eq(step(&same), -EFAULT);
        ck_assert(fake_failed());
        const struct cloister_trace_record *record = fake_last_record();
        ck_assert_uint_eq(record->reason, CLOISTER_REASON_BAD_POINTER);
        ck_assert_int_eq(record->error, -EFAULT);
        ck_assert_uint_eq(record->target, CLOISTER_NO_DOMAIN);
        ck_assert_uint_eq(record->enclave, CLOISTER_NO_ENCLAVE);
        fake_fail(FAKE_ANY, 0);
        struct picture after = picture_take();
        pictures_must_match(&before, &after, "no answer");
        ck_assert_int_eq(step(&life), 0);
    }
}
END_TEST

/* All kinds, one after the other, by the number of the call. */
START_TEST(each_call_fails)
{
    struct picture before;

    live_with_failure(FAKE_ANY, 0);
    before = picture_take();
    for (unsigned long n = 1;; n++) {
        struct life life = {0};
        unsigned int lost = 0;

        fake_user_reset();
        fake_user_put(NULL, 1024);
        fake_fail(FAKE_ANY, n);
        while (!life.gone && lost < 2) {
            int rc = step(&life);
            fake_check();
            ck_assert(!rc || fake_failed());
            lost += rc != 0;
            if (rc) {
                fake_user_reset();
                fake_user_put(NULL, 1024);
            }
        }
        bool failed = fake_failed();
        fake_fail(FAKE_ANY, 0);
        /* What was done but could not be answered is found in the list. */
        for (struct picture picture = picture_take(); picture.list_count;
             picture = picture_take()) {
            ck_assert_int_eq(do_destroy(picture.list[0].enclave), 0);
        }
        struct picture after = picture_take();
        before.info.created = after.info.created;
        before.info.destroyed = after.info.destroyed;
        pictures_must_match(&before, &after, "any failure");
        if (!failed) {
            break;
        }
    }
}
END_TEST

/* --- another CPU of dom0 ------------------------------------------------------------------- */

static uint32_t met_enclave;

/* What the other CPU does, in the middle of an operation. It has memory of its own. */
static int other_cpu(uint32_t op, void *arg, size_t size)
{
    const uint64_t place = fake_user_readonly() - 1024;

    memcpy(fake_user(place), arg, size);
    int rc = monitor_control(op, place, true, false);
    memcpy(arg, fake_user(place), size);
    ck_assert(fake_quiet());
    return rc;
}

static void meet_destroy(void)
{
    struct cloister_destroy op = {.enclave = met_enclave};
    int rc = other_cpu(CLOISTER_OP_DESTROY, &op, sizeof(op));

    ck_assert(rc == 0 || rc == -ENOENT || rc == -ERESTART);
}

static void meet_end_of_domain(void)
{
    int rc = tenant_end(fake.domains[TENANT].tenant);

    ck_assert(rc == 0 || rc == -ERESTART);
}

static void meet_looker(void)
{
    struct cloister_info info = {.abi_version = 0};
    struct cloister_audit audit = {.frames = 0};
    struct cloister_list list = {.capacity = 4, .buffer = fake_user_readonly() - 4096};
    struct cloister_add_pages add = {.enclave = met_enclave, .count = 1};

    ck_assert_int_eq(other_cpu(CLOISTER_OP_INFO, &info, sizeof(info)), 0);
    ck_assert_int_eq(other_cpu(CLOISTER_OP_AUDIT, &audit, sizeof(audit)), 0);
    ck_assert_uint_eq(audit.views + audit.anonymity, 0);
    ck_assert_int_eq(other_cpu(CLOISTER_OP_LIST, &list, sizeof(list)), 0);
    ck_assert_int_ne(other_cpu(CLOISTER_OP_ADD_PAGES, &add, sizeof(add)), 0);
}

/* A life that somebody cuts in the n-th call; false if it has fewer. */
static bool live_and_meet(unsigned long n, bool may_be_cut)
{
    struct life life = {0};

    fake_user_reset();
    fake_user_put(NULL, 1024);
    met_enclave = 0;
    fake_meet_at(n);
    while (!life.gone) {
        int rc = step(&life);

        met_enclave = life.id;
        fake_check();
        if (rc) {
            ck_assert(may_be_cut && fake_met());
            ck_assert(rc == -EBUSY || rc == -ENOENT || rc == -ESRCH);
            break;
        }
    }
    bool met = fake_met();
    fake_meet_at(0);
    if (!life.gone && life.id) {
        int rc = do_destroy(life.id);
        ck_assert(rc == 0 || rc == -ENOENT);
    }
    return met;
}

START_TEST(another_cpu_destroys_at_each_call)
{
    struct picture before;

    live_with_failure(FAKE_ANY, 0);
    before = picture_take();
    fake.meet = meet_destroy;
    unsigned long n = 1;
    for (; live_and_meet(n, true); n++) {
        struct picture after = picture_take();
        before.info.created = after.info.created;
        before.info.destroyed = after.info.destroyed;
        pictures_must_match(&before, &after, "destroyed by another CPU");
    }
    ck_assert_uint_gt(n, 40);
}
END_TEST

START_TEST(the_domain_ends_at_each_call)
{
    unsigned long n = 1;
    bool met;

    do {
        scene_start();
        image = scene_image();
        fake.meet = meet_end_of_domain;
        met = live_and_meet(n++, true);
        ck_assert_uint_eq(fake_frames_in_use(), 0);
        scene_end();
    } while (met);
    ck_assert_uint_gt(n, 40);
    scene_start();
}
END_TEST

START_TEST(another_cpu_looks_at_each_call)
{
    unsigned long n = 1;

    fake.meet = meet_looker;
    while (live_and_meet(n, false)) {
        n++;
    }
    ck_assert_uint_gt(n, 40);
}
END_TEST

/* --- preemption ---------------------------------------------------------------------------- */

START_TEST(stopped_at_each_check)
{
    unsigned long restarts_seen = 0;

    for (unsigned long n = 1;; n++) {
        struct life life = {0};

        fake_user_reset();
        fake_user_put(NULL, 1024);
        control_restarts = 0;
        fake_preempt_at(n);
        while (!life.gone) {
            ck_assert_int_eq(step(&life), 0);
        }
        ck_assert_uint_le(control_restarts, 1);
        if (fake_preemption_checks() < n) {
            break;
        }
        restarts_seen += control_restarts;
    }
    /* each record, each reference, each leaf when it is unmapped */
    ck_assert_uint_ge(restarts_seen, 2 * (SCENE_PAGES + SCENE_SHARED));
}
END_TEST

START_TEST(stopped_every_time_that_lets_it_move)
{
    for (unsigned long every = 2; every < 6; every++) {
        struct life life = {0};

        fake_user_reset();
        fake_user_put(NULL, 1024);
        control_restarts = 0;
        fake_preempt_every(every);
        while (!life.gone) {
            ck_assert_int_eq(step(&life), 0);
        }
        fake_preempt_every(0);
        ck_assert_uint_ge(control_restarts, 2 * (SCENE_PAGES + SCENE_SHARED) / every - 2);
    }
}
END_TEST

/* A batch that is stopped at every page and fails at each page in turn keeps count. */
START_TEST(stopped_and_refused)
{
    for (uint32_t k = 0; k < SCENE_PAGES; k++) {
        struct image wrong = *image;
        uint32_t id;

        fake_user_reset();
        fake_user_put(NULL, 1024);
        ck_assert_int_eq(do_create(image, TENANT, &id), 0);
        wrong.records[k].flags = 0;
        struct cloister_add_pages op = add_arg(&wrong, id, 0, SCENE_PAGES);
        fake_preempt_every(2);
        ck_assert_int_eq(control(CLOISTER_OP_ADD_PAGES, &op, sizeof(op)), -EINVAL);
        ck_assert_uint_eq(op.done, k);
        ck_assert_uint_eq(op.head.reason, CLOISTER_REASON_PAGE_FLAGS);
        fake_preempt_every(0);
        ck_assert_int_eq(do_add(image, id, k, SCENE_PAGES - k), 0);
        uint64_t handle[2];
        ck_assert_int_eq(do_init(id, handle), 0);
        ck_assert_int_eq(do_destroy(id), 0);
    }
}
END_TEST

/* --- the end of a domain ------------------------------------------------------------------- */

/* Enclaves of every state: new, with pages, with shares, ready, entered, dead, dying. */
static void populate(uint64_t handle[2])
{
    struct thread_result result;
    struct cloister_destroy destroy;
    uint32_t id;

    ck_assert_int_eq(do_quota(TENANT, 1000), 0);
    ck_assert_int_eq(do_create(image, TENANT, &id), 0);
    scene_building(image, TENANT);
    id = scene_building(image, TENANT);
    ck_assert_int_eq(do_share(id, 0, SCENE_SHARED), 0);
    scene_ready(image, TENANT, handle);
    scene_ready(image, TENANT, handle);
    scene_enter(TENANT, 2, handle, 0);
    scene_exit(scene_enter(TENANT, 3, handle, 1), CLOISTER_ENCLAVE_FAULT, 14, 1, &result);
    destroy.enclave = scene_building(image, TENANT);
    destroy.reserved0 = 0;
    memset(&destroy.head, 0, sizeof(destroy.head));
    fake_preempt_at(3);
    ck_assert_int_eq(control_once(CLOISTER_OP_DESTROY, &destroy, sizeof(destroy)), -ERESTART);
    fake_preempt_at(0);
}

START_TEST(a_domain_ends_with_enclaves_in_each_state)
{
    struct tenant *tenant = fake.domains[TENANT].tenant;
    struct picture empty = picture_take();
    uint64_t handle[2];
    struct thread_result result;

    populate(handle);
    ck_assert(tenant_has_enclaves(tenant));
    fake.now += UINT64_C(2000000000);
    ck_assert_int_eq(tenant_end(tenant), 0);
    ck_assert(!tenant_has_enclaves(tenant));
    const struct cloister_trace_record *record = fake_last_record();
    ck_assert_uint_eq(record->event, CLOISTER_EVENT_DOMAIN);
    ck_assert_uint_eq(record->decision, CLOISTER_ALLOWED);
    ck_assert_uint_eq(record->target, TENANT);
    ck_assert_uint_eq(record->found, 6);
    ck_assert_ptr_null(fake.domains[TENANT].vcpus[2].pending);

    struct picture after = picture_take();
    ck_assert_uint_eq(after.list_count, 0);
    ck_assert_uint_eq(after.frames, empty.frames);
    ck_assert_uint_eq(after.blocks, empty.blocks);
    ck_assert_uint_eq(after.pins, 0);
    ck_assert_ptr_null(tenant_call(TENANT, 0, CLOISTER_CALL_ENTER, handle, 0, &result));
    ck_assert_int_eq(result.outcome, -ENOENT);
    uint64_t records = fake_ring(0)->next;
    ck_assert_int_eq(tenant_end(tenant), 0);
    ck_assert_uint_eq(fake_ring(0)->next, records);
}
END_TEST

START_TEST(a_domain_s_end_stopped_at_each_check)
{
    struct tenant *tenant = fake.domains[TENANT].tenant;
    uint64_t handle[2];
    int goes = 0;
    int rc;

    populate(handle);
    uint64_t records = fake_ring(0)->next;
    fake_preempt_every(1);
    while ((rc = tenant_end(tenant)) == -ERESTART) {
        fake_preempt_every(0);
        fake_check();
        fake_preempt_every(1);
        goes++;
    }
    ck_assert_int_eq(rc, 0);
    ck_assert_int_ge(goes, 5 * (int)SCENE_PAGES - 3 + (int)SCENE_SHARED);
    ck_assert_uint_eq(fake_ring(0)->next, records + 1);
}
END_TEST

/* Between its place being reserved and its coming into the list an enclave is only counted. */
START_TEST(a_domain_waits_for_an_enclave_in_the_making)
{
    struct tenant *tenant = fake.domains[TENANT].tenant;

    tenant->enclaves++;
    ck_assert_int_eq(tenant_end(tenant), -ERESTART);
    tenant->enclaves--;
    ck_assert_int_eq(tenant_end(tenant), 0);
}
END_TEST

START_TEST(a_domain_without_enclaves_ends_silently)
{
    uint64_t records = fake_ring(0)->next;

    ck_assert_int_eq(tenant_end(fake.domains[3].tenant), 0);
    ck_assert_uint_eq(fake_ring(0)->next, records);
    tenant_destroy(fake.domains[3].tenant);
    fake.domains[3].tenant = NULL;
    struct cloister_domain op = {.domain = 3};
    REFUSES(CLOISTER_OP_DOMAIN, op, -ESRCH, NO_SUCH_DOMAIN);
    struct cloister_quota quota = {.domain = 3};
    REFUSES(CLOISTER_OP_QUOTA, quota, -ESRCH, NO_SUCH_DOMAIN);
}
END_TEST

START_TEST(another_domain_does_not_notice)
{
    uint64_t handle[2];
    uint64_t other[2];

    scene_ready(image, OTHER_TENANT, other);
    scene_ready(image, TENANT, handle);
    ck_assert_int_eq(tenant_end(fake.domains[TENANT].tenant), 0);
    scene_enter(OTHER_TENANT, 0, other, 0);
    struct picture picture = picture_take();
    ck_assert_uint_eq(picture.list_count, 1);
    ck_assert_uint_eq(picture.list[0].domain, OTHER_TENANT);
}
END_TEST

static void destroy_tenant(void *context)
{
    tenant_destroy(context);
}

START_TEST(a_domain_that_goes_with_enclaves_panics)
{
    uint32_t id;

    ck_assert_int_eq(do_create(image, TENANT, &id), 0);
    ck_assert(fake_panics(destroy_tenant, fake.domains[TENANT].tenant));
    ck_assert_str_eq(fake_panic_text(), "a domain ends with enclaves");
}
END_TEST

/* The counts of a domain that is gone stay in INFO's sums. */
START_TEST(sums_survive_a_domain)
{
    uint64_t handle[2];

    scene_ready(image, TENANT, handle);
    struct thread *thread = scene_enter(TENANT, 0, handle, 0);
    thread_interrupted(thread);
    thread_reentered(thread);
    thread_interrupted(thread);
    thread_suspend(thread);
    struct picture before = picture_take();
    ck_assert_uint_eq(before.info.entries, 1);
    ck_assert_uint_eq(before.info.interruptions, 2);
    ck_assert_uint_eq(before.info.reentries, 1);
    ck_assert_uint_eq(before.domain[TENANT].entries, 1);
    ck_assert_uint_eq(before.domain[TENANT].interruptions, 2);
    ck_assert_int_eq(tenant_end(fake.domains[TENANT].tenant), 0);
    tenant_destroy(fake.domains[TENANT].tenant);
    fake.domains[TENANT].tenant = NULL;
    struct picture after = picture_take();
    ck_assert_uint_eq(after.info.entries, 1);
    ck_assert_uint_eq(after.info.interruptions, 2);
    ck_assert_uint_eq(after.info.reentries, 1);
}
END_TEST

START_TEST(no_memory_for_a_tenant)
{
    fake_fail(FAKE_HEAP_ALLOC, 1);
    ck_assert_ptr_null(tenant_create(&fake.domains[3]));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("enclave");
    TCase *cases = suite_case(suite, "failures", 240);

    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_test(cases, each_frame_fails);
    tcase_add_test(cases, each_heap_allocation_fails);
    tcase_add_test(cases, each_grant_fails);
    tcase_add_test(cases, each_random_number_fails);
    tcase_add_test(cases, each_copy_in_fails);
    tcase_add_test(cases, an_answer_that_cannot_be_given);
    tcase_add_test(cases, each_call_fails);

    cases = suite_case(suite, "failures, frames far apart", 240);
    tcase_add_checked_fixture(cases, start_spread, scene_end);
    tcase_add_test(cases, each_frame_fails);
    tcase_add_test(cases, each_call_fails);

    cases = suite_case(suite, "another CPU", 240);
    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_test(cases, another_cpu_destroys_at_each_call);
    tcase_add_test(cases, the_domain_ends_at_each_call);
    tcase_add_test(cases, another_cpu_looks_at_each_call);

    cases = suite_case(suite, "preemption", 240);
    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_test(cases, stopped_at_each_check);
    tcase_add_test(cases, stopped_every_time_that_lets_it_move);
    tcase_add_test(cases, stopped_and_refused);

    cases = suite_case(suite, "the end of a domain", 60);
    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_test(cases, a_domain_ends_with_enclaves_in_each_state);
    tcase_add_test(cases, a_domain_s_end_stopped_at_each_check);
    tcase_add_test(cases, a_domain_waits_for_an_enclave_in_the_making);
    tcase_add_test(cases, a_domain_without_enclaves_ends_silently);
    tcase_add_test(cases, another_domain_does_not_notice);
    tcase_add_test(cases, sums_survive_a_domain);
    tcase_add_test(cases, no_memory_for_a_tenant);

    cases = suite_case(suite, "panic", 60);
    tcase_add_checked_fixture(cases, start, NULL);
    tcase_add_test(cases, a_domain_that_goes_with_enclaves_panics);
    return suite_run(suite);
}
