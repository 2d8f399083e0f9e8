/* SPDX-License-Identifier: MIT */
/* JSON of others: what json-c takes, and nobody may believe. tests/unit/attest/test_json.c has more texts. */
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../suite.h"

static char why[200];

static json_object *read_bytes(const char *text, size_t size)
{
    char *exact = malloc(size ? size : 1); /* whoever reads beyond its end is seen */
    json_object *document = (json_object *)why;

    memcpy(exact, text, size);
    why[0] = 0;
    int rc = json_read(exact, size, &document, why, sizeof(why));
    ck_assert_int_eq(rc, document ? 0 : -EINVAL);
    ck_assert_int_eq(why[0] != 0, rc != 0);
    free(exact);
    return document;
}

#define BYTES(text) text, sizeof(text) - 1

static const struct {
    const char *bytes;
    size_t size;
    const char *says;
} refused[] = {
    {BYTES(""), "ends too early, at byte 0"},
    {BYTES("{\"a\":1"), "ends too early, at byte 6"},
    {BYTES("[]"), "an object expected"},
    {BYTES("7"), "no JSON: it ends too early"}, /* (it could go on) */
    {BYTES("{\"a\":1}x"), "no JSON"},
    {BYTES("{\"a\":1}\0"), "something follows"},
    {BYTES("{\"a\":\"\0\"}"), "no JSON"},
    {BYTES("{\"a\":\"\\u0000\"}"), "a: a zero byte in a text or name, byte 6"},
    {BYTES("{\"\\u0000\":1}"), "a zero byte in a text or name"},
    {BYTES("{\"a\":[[\"b\\u0000\"]]}"), "a zero byte in a text or name"},
    {BYTES("{\"a\":18446744073709551616}"), "a: a whole number beyond 64 bits"},
    {BYTES("{\"a\":-9223372036854775809}"), "a: a whole number beyond 64 bits"},
    {BYTES("{\"a\":[1,184467440737095516160]}"), "a: a whole number beyond 64 bits"},
    {BYTES("{\"a\":1,\"a\":2}"), "a member occurs twice"},
    {BYTES("{\"a\":{\"b\":1,\"b\":1}}"), "a member occurs twice"},
    {BYTES("{'a':1}"), "an apostrophe"},
    {BYTES("{\"a\":\"\x01\"}"), "no JSON"},
    {BYTES("{\"a\":\"\xc3\"}"), "no JSON"},
    {BYTES("{\"a\":[[[[[[[[1]]]]]]]]}"), "no JSON"},
};

START_TEST(not_taken)
{
    ck_assert_ptr_null(read_bytes(refused[_i].bytes, refused[_i].size));
    ck_assert_msg(strstr(why, refused[_i].says), "'%s' does not say '%s'", why, refused[_i].says);
}
END_TEST

START_TEST(taken)
{
    static const char *const texts[] = {
        "{}",
        " {\t\"a\" : [ 1, 2.5, -3e2, true, null, \"b\" ] }\r\n",
        "{\"a\":\"\\\\u0000\",\"b\":{\"a\":18446744073709551615,\"b\":-9223372036854775808}}",
        "{\"a\":\"\\u0001\xc3\xbc\"}",
        "{\"a\":[[[[[[1]]]]]]}",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        json_object *document = read_bytes(texts[i], strlen(texts[i]));

        ck_assert_msg(document, "%s: %s", texts[i], why);
        json_object_put(document);
    }
}
END_TEST

START_TEST(numbers)
{
    static const struct {
        const char *text;
        bool whole, whole_signed;
        uint64_t value;
    } cases[] = {
        {"{\"a\":0}", true, true, 0},
        {"{\"a\":9223372036854775807}", true, true, INT64_MAX},
        {"{\"a\":9223372036854775808}", true, false, UINT64_C(1) << 63},
        {"{\"a\":18446744073709551615}", true, false, UINT64_MAX},
        {"{\"a\":-1}", false, true, (uint64_t)-1},
        {"{\"a\":1.0}", false, false, 0},
        {"{\"a\":1e3}", false, false, 0},
        {"{\"a\":\"1\"}", false, false, 0},
        {"{\"a\":true}", false, false, 0},
        {"{\"a\":null}", false, false, 0},
        {"{\"b\":1}", false, false, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_object *document = read_bytes(cases[i].text, strlen(cases[i].text));
        json_object *member = json_member(document, "a");
        uint64_t number = 77;
        int64_t whole;

        ck_assert_msg(json_unsigned(member, 0, UINT64_MAX, &number) == cases[i].whole, "%s",
                      cases[i].text);
        ck_assert_uint_eq(number, cases[i].whole ? cases[i].value : 77);
        ck_assert_msg(json_whole(member, &whole) == cases[i].whole_signed, "%s", cases[i].text);
        if (cases[i].whole_signed)
            ck_assert_int_eq(whole, (int64_t)cases[i].value);
        json_object_put(document);
    }
}
END_TEST

START_TEST(ranges)
{
    json_object *number = json_object_new_int64(7);
    uint64_t found = 0;

    ck_assert(json_unsigned(number, 7, 7, &found));
    ck_assert_uint_eq(found, 7);
    ck_assert(!json_unsigned(number, 8, 9, &found));
    ck_assert(!json_unsigned(number, 0, 6, &found));
    json_object_put(number);
}
END_TEST

START_TEST(members)
{
    json_object *document = read_bytes(BYTES("{\"t\":\"x\",\"y\":true,\"n\":null,\"f\":false}"));
    json_object *list = json_object_new_array();

    ck_assert_str_eq(json_member_text(document, "t"), "x");
    ck_assert(json_member_true(document, "y"));
    ck_assert_ptr_null(json_member_text(document, "y"));
    ck_assert_ptr_null(json_member_text(document, "n"));
    ck_assert_ptr_null(json_member_text(document, "none"));
    ck_assert(!json_member_true(document, "t"));
    ck_assert(!json_member_true(document, "f"));
    ck_assert(!json_member_true(document, "none"));
    ck_assert_ptr_null(json_member(list, "t"));
    ck_assert_ptr_null(json_member(NULL, "t"));
    json_object_put(list);
    json_object_put(document);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base json");
    TCase *tcase = tcase_create("json");

    tcase_add_loop_test(tcase, not_taken, 0, sizeof(refused) / sizeof(refused[0]));
    tcase_add_test(tcase, taken);
    tcase_add_test(tcase, numbers);
    tcase_add_test(tcase, ranges);
    tcase_add_test(tcase, members);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
