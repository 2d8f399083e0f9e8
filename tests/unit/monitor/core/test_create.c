/* SPDX-License-Identifier: MIT */
/* CREATE: every refusal of abi.h, and what a new enclave looks like. */
#include "scene.h"
#include "suite.h"

#define FRAMES_OF_A_NEW_ENCLAVE (1 + SCENE_THREADS * THREAD_FRAMES)

static struct image *image;
static struct cloister_create op;

static void start(void)
{
    scene_start();
    image = scene_image();
    op = create_arg(image, TENANT);
}

/* Signs the changed header and gives it to the operation. */
static void use_header(void)
{
    image_sign(image);
    op = create_arg(image, TENANT);
}

START_TEST(a_new_enclave)
{
    struct picture before = picture_take();

    ck_assert_int_eq(control(CLOISTER_OP_CREATE, &op, sizeof(op)), 0);
    ck_assert_uint_ne(op.enclave, 0);
    ck_assert_uint_eq(op.head.reason, 0);
    const struct cloister_trace_record *record = fake_last_record();
    ck_assert_uint_eq(record->event, CLOISTER_EVENT_CONTROL);
    ck_assert_uint_eq(record->decision, CLOISTER_ALLOWED);
    ck_assert_uint_eq(record->operation, CLOISTER_OP_CREATE);
    ck_assert_uint_eq(record->target, TENANT);
    ck_assert_uint_eq(record->enclave, op.enclave);
    ck_assert_uint_eq(record->error, 0);

    struct picture after = picture_take();
    const struct cloister_enclave_info *info = &after.list[0];
    ck_assert_uint_eq(after.list_count, 1);
    ck_assert_uint_eq(info->enclave, op.enclave);
    ck_assert_uint_eq(info->domain, TENANT);
    ck_assert_uint_eq(info->state, CLOISTER_ENCLAVE_BUILDING);
    ck_assert_uint_eq(info->thread_count, SCENE_THREADS);
    ck_assert_uint_eq(info->page_count, SCENE_PAGE_COUNT);
    ck_assert_uint_eq(info->pages_added, 0);
    ck_assert_uint_eq(info->shared_pages, 0);
    ck_assert_uint_eq(info->frames, FRAMES_OF_A_NEW_ENCLAVE);
    ck_assert_uint_eq(info->image_version, 7);
    ck_assert_uint_eq(info->security_version, 3);
    ck_assert_str_eq((const char *)info->name, "a good image");
    ck_assert_mem_eq(info->measurement, image->header.measurement, sizeof(info->measurement));
    ck_assert_mem_eq(info->family_id, image->header.family_id, sizeof(info->family_id));
    ck_assert_mem_eq(info->image_id, image->header.image_id, sizeof(info->image_id));
    ck_assert_uint_eq(after.frames - before.frames, FRAMES_OF_A_NEW_ENCLAVE);
    ck_assert_uint_eq(after.info.enclaves, 1);
    ck_assert_uint_eq(after.info.created, before.info.created + 1);
    ck_assert_uint_eq(after.info.table_frames, 1);
    ck_assert_uint_eq(after.info.context_frames, SCENE_THREADS * THREAD_FRAMES);
    ck_assert_uint_eq(after.quota[TENANT].used, FRAMES_OF_A_NEW_ENCLAVE);
    ck_assert_uint_eq(after.domain[TENANT].enclaves, 1);
}
END_TEST

START_TEST(ids_grow_and_are_not_used_again)
{
    uint32_t last = 0;

    for (int i = 0; i < 5; i++) {
        uint32_t id;
        ck_assert_int_eq(do_create(image, TENANT, &id), 0);
        ck_assert_uint_gt(id, last);
        last = id;
        ck_assert_int_eq(do_destroy(id), 0);
    }
}
END_TEST

START_TEST(reserved_fields)
{
    op.reserved0 = 1;
    REFUSES(CLOISTER_OP_CREATE, op, -EINVAL, RESERVED_NOT_ZERO);
    op.reserved0 = 0;
    op.enclave = 1;
    REFUSES(CLOISTER_OP_CREATE, op, -EINVAL, RESERVED_NOT_ZERO);
    op.enclave = 0;
    op.head.reserved0 = 1;
    REFUSES(CLOISTER_OP_CREATE, op, -EINVAL, RESERVED_NOT_ZERO);
    op.head.reserved0 = 0;
    op.head.reserved1 = 1;
    REFUSES(CLOISTER_OP_CREATE, op, -EINVAL, RESERVED_NOT_ZERO);
}
END_TEST

