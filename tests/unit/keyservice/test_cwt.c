/* SPDX-License-Identifier: MIT */
/* CWTs: each step refuses what it must, and says so. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../suite.h"
#include "cwts.h"

static struct issuer issuers[2];
static struct cloister_token_keys *keys;
static struct cloister_token_expectation expectation;
static struct cloister_token_refusal why;
static uint8_t token[CWT_ROOM], claims_bytes[CWT_ROOM], header[300];
static size_t size, claims_size, header_size;

static void setup(void)
{
    char *jwks;

    issuer_make(&issuers[0], "first");
    issuer_make(&issuers[1], "first"); /* another key by the same name: not in the set */
    jwks = issuer_jwks(issuers, 1);
    ck_assert_int_eq(cloister_token_keys_parse(jwks, strlen(jwks), &keys, NULL, 0), 0);
    free(jwks);
    expectation = expectation_make();
    header_size = cwt_header("first", header);
    claims_size = cwt_claims(claims_make(), claims_bytes);
}

static void teardown(void)
{
    cloister_token_keys_free(keys);
    EVP_PKEY_free(issuers[0].key);
    EVP_PKEY_free(issuers[1].key);
}

static void sign_token(void)
{
    size = cwt_sign(&issuers[0], header, header_size, claims_bytes, claims_size, token);
}

/* In memory of its exact size: whoever reads beyond its end is seen. */
static int judge(const uint8_t *bytes, size_t count)
{
    uint8_t *exact = malloc(count ? count : 1);
    int rc;

    memcpy(exact, bytes, count);
    rc = cloister_token_verify_cwt(exact, count, keys, &expectation, &why);
    free(exact);
    return rc;
}

static void accepted(void)
{
    sign_token();
    ck_assert_msg(judge(token, size) == 0, "%s: %s, not %s", cloister_token_refusal_name(why.code),
                  why.found, why.expected);
}

static void refused(enum cloister_token_refusal_code code)
{
    sign_token();
    ck_assert_int_eq(judge(token, size), -EACCES);
    ck_assert_msg(why.code == code, "%s (%s), not %s", cloister_token_refusal_name(why.code),
                  why.found, cloister_token_refusal_name(code));
}

static void claims_refused(json_object *claims, enum cloister_token_refusal_code code)
{
    claims_size = cwt_claims(claims, claims_bytes);
    refused(code);
}

/* These bytes as claims, or as the header. */
static void put(uint8_t *place, size_t *place_size, const void *bytes, size_t count)
{
    memcpy(place, bytes, count);
    *place_size = count;
}

START_TEST(good)
{
    uint8_t tagged[CWT_ROOM + 2] = {0xd8, 0x3d};

    accepted();
    memcpy(tagged + 2, token, size);
    ck_assert_int_eq(judge(tagged, size + 2), 0);
    expectation.author = NULL;
    accepted();
    put(header, &header_size,
        "\xa3\x01\x26\x04\x45"
        "first\x10\x63"
        "cwt",
        15);
    accepted(); /* with a media type */
}
END_TEST

