/* SPDX-License-Identifier: MIT */
/* JSON: what json-c takes, and nobody may believe. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verify/json.h"
#include "../suite.h"

static char why[200];

static json_object *parse_bytes(const char *text, size_t size)
{
    struct json_reader in = {.why = why, .why_size = sizeof(why)};
    char *exact = malloc(size ? size : 1); /* whoever reads beyond its end is seen */
    json_object *document;

    memcpy(exact, text, size);
    why[0] = 0;
    document = json_document(&in, exact, size);
    ck_assert_int_eq(in.rc, document ? 0 : -EINVAL);
    free(exact);
    return document;
}

static json_object *parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static void refused(const char *text, const char *says)
{
    ck_assert_msg(!parse(text), "taken: %s", text);
    ck_assert_msg(strstr(why, says), "'%s' does not say '%s'", why, says);
}

static void taken(const char *text)
{
    json_object *document = parse(text);

    ck_assert_msg(document, "%s: %s", text, why);
    json_object_put(document);
}

static const struct {
    const char *text, *says;
} zeros[] = {
    {"{\"aud\": \"here\\u0000there\"}", "aud: a zero byte in a text or name, byte 13"},
    {"{\"aud\": \"\\u0000\"}", "aud: a zero byte"},
    {"{\"aud\": \"ends\\u0000\"}", "aud: a zero byte"},
    {"{\"name\\u0000x\": 1}", "a zero byte"},
    {"{\"\\u0000\": 1}", "a zero byte"},
    {"{\"list\": [\"a\", \"b\", \"c\\u0000\"]}", "list: a zero byte"},
    {"{\"a\": {\"b\": {\"c\": \"\\u0000d\"}}}", "c: a zero byte"},
    {"{\"a\": \"\\\\\\u0000\"}", "a: a zero byte"},
    {"{\"a\": \"\\\"\\u0000\"}", "a: a zero byte"},
    {"{\"a\": \"\\u00e4\\u0000\"}", "a: a zero byte"},
};

START_TEST(zero_bytes)
{
    refused(zeros[_i].text, zeros[_i].says);
}
END_TEST

START_TEST(no_zero_bytes)
{
    taken("{\"a\": \"\\\\u0000\"}"); /* a backslash, then letters */
    taken("{\"a\": \"\\u0001\", \"b\": \"u0000\", \"u0000\": 0}");
}
END_TEST

START_TEST(raw_bytes)
{
    static const char raw[] = "{\"a\": \"b\0c\"}", name[] = "{\"a\0\": 1}",
                      behind[] = "{\"a\": 1}\0";

    ck_assert_ptr_null(parse_bytes(raw, sizeof(raw) - 1));
    ck_assert_ptr_null(parse_bytes(name, sizeof(name) - 1));
    ck_assert_ptr_null(parse_bytes(behind, sizeof(behind) - 1));
    refused("{\"a\": \"b\nc\"}", "control character");
    refused("{\"a\": \"b\tc\"}", "control character");
    refused("{\"a\x1f\": 1}", "control character");
    taken("{\"a\": \"b\\nc\\t\"}");
    taken("{\n\t\"a\":\r\n 1 }\n");
}
END_TEST

static const struct {
    const char *number;
    bool good;
} numbers[] = {
    {"0", true},
    {"-1", true},
    {"9223372036854775807", true},
    {"9223372036854775808", true},
    {"18446744073709551615", true},
    {"-9223372036854775808", true},
    {"18446744073709551616", false},
    {"18446744073709551617", false},
    {"20000000000000000000", false},
    {"-9223372036854775809", false},
    {"-18446744073709551616", false},
    {"340282366920938463463374607431768211456", false},
    {"99999999999999999999999999999999999999999999999999999999999999999999999999", false},
};

START_TEST(whole_numbers)
{
    static const char *const places[] = {"{\"n\": %s}", "{\"a\": [1, %s]}", "{\"a\": {\"n\":%s}}"};
    char text[160];

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(text, sizeof(text), places[i], numbers[_i].number);
        if (numbers[_i].good) {
            taken(text);
        } else {
            refused(text, "a whole number beyond 64 bits");
        }
    }
}
END_TEST

/* Digits in texts are no numbers, and what is no whole number is of another type. */
START_TEST(other_numbers)
{
    taken("{\"a\": \"18446744073709551616\", \"18446744073709551616\": 2}");
    taken("{\"a\": 1.5, \"b\": 1e30, \"c\": 18446744073709551616.0, \"d\": -2E-3}");
}
END_TEST

START_TEST(checked_number)
{
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } cases[] = {
        {"{\"n\": 9223372036854775807}", true, INT64_MAX},
        {"{\"n\": 9223372036854775808}", false, 0},
        {"{\"n\": 18446744073709551615}", false, 0},
        {"{\"n\": -9223372036854775808}", true, INT64_MIN},
        {"{\"n\": 1.0}", false, 0},
        {"{\"n\": \"1\"}", false, 0},
        {"{\"n\": true}", false, 0},
        {"{\"n\": null}", false, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_object *document = parse(cases[i].text), *value;
        int64_t number;

        ck_assert_ptr_nonnull(document);
        ck_assert(json_object_object_get_ex(document, "n", &value));
        ck_assert_msg(json_whole(value, &number) == cases[i].good, "%s", cases[i].text);
        ck_assert(!cases[i].good || number == cases[i].value);
        json_object_put(document);
    }
}
END_TEST

/* A policy's number: the reader refuses what is greater than it may be, by its own digits. */
START_TEST(ranged_number)
{
    json_object *document = parse("{\"n\": 18446744073709551615}");
    struct json_reader in = {.why = why, .why_size = sizeof(why)};
    uint32_t number = 7;

    json_number(&in, "n", json_object_object_get(document, "n"), 0, UINT32_MAX, &number);
    ck_assert_int_eq(in.rc, -EINVAL);
    ck_assert_uint_eq(number, 7);
    ck_assert_str_eq(why, "n: 0..4294967295 expected, not 18446744073709551615");
    json_object_put(document);
}
END_TEST

START_TEST(ends_early)
{
    static const char whole[] = "{\"keys\": [{\"kty\": \"EC\", \"n\": -12, \"t\": true}]}";
    char says[64];

    for (size_t size = 0; size < sizeof(whole) - 1; size++) {
        ck_assert_ptr_null(parse_bytes(whole, size));
        snprintf(says, sizeof(says), "ends too early, at byte %zu", size);
        ck_assert_msg(strstr(why, says), "%zu: %s", size, why);
    }
    taken(whole);
}
END_TEST

START_TEST(other_refusals)
{
    refused("[]", "an object expected");
    refused("{}{", "unexpected character");
    refused("{'a': 1}", "apostrophe");
    refused("{\"a\": 1, \"a\": 2}", "a member occurs twice");
    refused("{\"a\": {\"b\": 1, \"b\": 1}}", "a member occurs twice");
    refused("{\"a\" 1}", "no JSON, byte 5");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *tcase = tcase_create("json");

    tcase_add_loop_test(tcase, zero_bytes, 0, sizeof(zeros) / sizeof(zeros[0]));
    tcase_add_test(tcase, no_zero_bytes);
    tcase_add_test(tcase, raw_bytes);
    tcase_add_loop_test(tcase, whole_numbers, 0, sizeof(numbers) / sizeof(numbers[0]));
    tcase_add_test(tcase, other_numbers);
    tcase_add_test(tcase, checked_number);
    tcase_add_test(tcase, ranged_number);
    tcase_add_test(tcase, ends_early);
    tcase_add_test(tcase, other_refusals);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