static const uint16_t no_domains[] = {7, CLOISTER_NO_DOMAIN, UINT16_MAX};

START_TEST(no_such_domain)
{
    op.domain = no_domains[_i];
    REFUSES(CLOISTER_OP_CREATE, op, -ESRCH, NO_SUCH_DOMAIN);
    ck_assert_uint_eq(last_head.found, no_domains[_i]);
    ck_assert_uint_eq(fake_last_record()->target, no_domains[_i]);
}
END_TEST

START_TEST(a_dying_domain)
{
    ck_assert_int_eq(tenant_end(fake.domains[TENANT].tenant), 0);
    REFUSES(CLOISTER_OP_CREATE, op, -ESRCH, DOMAIN_DYING);
}
END_TEST

static const enum cloister_reason host_reasons[] = {
    CLOISTER_REASON_HOST_VPMU, CLOISTER_REASON_HOST_IOMMU, CLOISTER_REASON_HOST_CPU,
    CLOISTER_REASON_HOST_INTREMAP};

START_TEST(a_host_that_cannot)
{
    struct cloister_info info = {.abi_version = 0};

    fake.refusal = host_reasons[_i];
    refuses(CLOISTER_OP_CREATE, &op, sizeof(op), -EOPNOTSUPP, host_reasons[_i], "host", _i);
    ck_assert_int_eq(control(CLOISTER_OP_INFO, &info, sizeof(info)), 0);
    ck_assert_uint_eq(info.create_reason, host_reasons[_i]);
}
END_TEST

START_TEST(a_domain_that_cannot)
{
    enum cloister_reason reason = CLOISTER_REASON_DOMAIN_KIND + _i;
    struct cloister_domain domain = {.domain = TENANT};

    fake.domains[TENANT].refusal = reason;
    refuses(CLOISTER_OP_CREATE, &op, sizeof(op), -EOPNOTSUPP, reason, "domain", _i);
    ck_assert_uint_eq(last_head.found, TENANT);
    ck_assert_int_eq(control(CLOISTER_OP_DOMAIN, &domain, sizeof(domain)), 0);
    ck_assert_uint_eq(domain.create_reason, reason);
    op.domain = OTHER_TENANT;
    op.head = (struct cloister_head){0};
    ck_assert_int_eq(control(CLOISTER_OP_CREATE, &op, sizeof(op)), 0);
}
END_TEST

START_TEST(a_domain_that_is_being_built)
{
    struct tenant *tenant = fake.domains[TENANT].tenant;

    fake.domains[TENANT].refusal = CLOISTER_REASON_DOMAIN_BUILDING;
    REFUSES(CLOISTER_OP_CREATE, op, -EOPNOTSUPP, DOMAIN_BUILDING);
    /* Its making fails: Xen gives it up without tenant_end(). */
    ck_assert(!tenant_has_enclaves(tenant));
    tenant_destroy(tenant);
    fake.domains[TENANT].tenant = tenant_create(&fake.domains[TENANT]);
    ck_assert_ptr_nonnull(fake.domains[TENANT].tenant);
    ck_assert_int_eq(do_quota(TENANT, FRAMES_OF_A_NEW_ENCLAVE), 0);
    fake.domains[TENANT].refusal = CLOISTER_REASON_NONE;
    op.head = (struct cloister_head){0};
    ck_assert_int_eq(control(CLOISTER_OP_CREATE, &op, sizeof(op)), 0);
}
END_TEST

/* --- another CPU, while CREATE asks -------------------------------------------------------- */

static struct {
    unsigned int times;
    bool refused; /* the other CPU was, and has taken back what it did */
} race;

/* Brings about what CREATE refuses, and asks then, as cloister_freeze_altp2m() does. */
static void switch_on_then_ask(void)
{
    struct fake_domain *domain = &fake.domains[TENANT];

    race.times++;
    domain->refusal = CLOISTER_REASON_DOMAIN_ALTP2M;
    if (tenant_has_enclaves(domain->tenant)) {
        race.refused = true;
        domain->refusal = CLOISTER_REASON_NONE;
    }
}

