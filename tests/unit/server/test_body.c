/* SPDX-License-Identifier: MIT */
/* The members of requests, and paths. */
#include <stdlib.h>
#include <string.h>

#include "server/body.h"
#include "server/route.h"
#include "../suite.h"

static const struct field fields[] = {
    {"text", FIELD_TEXT, false, 1, 4},
    {"bytes", FIELD_BASE64, false, 1, 4},
    {"hex", FIELD_HEX, true, 2, 2},
    {"number", FIELD_NUMBER, true, 10, 20},
};

#define GOOD "\"text\": \"ab\", \"bytes\": \"AQI=\""

static bool parse(const char *text, struct body *body, char *why)
{
    size_t size = strlen(text);
    char *exact = malloc(size ? size : 1); /* so that a byte too many is noticed */
    bool good;

    memcpy(exact, text, size);
    good = body_parse(exact, size, body, fields, 4, why, 256);
    free(exact);
    return good;
}

START_TEST(taken)
{
    struct body body;
    char why[256];

    ck_assert(parse("{" GOOD ", \"hex\": \"00ff\", \"number\": 20}", &body, why));
    ck_assert_str_eq(body.fields[0].text, "ab");
    ck_assert_uint_eq(body.fields[1].bytes.size, 2);
    ck_assert_mem_eq(body.fields[1].bytes.data, "\1\2", 2);
    ck_assert_mem_eq(body.fields[2].bytes.data, "\0\xff", 2);
    ck_assert_int_eq(body.fields[3].number, 20);
    body_release(&body);
    ck_assert(parse("{" GOOD ", \"hex\": null}", &body, why));
    ck_assert(!body.fields[2].given && !body.fields[3].given);
    body_release(&body);
}
END_TEST

static const struct {
    const char *text, *why;
} wrong[] = {
    {"", "no JSON"},
    {"{", "no JSON"},
    {"[]", "an object"},
    {"null", "no JSON"},
    {"1", "no JSON"},
    {"{}", "missing"},
    {"{\"text\": \"ab\"}", "bytes: it is missing"},
    {"{" GOOD ", \"text\": \"ab\"}", "twice"},
    {"{" GOOD ", \"x\": 1}", "no member 'x'"},
    {"{" GOOD "} x", "no JSON"},
    {"{\"text\": \"\", \"bytes\": \"AQ==\"}", "text: 1 to 4"},
    {"{\"text\": \"abcde\", \"bytes\": \"AQ==\"}", "text: 1 to 4"},
    {"{\"text\": \"a\\u0000\", \"bytes\": \"AQ==\"}", "text: a zero byte"},
    {"{\"text\": \"a\\n\", \"bytes\": \"AQ==\"}", "text: 1 to 4"},
    {"{\"text\": \"\\u00e4\", \"bytes\": \"AQ==\"}", "text: 1 to 4"},
    {"{\"text\": 1, \"bytes\": \"AQ==\"}", "text: a text expected, not int"},
    {"{\"text\": null, \"bytes\": \"AQ==\"}", "text: a text expected"},
    {"{\"text\": \"a\", \"bytes\": \"\"}", "bytes: 1 to 4 bytes"},
    {"{\"text\": \"a\", \"bytes\": \"AQIDBAU=\"}", "bytes: 1 to 4 bytes"},
    {"{\"text\": \"a\", \"bytes\": \"AQIDBAUGBwgJAAAAAAAAAAAA\"}", "bytes: 1 to 4 bytes"},
    {"{\"text\": \"a\", \"bytes\": \"AQ\"}", "bytes: 1 to 4 bytes"},
    {"{\"text\": \"a\", \"bytes\": [1]}", "bytes: a text expected, not array"},
    {"{" GOOD ", \"hex\": \"00FF\"}", "hex: 2 to 2"},
    {"{" GOOD ", \"hex\": \"00f\"}", "hex: 2 to 2"},
    {"{" GOOD ", \"hex\": \"\"}", "hex: 2 to 2"},
    {"{" GOOD ", \"hex\": \"00\"}", "hex: 2 to 2"},
    {"{" GOOD ", \"hex\": \"00fg\"}", "hex: 2 to 2"},
    {"{" GOOD ", \"hex\": \"0000ff\"}", "hex: 2 to 2"},
    {"{" GOOD ", \"hex\": \"00\\u0000\\u0000\"}", "hex: a zero byte"},
    {"{" GOOD ", \"number\": 9}", "number: 10 to 20"},
    {"{" GOOD ", \"number\": 21}", "number: 10 to 20"},
    {"{" GOOD ", \"number\": -10}", "number: 10 to 20"},
    {"{" GOOD ", \"number\": 99999999999999999999}", "number: a whole number beyond 64 bits"},
    {"{" GOOD ", \"number\": 1.5e1}", "a whole number"},
    {"{" GOOD ", \"number\": \"15\"}", "a whole number"},
    {"{" GOOD ", \"number\": true}", "a whole number"},
};

