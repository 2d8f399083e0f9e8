/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/jsonbytes.h"
#include "../suite.h"

START_TEST(round_trip)
{
    uint8_t data[300], back[300];
    size_t size = 999;

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t length = 0; length <= sizeof(data); length++) {
        json_object *text = json_bytes_new(data, length);

        ck_assert_int_eq(json_bytes_read(json_object_get_string(text), back, length, &size), 0);
        ck_assert_uint_eq(size, length);
        ck_assert_int_eq(memcmp(back, data, length), 0);
        if (length)
            ck_assert_int_eq(json_bytes_read(json_object_get_string(text), back, length - 1, &size),
                             -EINVAL);
        json_object_put(text);
    }
}
END_TEST

/* RFC 4648, 10. */
START_TEST(known)
{
    json_object *text = json_bytes_new("fooba", 5);

    ck_assert_str_eq(json_object_get_string(text), "Zm9vYmE=");
    json_object_put(text);
}
END_TEST

static const char *const wrong[] = {"Z",    "Zm",       "Zm9",   "Zm9v ",       " Zm9v",  "Zm9v\n",
                                    "====", "Z===",     "Zm=v",  "=m9v",        "Zm9vZg", "Zm9-",
                                    "Zm9_", "Zm9vZ#==", "Zm9v=", "Zm9vZg==Zg=="};

START_TEST(refused)
{
    uint8_t data[64];
    size_t size;

    ck_assert_msg(json_bytes_read(wrong[_i], data, sizeof(data), &size) == -EINVAL, "'%s'",
                  wrong[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jsonbytes");
    TCase *tests = tcase_create("base64");

    tcase_add_test(tests, round_trip);
    tcase_add_test(tests, known);
    tcase_add_loop_test(tests, refused, 0, sizeof(wrong) / sizeof(wrong[0]));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