/* One of the two is refused, never neither. */
START_TEST(what_is_refused_comes_while_it_is_asked)
{
    fake.asked = switch_on_then_ask;
    int rc = control(CLOISTER_OP_CREATE, &op, sizeof(op));
    fake.asked = NULL;
    ck_assert_uint_ge(race.times, 1);
    ck_assert_int_eq(race.refused, !rc);
    ck_assert(tenant_has_enclaves(fake.domains[TENANT].tenant) !=
              (fake.domains[TENANT].refusal == CLOISTER_REASON_DOMAIN_ALTP2M));
}
END_TEST

/* It is there before CREATE asks: the place that was counted is given back. */
START_TEST(what_is_refused_is_there_already)
{
    race.times = race.refused = 0;
    switch_on_then_ask();
    ck_assert(!race.refused);
    REFUSES(CLOISTER_OP_CREATE, op, -EOPNOTSUPP, DOMAIN_ALTP2M);
    ck_assert(!tenant_has_enclaves(fake.domains[TENANT].tenant));
    fake.domains[TENANT].refusal = CLOISTER_REASON_NONE;
    op.head = (struct cloister_head){0};
    ck_assert_int_eq(control(CLOISTER_OP_CREATE, &op, sizeof(op)), 0);
}
END_TEST

/* The domain dies between the count and the making: it waits for what is counted (tenant_end). */
static void end_meanwhile(void)
{
    race.times++;
    ck_assert_int_eq(tenant_end(fake.domains[TENANT].tenant), -ERESTART);
}

START_TEST(the_domain_dies_while_it_is_asked)
{
    struct tenant *tenant = fake.domains[TENANT].tenant;
    int rc;

    race.times = 0;
    fake.asked = end_meanwhile;
    ck_assert_int_eq(control(CLOISTER_OP_CREATE, &op, sizeof(op)), 0);
    fake.asked = NULL;
    ck_assert_uint_eq(race.times, 1);
    while ((rc = tenant_end(tenant)) == -ERESTART) {
    }
    ck_assert_int_eq(rc, 0);
    ck_assert(!tenant_has_enclaves(tenant));
    op.enclave = 0;
    REFUSES(CLOISTER_OP_CREATE, op, -ESRCH, DOMAIN_DYING);
}
END_TEST

static const uint64_t bad_pointers[] = {0,
                                        1,
                                        FAKE_USER_BASE - 1,
                                        FAKE_USER_BASE + FAKE_USER_SIZE,
                                        FAKE_USER_BASE + FAKE_USER_SIZE -
                                            CLOISTER_IMAGE_HEADER_SIZE + 1,
                                        UINT64_C(0xffff830000000000),
                                        UINT64_C(0x0000800000000000),
                                        UINT64_MAX,
                                        UINT64_MAX - 1023};

START_TEST(a_header_that_is_not_there)
{
    op.header = bad_pointers[_i];
    REFUSES(CLOISTER_OP_CREATE, op, -EFAULT, BAD_POINTER);
    ck_assert_uint_eq(last_head.found, bad_pointers[_i]);
}
END_TEST

START_TEST(a_header_in_read_only_memory_is_fine)
{
    memcpy(fake_user(fake_user_readonly()), &image->header, sizeof(image->header));
    op.header = fake_user_readonly();
    ck_assert_int_eq(control(CLOISTER_OP_CREATE, &op, sizeof(op)), 0);
}
END_TEST

/* The rest of the fields is test_launch.c's. */
START_TEST(a_bad_header)
{
    image->header.magic++;
    use_header();
    REFUSES(CLOISTER_OP_CREATE, op, -EINVAL, IMAGE_MAGIC);
    image = scene_image();
    image->header.version = 2;
    use_header();
    REFUSES(CLOISTER_OP_CREATE, op, -EINVAL, IMAGE_VERSION);
    ck_assert_uint_eq(last_head.found, 2);
    ck_assert_uint_eq(last_head.allowed, CLOISTER_IMAGE_VERSION);
    image = scene_image();
    image->header.launch.flags = 2;
    use_header();
    REFUSES(CLOISTER_OP_CREATE, op, -EINVAL, IMAGE_FLAGS);
    image = scene_image();
    image->header.launch.page_count = 0;
    use_header();
    REFUSES(CLOISTER_OP_CREATE, op, -EINVAL, IMAGE_SIZE);
    image = scene_image();
    image->header.launch.thread_count = CLOISTER_MAX_THREADS + 1;
    use_header();
    REFUSES(CLOISTER_OP_CREATE, op, -EINVAL, IMAGE_THREADS);
    image = scene_image();
    image->header.launch.shared_count = CLOISTER_MAX_SHARED_PAGES + 1;
    use_header();
    REFUSES(CLOISTER_OP_CREATE, op, -EINVAL, IMAGE_SHARED);
    image = scene_image();
    image->header.launch.entry = 0;
    use_header();
    REFUSES(CLOISTER_OP_CREATE, op, -EINVAL, IMAGE_LAYOUT);
    image = scene_image();
    image->header.reserved[599] = 1;
    use_header();
    REFUSES(CLOISTER_OP_CREATE, op, -EINVAL, RESERVED_NOT_ZERO);
}
END_TEST

