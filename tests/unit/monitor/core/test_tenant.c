/* SPDX-License-Identifier: MIT */
/* Which UUID a domain may take, and when. With counters: test_counters.c. */
#include "scene.h"
#include "suite.h"

#include <signal.h>

static struct tenant *tenant;
static uint8_t own[16], other[16];
static uint8_t nobody_s[16] = {0xee, 0x11};

static void start(void)
{
    scene_start();
    tenant = fake.domains[TENANT].tenant;
    host_domain_uuid(&fake.domains[TENANT], own);
    host_domain_uuid(&fake.domains[OTHER_TENANT], other);
}

#define MUST_SAY(uuid, reason)                                                                     \
    ck_assert_str_eq(cloister_reason_name(tenant_uuid_refusal(tenant, uuid)), #reason)

START_TEST(a_domain_without_enclaves)
{
    MUST_SAY(own, NONE);
    MUST_SAY(nobody_s, NONE);
    MUST_SAY(other, DOMAIN_UUID);
}
END_TEST

START_TEST(the_uuid_of_a_domain_that_dies)
{
    ck_assert_int_eq(tenant_end(fake.domains[OTHER_TENANT].tenant), 0);
    MUST_SAY(other, DOMAIN_UUID);
    tenant_destroy(fake.domains[OTHER_TENANT].tenant);
    fake.domains[OTHER_TENANT].tenant = NULL;
    MUST_SAY(other, NONE);
}
END_TEST

START_TEST(a_uuid_that_differs_in_one_bit)
{
    for (unsigned int bit = 0; bit < 128; bit++) {
        uint8_t almost[16];
        memcpy(almost, other, sizeof(almost));
        almost[bit / 8] ^= 1 << bit % 8;
        MUST_SAY(almost, NONE);
    }
}
END_TEST

/* As the toolstack does: zeros or another's before, and its own of the last boot again. */
START_TEST(a_domain_that_is_being_built)
{
    static const uint8_t zeros[16];

    fake.domains[TENANT].refusal = CLOISTER_REASON_DOMAIN_BUILDING;
    MUST_SAY(zeros, NONE);
    MUST_SAY(nobody_s, NONE);
    MUST_SAY(other, NONE);
    fake.domains[TENANT].refusal = CLOISTER_REASON_DOMAIN_KIND; /* any other reason is none */
    MUST_SAY(other, DOMAIN_UUID);
}
END_TEST

START_TEST(enclaves_live)
{
    uint64_t handle[2];
    uint32_t id = scene_ready(scene_image(), TENANT, handle);

    MUST_SAY(nobody_s, ENCLAVES_LIVE);
    MUST_SAY(other, ENCLAVES_LIVE);
    MUST_SAY(own, NONE); /* it changes nothing */
    ck_assert_int_eq(do_destroy(id), 0);
    MUST_SAY(nobody_s, NONE);
}
END_TEST

START_TEST(one_is_being_built)
{
    scene_building(scene_image(), TENANT);
    MUST_SAY(nobody_s, ENCLAVES_LIVE);
}
END_TEST

static void ask_meanwhile(void)
{
    fake.asked = NULL;
    MUST_SAY(nobody_s, ENCLAVES_LIVE);
}

START_TEST(one_is_being_created)
{
    uint32_t id;

    fake.asked = ask_meanwhile;
    ck_assert_int_eq(do_create(scene_image(), TENANT, &id), 0);
    ck_assert_ptr_null(fake.asked);
}
END_TEST

START_TEST(another_s_enclaves)
{
    uint64_t handle[2];

    scene_ready(scene_image(), OTHER_TENANT, handle);
    MUST_SAY(nobody_s, NONE);
    MUST_SAY(other, DOMAIN_UUID);
}
END_TEST

START_TEST(the_list_is_locked_until_it_is_put)
{
    struct tenant *got = tenant_get(TENANT);

    ck_assert_ptr_nonnull(got);
    tenant_put(got);
}
END_TEST

/* Dies by SIGABRT: a lock that is asked for was not taken, or was given back. */
START_TEST(what_was_never_got_is_put)
{
    tenant_put(NULL);
}
END_TEST

START_TEST(what_was_got_is_put_twice)
{
    struct tenant *got = tenant_get(TENANT);

    tenant_put(got);
    tenant_put(got);
}
END_TEST

START_TEST(another_lock_is_held)
{
    static struct host_lock held, other;

    host_lock_init(&held);
    host_lock_init(&other);
    host_lock(&held);
    host_lock_expect(&held);
    host_lock_expect(&other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tenant");
    TCase *cases = suite_case(suite, "the UUID of a domain", 60);

    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_test(cases, a_domain_without_enclaves);
    tcase_add_test(cases, the_uuid_of_a_domain_that_dies);
    tcase_add_test(cases, a_uuid_that_differs_in_one_bit);
    tcase_add_test(cases, a_domain_that_is_being_built);
    tcase_add_test(cases, enclaves_live);
    tcase_add_test(cases, one_is_being_built);
    tcase_add_test(cases, one_is_being_created);
    tcase_add_test(cases, another_s_enclaves);
    tcase_add_test(cases, the_list_is_locked_until_it_is_put);
    tcase_add_test_raise_signal(cases, what_was_never_got_is_put, SIGABRT);
    tcase_add_test_raise_signal(cases, what_was_got_is_put_twice, SIGABRT);
    tcase_add_test_raise_signal(cases, another_lock_is_held, SIGABRT);
    return suite_run(suite);
}