/* RFC 9596: what kind of token it is, as a CoAP content format or a media type. */
START_TEST(types)
{
    static const struct {
        const char *type;
        size_t size;
        bool good;
    } cases[] = {
        {"\x19\x01\x07", 3, true}, /* 263: application/eat+cwt */
        {"\x18\x3d", 2, true},     /* 61: application/cwt */
        {"\x67"
         "EAT+cwt",
         8, true},
        {"\x19\x01\x08", 3, false}, /* 264: application/eat+jwt */
        {"\x10", 1, false},         /* 16 */
        {"\x20", 1, false},         /* -1 */
        {"\x67"
         "eat+jwt",
         8, false},
        {"\x60", 1, false}, /* nothing */
        {"\x43"
         "cwt",
         4, false}, /* bytes */
        {"\x80", 1, false},
        {"\xf5", 1, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put(header, &header_size,
            "\xa3\x01\x26\x04\x45"
            "first\x10",
            11);
        memcpy(header + header_size, cases[i].type, cases[i].size);
        header_size += cases[i].size;
        if (cases[i].good) {
            accepted();
        } else {
            refused(CLOISTER_TOKEN_TYPE);
        }
    }
}
END_TEST

START_TEST(each_byte_counts)
{
    sign_token();
    for (size_t i = 0; i < size; i++) {
        ck_assert_int_eq(judge(token, i), -EACCES);
        for (int bit = 0; bit < 8; bit += 3) {
            token[i] ^= (uint8_t)(1 << bit);
            ck_assert_msg(judge(token, size) == -EACCES, "byte %zu", i);
            token[i] ^= (uint8_t)(1 << bit);
        }
    }
    token[size] = 0;
    ck_assert_int_eq(judge(token, size + 1), -EACCES);
    ck_assert_int_eq(judge(token, size), 0);
}
END_TEST

static const struct {
    const char *bytes;
    size_t size;
    enum cloister_token_refusal_code code;
} headers[] = {
#define HEADER(text, code)                                                                         \
    {                                                                                              \
        text, sizeof(text) - 1, CLOISTER_TOKEN_##code                                              \
    }
    HEADER("\xa1\x01\x26", KEY_UNKNOWN),
    HEADER("\xa2\x01\x26\x04\x45"
           "third",
           KEY_UNKNOWN),
    HEADER("\xa2\x01\x26\x04\x65"
           "first",
           KEY_UNKNOWN), /* as text, its letters are no hexadecimal */
    HEADER("\xa2\x01\x26\x04\x46"
           "first\0",
           KEY_UNKNOWN),
    HEADER("\xa2\x01\x26\x04\x46"
           "\0first",
           KEY_UNKNOWN),
    HEADER("\xa1\x04\x45"
           "first",
           ALGORITHM),
    HEADER("\xa2\x01\x07\x04\x45"
           "first",
           ALGORITHM),
    HEADER("\xa2\x01\x38\x22\x04\x45"
           "first",
           ALGORITHM), /* ES384 */
    HEADER("\xa2\x01\x65"
           "ES256\x04\x45"
           "first",
           ALGORITHM), /* as text */
    HEADER("\xa3\x01\x26\x02\x81\x01\x04\x45"
           "first",
           ALGORITHM),
    HEADER("\xa3\x01\x26\x01\x26\x04\x45"
           "first",
           MALFORMED),
    HEADER("\xa2\x01\x38\x06\x04\x45"
           "first",
           MALFORMED), /* -7 with a longer head */
    HEADER("\xa2\x01\x26\x04\x45"
           "first\x00",
           MALFORMED),
    HEADER("\xbf\x01\x26\x04\x45"
           "first\xff",
           MALFORMED),
    HEADER("\x82\x01\x26", MALFORMED),
    HEADER("\x40", MALFORMED),
#undef HEADER
};

START_TEST(header_cases)
{
    put(header, &header_size, headers[_i].bytes, headers[_i].size);
    refused(headers[_i].code);
}
END_TEST

START_TEST(signature)
{
    size = cwt_sign(&issuers[1], header, header_size, claims_bytes, claims_size, token);
    ck_assert_int_eq(judge(token, size), -EACCES);
    ck_assert_int_eq(why.code, CLOISTER_TOKEN_SIGNATURE_WRONG);
}
END_TEST

static const struct {
    const char *bytes;
    size_t size;
    const char *says;
} contents[] = {
#define CONTENT(text, says)                                                                        \
    {                                                                                              \
        text, sizeof(text) - 1, says                                                               \
    }
    CONTENT("\xa1\x03\x64"
            "a\0bc",
            "a zero byte in a text"),
    CONTENT("\xa1\x63"
            "a\0b\x01",
            "a member's name is no number"),
    CONTENT("\xa2\x03\x61"
            "a\x03\x61"
            "b",
            "a member occurs twice"),
    CONTENT("\xa2\x03\x61"
            "a\x63"
            "aud\x61"
            "b",
            "a member occurs twice"),
    CONTENT("\xa1\x04\x3b\x80\0\0\0\0\0\0\0", "a whole number beyond 64 bits"),
    CONTENT("\xa1\x18\x03\x61"
            "a",
            "a longer one"),
    CONTENT("\xa1\x03\xc1\x61"
            "a",
            "a tag"),
    CONTENT("\xa1\x03\xd8\x20\x61"
            "a",
            "a tag"),
    CONTENT("\xbf\xff", "indefinite length"),
    CONTENT("\xbb\xff\xff\xff\xff\xff\xff\xff\xff", "the end"),
    CONTENT("\x9b\x00\x00\x00\xff\xff\xff\xff\xff", "the end"),
    CONTENT("\xa1\x03\x7b\xff\xff\xff\xff\xff\xff\xff\xff", "the end"),
    CONTENT("\xa1\x03\x81\x81\x81\x81\x81\x81\x81\x81\x81\x01", "more than 8 levels"),
    CONTENT("\xa0\x00", "evidence"),
    CONTENT("\x01", "no map"),
    CONTENT("\xf6", "no map"),
#undef CONTENT
};

START_TEST(content_cases)
{
    put(claims_bytes, &claims_size, contents[_i].bytes, contents[_i].size);
    refused(CLOISTER_TOKEN_CLAIMS);
    ck_assert_msg(strstr(why.found, contents[_i].says), "'%s' does not say '%s'", why.found,
                  contents[_i].says);
}
END_TEST

/* The same steps as a JWT's. */
START_TEST(steps)
{
    uint8_t other[64] = {9};
    json_object *claims = claims_make();

    json_object_object_add(claims, "iss", json_object_new_string(ISSUER "/"));
    claims_refused(claims, CLOISTER_TOKEN_ISSUER);
    claims = claims_make();
    json_object_object_add(claims, "aud", json_object_new_string("another service"));
    claims_refused(claims, CLOISTER_TOKEN_AUDIENCE);
    claims = claims_make();
    json_object_object_del(claims, "aud");
    claims_refused(claims, CLOISTER_TOKEN_AUDIENCE);
    claims = claims_make();
    json_object_object_add(claims, "exp", json_object_new_int64(NOW));
    claims_refused(claims, CLOISTER_TOKEN_EXPIRED);
    claims = claims_make();
    json_object_object_add(claims_host(claims), "insecure", json_object_new_boolean(true));
    claims_refused(claims, CLOISTER_TOKEN_INSECURE);
    claims = claims_make();
    json_object_object_add(claims_enclave(claims), "debug", json_object_new_boolean(true));
    claims_refused(claims, CLOISTER_TOKEN_ENCLAVE_DEBUG);
    expectation.report_data = other;
    claims_refused(claims_make(), CLOISTER_TOKEN_ENCLAVE_ABSENT);
    expectation.report_data = report_data;
    expectation.author = NULL;
    expectation.measurement = NULL;
    ck_assert_int_eq(judge(token, size), -EINVAL);
}
END_TEST

/* A time is a whole number of seconds until the year 9999: RFC 8392, 2; RFC 3339, 5.6. */
START_TEST(times)
{
    static const struct {
        const char *name;
        uint64_t value;
        enum cloister_token_refusal_code code;
    } cases[] = {
        {"exp", 253402300799, CLOISTER_TOKEN_ACCEPTED},
        {"exp", 253402300800, CLOISTER_TOKEN_CLAIMS},
        {"exp", INT64_MAX, CLOISTER_TOKEN_CLAIMS},
        {"exp", (uint64_t)INT64_MAX + 1, CLOISTER_TOKEN_CLAIMS},
        {"exp", UINT64_MAX, CLOISTER_TOKEN_CLAIMS},
        {"nbf", UINT64_MAX, CLOISTER_TOKEN_CLAIMS},
        {"nbf", 0, CLOISTER_TOKEN_ACCEPTED},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_object *claims = claims_make();

        json_object_object_add(claims, cases[i].name, json_object_new_uint64(cases[i].value));
        claims_size = cwt_claims(claims, claims_bytes);
        if (cases[i].code) {
            refused(cases[i].code);
        } else {
            accepted();
        }
    }
    json_object *claims = claims_make();
    json_object_object_add(claims, "nbf", json_object_new_int64(-5));
    claims_refused(claims, CLOISTER_TOKEN_CLAIMS);
}
END_TEST

/* What one form is, is nothing in the other. */
START_TEST(other_form)
{
    char *jwt = token_sign(&issuers[0], NULL, claims_make());

    ck_assert_int_eq(judge((const uint8_t *)jwt, strlen(jwt)), -EACCES);
    ck_assert_int_eq(why.code, CLOISTER_TOKEN_MALFORMED);
    ck_assert_int_eq(cloister_token_verify(jwt, strlen(jwt), keys, &expectation, &why), 0);
    free(jwt);
    sign_token();
    ck_assert_int_eq(cloister_token_verify((const char *)token, size, keys, &expectation, &why),
                     -EACCES);
    ck_assert_int_eq(why.code, CLOISTER_TOKEN_MALFORMED);
    ck_assert_int_eq(cloister_token_verify_cwt(token, size, keys, &expectation, NULL), 0);
}
END_TEST

/* Any change of what a good issuer signed is read without harm. */
START_TEST(changed_claims)
{
    unsigned long long state = 7;
    uint8_t kept[CWT_ROOM];
    const size_t kept_size = claims_size;

    memcpy(kept, claims_bytes, kept_size);
    for (int i = 0; i < 3000; i++) {
        memcpy(claims_bytes, kept, kept_size);
        claims_size = kept_size - next_random(&state) % 4;
        for (int change = 0; change < 3; change++) {
            claims_bytes[next_random(&state) % kept_size] = (uint8_t)next_random(&state);
        }
        sign_token();
        ck_assert_int_ne(judge(token, size), -EIO);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cwt");
    TCase *tests = tcase_create("cwt");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, good);
    tcase_add_test(tests, types);
    tcase_add_test(tests, each_byte_counts);
    tcase_add_loop_test(tests, header_cases, 0, sizeof(headers) / sizeof(headers[0]));
    tcase_add_test(tests, signature);
    tcase_add_loop_test(tests, content_cases, 0, sizeof(contents) / sizeof(contents[0]));
    tcase_add_test(tests, steps);
    tcase_add_test(tests, times);
    tcase_add_test(tests, other_form);
    tcase_add_test(tests, changed_claims);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