START_TEST(refused)
{
    struct body body;
    char why[256] = "";

    ck_assert(!parse(wrong[_i].text, &body, why));
    ck_assert_msg(strstr(why, wrong[_i].why) != NULL, "%s: %s", wrong[_i].text, why);
}
END_TEST

START_TEST(every_prefix)
{
    static const char whole[] = "{" GOOD ", \"hex\": \"00ff\", \"number\": 20}";
    char text[sizeof(whole)] = "", why[256];
    struct body body;

    for (size_t size = 0; size < sizeof(whole) - 1; size++) {
        memcpy(text, whole, size);
        ck_assert(!parse(text, &body, why));
    }
}
END_TEST

START_TEST(routes)
{
    static const struct {
        enum route_method method;
        const char *path, *argument;
        bool found, other;
    } cases[] = {
        {ROUTE_POST, "/v1/attest", "", true, false},
        {ROUTE_GET, "/v1/attest/0a", "0a", true, false},
        {ROUTE_POST, "/v1/hosts/enrol", "", true, false},
        {ROUTE_GET, "/v1/hosts/x-._Y9", "x-._Y9", true, false},
        {ROUTE_GET, "/v1/attest", "", false, true},
        {ROUTE_PUT, "/v1/hosts/x", "x", false, true},
        {ROUTE_GET, "/v1/hosts/", "", false, false},
        {ROUTE_GET, "/v1/hosts/a/b", "", false, false},
        {ROUTE_GET, "/v1/hosts/a b", "", false, false},
        {ROUTE_GET, "/v1/hosts/%61", "", false, false},
        {ROUTE_GET, "/v1/policies/../x", "", false, false},
        {ROUTE_GET, "", "", false, false},
        {ROUTE_GET, "/v1/health?", "", false, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct request *request = request_new();
        char allow[ROUTE_ALLOW];
        bool other;

        ck_assert_msg((route_find(cases[i].method, cases[i].path, request, &other, allow) !=
                       NULL) == cases[i].found,
                      "%s", cases[i].path);
        ck_assert_msg(other == cases[i].other || cases[i].found, "%s", cases[i].path);
        ck_assert_str_eq(request->argument, cases[i].argument);
        request_free(request);
    }
}
END_TEST

START_TEST(longest_argument)
{
    char path[128] = "/v1/policies/";
    struct request *request = request_new();
    char allow[ROUTE_ALLOW];
    bool other;

    memset(path + 13, 'x', 65);
    ck_assert_ptr_null(route_find(ROUTE_GET, path, request, &other, allow));
    path[13 + 64] = 0;
    ck_assert_ptr_nonnull(route_find(ROUTE_GET, path, request, &other, allow));
    ck_assert_uint_eq(strlen(request->argument), 64);
    request_free(request);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("body");
    TCase *tcase = tcase_create("body");

    tcase_add_test(tcase, taken);
    tcase_add_loop_test(tcase, refused, 0, sizeof(wrong) / sizeof(wrong[0]));
    tcase_add_test(tcase, every_prefix);
    tcase_add_test(tcase, routes);
    tcase_add_test(tcase, longest_argument);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
