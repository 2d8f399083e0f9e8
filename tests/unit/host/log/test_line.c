/* SPDX-License-Identifier: MIT */
/* JSON members out of anything. */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "log/line.h"
#include "../../suite.h"

static char text[4096];
static struct line line;

static void setup(void)
{
    line = (struct line){.text = text, .capacity = sizeof(text)};
}

static void expect(const char *expected)
{
    ck_assert(!line.overflow);
    ck_assert_uint_eq(line.used, strlen(expected));
    ck_assert_mem_eq(line.text, expected, line.used);
}

START_TEST(values)
{
    line_number(&line, "a", UINT64_MAX);
    line_signed(&line, "b", -5);
    line_boolean(&line, "c", true);
    line_address(&line, "d", 0xabc);
    line_identifier(&line, "e", 0xabc);
    line_bytes(&line, "f", (const uint8_t *)"\x01\xff", 2);
    line_numbers(&line, "g", (const uint64_t[]){1, 2, 3}, 3);
    line_numbers(&line, "h", NULL, 0);
    expect(",\"a\":18446744073709551615,\"b\":-5,\"c\":true,\"d\":\"0xabc\","
           "\"e\":\"0000000000000abc\",\"f\":\"01ff\",\"g\":[1,2,3],\"h\":[]");
}
END_TEST

START_TEST(escapes)
{
    line_text(&line, "a", "q\" b\\ n\n t\t d\x7f e\x1b");
    expect(",\"a\":\"q\\\" b\\\\ n\\u000a t\\u0009 d\\u007f e\\u001b\"");
}
END_TEST

START_TEST(utf8)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\xe2\x82\xac", "\xe2\x82\xac"},
        {"\xf0\x9f\x94\x92", "\xf0\x9f\x94\x92"},
        {"\xff", "\\ufffd"},
        {"\xc3", "\\ufffd"}, /* cut off */
        {"\xe2\x82", "\\ufffd\\ufffd"},
        {"\xc0\xaf", "\\ufffd\\ufffd"}, /* overlong '/' */
        {"\xe0\x80\xaf", "\\ufffd\\ufffd\\ufffd"},
        {"\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"}, /* surrogate */
        {"\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},
        {"a\x80z", "a\\ufffdz"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char expected[128];

        setup();
        line_text(&line, "t", cases[i].in);
        snprintf(expected, sizeof(expected), ",\"t\":\"%s\"", cases[i].out);
        expect(expected);
    }
}
END_TEST

START_TEST(bounded)
{
    line_text_bounded(&line, "a", "abcdef", 3);
    line_text_bounded(&line, "b", "ab", 50);
    line_text_bounded(&line, "c", "\xe2\x82\xac", 2);
    expect(",\"a\":\"abc\",\"b\":\"ab\",\"c\":\"\\ufffd\\ufffd\"");
}
END_TEST

START_TEST(overflow_is_marked)
{
    for (size_t capacity = 0; capacity < 30; capacity++) {
        line = (struct line){.text = text, .capacity = capacity};
        line_text(&line, "key", "0123456789012345678901234567890");
        ck_assert(line.overflow);
        ck_assert_uint_le(line.used, capacity);
        line_number(&line, "n", 1);
        ck_assert(line.overflow);
    }
}
END_TEST

/* Whatever bytes come in: what comes out is JSON. */
START_TEST(always_json)
{
    unsigned long long state = 5;

    for (unsigned int round = 0; round < 20000; round++) {
        char value[32];
        size_t size = next_random(&state) % sizeof(value);

        for (size_t i = 0; i < size; i++)
            value[i] = (char)next_random(&state);
        setup();
        line_raw(&line, "{\"x\":0", 6);
        line_text_bounded(&line, "v", value, size);
        line_raw(&line, "}", 2);
        json_tokener *tokener = json_tokener_new();
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        json_object *object = json_tokener_parse_ex(tokener, text, (int)line.used);
        ck_assert_msg(object != NULL, "%s", text);
        json_object_put(object);
        json_tokener_free(tokener);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("line");
    TCase *tests = tcase_create("members");

    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, values);
    tcase_add_test(tests, escapes);
    tcase_add_test(tests, utf8);
    tcase_add_test(tests, bounded);
    tcase_add_test(tests, overflow_is_marked);
    tcase_add_test(tests, always_json);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