START_TEST(a_bad_signature)
{
    image->header.signature[63] ^= 1;
    op = create_arg(image, TENANT);
    REFUSES(CLOISTER_OP_CREATE, op, -EACCES, IMAGE_SIGNATURE);
    image = scene_image();
    image->header.security_version++;
    op = create_arg(image, TENANT);
    REFUSES(CLOISTER_OP_CREATE, op, -EACCES, IMAGE_SIGNATURE);
    image = scene_image();
    image->header.author_key[0] ^= 1;
    op = create_arg(image, TENANT);
    REFUSES(CLOISTER_OP_CREATE, op, -EACCES, IMAGE_SIGNATURE);
}
END_TEST

START_TEST(quota)
{
    ck_assert_int_eq(do_quota(TENANT, FRAMES_OF_A_NEW_ENCLAVE - 1), 0);
    REFUSES(CLOISTER_OP_CREATE, op, -EDQUOT, QUOTA);
    ck_assert_uint_eq(last_head.found, FRAMES_OF_A_NEW_ENCLAVE);
    ck_assert_uint_eq(last_head.allowed, FRAMES_OF_A_NEW_ENCLAVE - 1);
    ck_assert_int_eq(do_quota(TENANT, 0), 0);
    REFUSES(CLOISTER_OP_CREATE, op, -EDQUOT, QUOTA);
    ck_assert_uint_eq(last_head.allowed, 0);
    ck_assert_int_eq(do_quota(TENANT, FRAMES_OF_A_NEW_ENCLAVE), 0);
    op.enclave = 0;
    ck_assert_int_eq(control(CLOISTER_OP_CREATE, &op, sizeof(op)), 0);
    op.enclave = 0;
    REFUSES(CLOISTER_OP_CREATE, op, -EDQUOT, QUOTA);
    ck_assert_uint_eq(last_head.allowed, 0);
}
END_TEST

START_TEST(a_domain_without_quota)
{
    op.domain = 3;
    REFUSES(CLOISTER_OP_CREATE, op, -EDQUOT, QUOTA);
}
END_TEST

START_TEST(no_memory)
{
    for (unsigned int n = 1; n <= FRAMES_OF_A_NEW_ENCLAVE; n++) {
        fake_fail(FAKE_FRAME_ALLOC, 0);
        struct cloister_create again = op;
        struct picture before = picture_take();
        fake_fail(FAKE_FRAME_ALLOC, n);
        ck_assert_int_eq(control(CLOISTER_OP_CREATE, &again, sizeof(again)), -ENOMEM);
        ck_assert_uint_eq(again.head.reason, CLOISTER_REASON_NO_MEMORY);
        ck_assert(fake_failed());
        struct picture after = picture_take();
        pictures_must_match(&before, &after, "no frame");
    }
    for (unsigned int n = 1; n <= 3; n++) {
        struct cloister_create again = op;
        struct picture before = picture_take();
        fake_fail(FAKE_HEAP_ALLOC, n);
        ck_assert_int_eq(control(CLOISTER_OP_CREATE, &again, sizeof(again)), -ENOMEM);
        ck_assert_uint_eq(again.head.reason, CLOISTER_REASON_NO_MEMORY);
        struct picture after = picture_take();
        pictures_must_match(&before, &after, "no heap");
    }
    fake_fail(FAKE_ANY, 0);
    ck_assert_int_eq(control(CLOISTER_OP_CREATE, &op, sizeof(op)), 0);
}
END_TEST

