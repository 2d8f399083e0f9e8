/* SPDX-License-Identifier: MIT */
/* Enclave numbers at the end of their range: the source itself, to set the counter. */
#include "core/enclave.c"

#include "scene.h"
#include "suite.h"

START_TEST(numbers_end_and_do_not_start_again)
{
    scene_start();
    const struct image *image = scene_image();
    uint32_t id;
    uint32_t none;

    enclaves.next_id = UINT32_MAX - 2;
    ck_assert_int_eq(do_create(image, TENANT, &id), 0);
    ck_assert_uint_eq(id, UINT32_MAX - 2);
    ck_assert_int_eq(do_create(image, TENANT, &id), 0);
    ck_assert_uint_eq(id, UINT32_MAX - 1);
    for (int i = 0; i < 3; i++) {
        struct cloister_create op = create_arg(image, TENANT);
        REFUSES(CLOISTER_OP_CREATE, op, -ENOSPC, TOO_MANY_ENCLAVES);
        ck_assert_uint_eq(op.enclave, 0);
    }
    /* The last one is listed, once, and can go. */
    struct cloister_list list = {.start = id, .capacity = 4, .buffer = fake_user_put(NULL, 1024)};
    ck_assert_int_eq(control(CLOISTER_OP_LIST, &list, sizeof(list)), 0);
    ck_assert_uint_eq(list.count, 1);
    ck_assert_int_eq(do_destroy(id), 0);
    ck_assert_int_eq(do_create(image, TENANT, &none), -ENOSPC);
    ck_assert_int_eq(do_destroy(UINT32_MAX - 2), 0);
    scene_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ids");
    TCase *cases = suite_case(suite, "ids", 60);

    tcase_add_test(cases, numbers_end_and_do_not_start_again);
    return suite_run(suite);
}