START_TEST(no_more_enclaves)
{
    uint32_t ids[TENANT_MAX_ENCLAVES];

    image->header.launch.thread_count = 1;
    use_header();
    ck_assert_int_eq(do_quota(TENANT, (1 + THREAD_FRAMES) * TENANT_MAX_ENCLAVES), 0);
    for (uint32_t i = 0; i < TENANT_MAX_ENCLAVES; i++) {
        struct cloister_create again = op;
        ck_assert_int_eq(control(CLOISTER_OP_CREATE, &again, sizeof(again)), 0);
        ids[i] = again.enclave;
    }
    ck_assert_int_eq(do_quota(TENANT, 10000), 0);
    struct cloister_create again = op;
    ck_assert_int_eq(control(CLOISTER_OP_CREATE, &again, sizeof(again)), -ENOSPC);
    ck_assert_uint_eq(again.head.reason, CLOISTER_REASON_TOO_MANY_ENCLAVES);
    ck_assert_uint_eq(again.head.found, TENANT_MAX_ENCLAVES);
    ck_assert_uint_eq(again.head.allowed, TENANT_MAX_ENCLAVES);
    ck_assert_int_eq(do_destroy(ids[77]), 0);
    again = op;
    ck_assert_int_eq(control(CLOISTER_OP_CREATE, &again, sizeof(again)), 0);
    again = op;
    again.domain = OTHER_TENANT;
    ck_assert_int_eq(control(CLOISTER_OP_CREATE, &again, sizeof(again)), 0);
}
END_TEST

START_TEST(threads_get_worlds_of_their_own)
{
    uint64_t handle[2];

    scene_ready(image, TENANT, handle);
    const struct enclave *enclave = fake.domains[TENANT].tenant->slots[0];
    for (uint32_t i = 0; i < SCENE_THREADS; i++) {
        const struct fake_world *world = fake_world(enclave->threads[i].context[0]);
        ck_assert_ptr_eq(world->thread, &enclave->threads[i]);
        ck_assert_int_eq(world->state, WORLD_MADE);
        ck_assert_uint_eq(world->root.number, enclave->view.root.number);
        ck_assert_uint_eq(enclave->threads[i].state, CLOISTER_THREAD_IDLE);
    }
}
END_TEST

/* --- in steps ------------------------------------------------------------------------------- */

#define CHECKS 66 /* behind each step of a verification but the last */

/* One CREATE that is preempted at its n-th check. */
static void begin_create(unsigned long n)
{
    fake_preempt_at(n);
    ck_assert_int_eq(control_once(CLOISTER_OP_CREATE, &op, sizeof(op)), -ERESTART);
    fake_preempt_at(0);
    ck_assert_uint_ne(op.enclave, 0);
}

START_TEST(preempted_at_each_step)
{
    for (unsigned long n = 1; n <= CHECKS + 1; n++) {
        struct picture before = picture_take();
        struct cloister_create first;

        op = create_arg(image, TENANT);
        fake_preempt_at(n);
        int rc = control_once(CLOISTER_OP_CREATE, &op, sizeof(op));
        ck_assert_int_eq(rc, n <= CHECKS ? -ERESTART : 0);
        first = op;
        if (rc) {
            struct picture between = picture_take();
            ck_assert_uint_eq(between.info.created, before.info.created);
            ck_assert_uint_eq(between.info.enclaves, 0);
            ck_assert_uint_eq(between.list[0].state, CLOISTER_ENCLAVE_BUILDING);
            ck_assert_int_eq(control_once(CLOISTER_OP_CREATE, &op, sizeof(op)), 0);
        }
        ck_assert_uint_eq(op.enclave, first.enclave);
        ck_assert_uint_eq(op.domain, TENANT);
        ck_assert_int_eq(do_destroy(op.enclave), 0);
        struct picture after = picture_take();
        ck_assert_uint_eq(after.info.created, before.info.created + 1);
        ck_assert_uint_eq(after.info.destroyed, before.info.destroyed + 1);
        ck_assert_uint_eq(after.frames, before.frames);
        ck_assert_uint_eq(after.blocks, before.blocks);
    }
}
END_TEST

/* Until the signature is known to be good it is no enclave to anybody. */
START_TEST(half_created)
{
    begin_create(5);
    struct cloister_add_pages add = add_arg(image, op.enclave, 0, 1);
    REFUSES(CLOISTER_OP_ADD_PAGES, add, -EBUSY, ENCLAVE_STATE);
    struct cloister_init init = {.enclave = op.enclave};
    REFUSES(CLOISTER_OP_INIT, init, -EBUSY, ENCLAVE_STATE);
    /* Another CREATE goes on beside it. */
    struct cloister_create other = create_arg(image, OTHER_TENANT);
    ck_assert_int_eq(control(CLOISTER_OP_CREATE, &other, sizeof(other)), 0);
    ck_assert_uint_ne(other.enclave, op.enclave);
    ck_assert_int_eq(control(CLOISTER_OP_CREATE, &op, sizeof(op)), 0);
    ck_assert_int_eq(control(CLOISTER_OP_ADD_PAGES, &add, sizeof(add)), 0);
    ck_assert_int_eq(do_destroy(op.enclave), 0);
    ck_assert_int_eq(do_destroy(other.enclave), 0);
}
END_TEST

START_TEST(half_created_and_destroyed)
{
    struct picture before = picture_take();

    begin_create(5);
    ck_assert_int_eq(do_destroy(op.enclave), 0);
    struct picture after = picture_take();
    pictures_must_match(&before, &after, "destroyed");
    REFUSES(CLOISTER_OP_CREATE, op, -EINVAL, RESERVED_NOT_ZERO);
}
END_TEST

/* Whoever goes on with a CREATE names the enclave; what else he says changes nothing. */
START_TEST(half_created_with_another_header)
{
    image->header.signature[63] ^= 1;
    op = create_arg(image, TENANT);
    struct picture before = picture_take();
    begin_create(20);
    image = scene_image();
    struct cloister_create good = create_arg(image, OTHER_TENANT);
    good.enclave = op.enclave;
    ck_assert_int_eq(control(CLOISTER_OP_CREATE, &good, sizeof(good)), -EACCES);
    ck_assert_uint_eq(good.head.reason, CLOISTER_REASON_IMAGE_SIGNATURE);
    ck_assert_uint_eq(good.enclave, 0);
    ck_assert_uint_eq(good.domain, TENANT);
    struct picture after = picture_take();
    pictures_must_match(&before, &after, "a bad signature");
    /* An enclave that is there is not created again. */
    op = create_arg(image, TENANT);
    ck_assert_int_eq(control(CLOISTER_OP_CREATE, &op, sizeof(op)), 0);
    REFUSES(CLOISTER_OP_CREATE, op, -EINVAL, RESERVED_NOT_ZERO);
    ck_assert_int_eq(do_destroy(op.enclave), 0);
}
END_TEST

/* scene_end() ends the domain, and looks for what is left. */
START_TEST(half_created_when_the_domain_ends)
{
    begin_create(5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("create");
    TCase *cases = suite_case(suite, "create", 120);

    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_test(cases, a_new_enclave);
    tcase_add_test(cases, ids_grow_and_are_not_used_again);
    tcase_add_test(cases, reserved_fields);
    tcase_add_loop_test(cases, no_such_domain, 0, 3);
    tcase_add_test(cases, a_dying_domain);
    tcase_add_loop_test(cases, a_host_that_cannot, 0, 4);
    tcase_add_loop_test(cases, a_domain_that_cannot, 0, 7);
    tcase_add_test(cases, a_domain_that_is_being_built);
    tcase_add_test(cases, what_is_refused_comes_while_it_is_asked);
    tcase_add_test(cases, what_is_refused_is_there_already);
    tcase_add_test(cases, the_domain_dies_while_it_is_asked);
    tcase_add_loop_test(cases, a_header_that_is_not_there, 0, 9);
    tcase_add_test(cases, a_header_in_read_only_memory_is_fine);
    tcase_add_test(cases, a_bad_header);
    tcase_add_test(cases, a_bad_signature);
    tcase_add_test(cases, quota);
    tcase_add_test(cases, a_domain_without_quota);
    tcase_add_test(cases, no_memory);
    tcase_add_test(cases, no_more_enclaves);
    tcase_add_test(cases, threads_get_worlds_of_their_own);

    cases = suite_case(suite, "in steps", 300);
    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_test(cases, preempted_at_each_step);
    tcase_add_test(cases, half_created);
    tcase_add_test(cases, half_created_and_destroyed);
    tcase_add_test(cases, half_created_with_another_header);
    tcase_add_test(cases, half_created_when_the_domain_ends);
    return suite_run(suite);
}
