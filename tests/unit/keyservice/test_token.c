/* SPDX-License-Identifier: MIT */
/* Tokens: each step refuses what it must, and says so. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../suite.h"
#include "verify/base64.h"
#include "tokens.h"

static struct issuer issuers[3];
static struct cloister_token_keys *keys;
static struct cloister_token_expectation expectation;
static struct cloister_token_refusal why;

static void setup(void)
{
    char *jwks;

    issuer_make(&issuers[0], "first");
    issuer_make(&issuers[1], "second");
    issuer_make(&issuers[2], "first"); /* another key by the same name: not in the set */
    jwks = issuer_jwks(issuers, 2);
    ck_assert_int_eq(cloister_token_keys_parse(jwks, strlen(jwks), &keys, NULL, 0), 0);
    free(jwks);
    expectation = expectation_make();
}

static void teardown(void)
{
    cloister_token_keys_free(keys);
    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY_free(issuers[i].key);
    }
}

static int judge(char *token)
{
    int rc = cloister_token_verify(token, strlen(token), keys, &expectation, &why);

    free(token);
    return rc;
}

static void accepted(json_object *claims)
{
    ck_assert_int_eq(judge(token_sign(&issuers[0], NULL, claims)), 0);
    ck_assert_int_eq(why.code, CLOISTER_TOKEN_ACCEPTED);
}

static void refused(char *token, enum cloister_token_refusal_code code)
{
    ck_assert_int_eq(judge(token), -EACCES);
    ck_assert_msg(why.code == code, "%s, not %s", cloister_token_refusal_name(why.code),
                  cloister_token_refusal_name(code));
}

static void claims_refused(json_object *claims, enum cloister_token_refusal_code code)
{
    refused(token_sign(&issuers[1], NULL, claims), code);
}

START_TEST(test_good)
{
    accepted(claims_make());
    ck_assert_int_eq(judge(token_sign(&issuers[1], NULL, claims_make())), 0);
    expectation.author = NULL;
    accepted(claims_make());
    expectation.author = author;
    expectation.measurement = NULL;
    accepted(claims_make());
}
END_TEST

START_TEST(test_expectation)
{
    const struct cloister_token_expectation whole = expectation;
    char *token = token_sign(&issuers[0], NULL, claims_make());

    for (int lack = 0; lack < 6; lack++) {
        expectation = whole;
        if (lack == 0) {
            expectation.issuer = NULL;
        } else if (lack == 1) {
            expectation.audience = NULL;
        } else if (lack == 2) {
            expectation.policy = NULL;
        } else if (lack == 3) {
            expectation.report_data = NULL;
        } else if (lack == 4) {
            expectation.measurement = expectation.author = NULL;
        } else {
            expectation.leeway = 3601;
        }
        ck_assert_int_eq(cloister_token_verify(token, strlen(token), keys, &expectation, &why),
                         -EINVAL);
    }
    free(token);
}
END_TEST

START_TEST(test_form)
{
    static const char *const bad[] = {"", ".", "..", "...", "a.b.c", "e30.e30", "W10.e30.AA"};
    char *token, *large;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refused(strdup(bad[i]), CLOISTER_TOKEN_MALFORMED);
    }
    refused(strdup("e30.e30."), CLOISTER_TOKEN_ALGORITHM);
    large = calloc(1, CLOISTER_TOKEN_MAX_SIZE + 2);
    memset(large, 'A', CLOISTER_TOKEN_MAX_SIZE + 1);
    refused(large, CLOISTER_TOKEN_MALFORMED);
    token = token_sign(&issuers[0], NULL, claims_make());
    for (size_t size = 0; size < strlen(token); size++) {
        ck_assert_int_eq(cloister_token_verify(token, size, keys, &expectation, &why), -EACCES);
    }
    free(token);
}
END_TEST

START_TEST(test_each_byte_counts)
{
    char *token = token_sign(&issuers[0], NULL, claims_make());

    for (size_t i = 0; i < strlen(token); i++) {
        char kept = token[i];

        token[i] = kept == 'A' ? 'B' : 'A';
        ck_assert_int_eq(cloister_token_verify(token, strlen(token), keys, &expectation, &why),
                         -EACCES);
        token[i] = kept;
    }
    free(token);
}
END_TEST

START_TEST(test_header)
{
    static const struct {
        const char *header;
        enum cloister_token_refusal_code code;
    } cases[] = {
        {"{\"alg\":\"none\",\"kid\":\"first\"}", CLOISTER_TOKEN_ALGORITHM},
        {"{\"alg\":\"HS256\",\"kid\":\"first\"}", CLOISTER_TOKEN_ALGORITHM},
        {"{\"alg\":\"es256\",\"kid\":\"first\"}", CLOISTER_TOKEN_ALGORITHM},
        {"{\"alg\":7,\"kid\":\"first\"}", CLOISTER_TOKEN_ALGORITHM},
        {"{\"kid\":\"first\"}", CLOISTER_TOKEN_ALGORITHM},
        {"{\"alg\":\"ES256\",\"kid\":\"first\",\"crit\":[\"b64\"]}", CLOISTER_TOKEN_ALGORITHM},
        {"{\"alg\":\"ES256\"}", CLOISTER_TOKEN_KEY_UNKNOWN},
        {"{\"alg\":\"ES256\",\"kid\":\"third\"}", CLOISTER_TOKEN_KEY_UNKNOWN},
        {"{\"alg\":\"ES256\",\"kid\":[\"first\"]}", CLOISTER_TOKEN_KEY_UNKNOWN},
        {"{\"alg\":\"ES256\",\"kid\":\"second\"}", CLOISTER_TOKEN_SIGNATURE_WRONG},
        {"{\"alg\":\"none\",\"alg\":\"ES256\",\"kid\":\"first\"}", CLOISTER_TOKEN_MALFORMED},
        {"{\"alg\":\"ES256\",\"kid\":\"first\",\"typ\":\"at+jwt\"}", CLOISTER_TOKEN_TYPE},
        {"{\"alg\":\"ES256\",\"kid\":\"first\",\"typ\":\"eat+cwt\"}", CLOISTER_TOKEN_TYPE},
        {"{\"alg\":\"ES256\",\"kid\":\"first\",\"typ\":\"\"}", CLOISTER_TOKEN_TYPE},
        {"{\"alg\":\"ES256\",\"kid\":\"first\",\"typ\":[\"eat+jwt\"]}", CLOISTER_TOKEN_TYPE},
        {"{\"alg\":\"ES256\",\"kid\":\"first\",\"typ\":\"text/eat+jwt\"}", CLOISTER_TOKEN_TYPE},
        {"[]", CLOISTER_TOKEN_MALFORMED},
        {"{", CLOISTER_TOKEN_MALFORMED},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        refused(token_sign(&issuers[0], cases[i].header, claims_make()), cases[i].code);
    }
    refused(token_sign(&issuers[2], NULL, claims_make()), CLOISTER_TOKEN_SIGNATURE_WRONG);
}
END_TEST

/* RFC 7515, 4.1.9: letters' case does not matter, nor application/; tokens of before say JWT, or nothing. */
START_TEST(test_types)
{
    static const char *const headers[] = {
        "{\"alg\":\"ES256\",\"kid\":\"first\",\"typ\":\"eat+jwt\"}",
        "{\"alg\":\"ES256\",\"kid\":\"first\",\"typ\":\"Application/EAT+JWT\"}",
        "{\"alg\":\"ES256\",\"kid\":\"first\",\"typ\":\"JWT\"}",
        "{\"alg\":\"ES256\",\"kid\":\"first\"}",
    };
    const struct cloister_token_expectation expectation = expectation_make();

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        char *token = token_sign(&issuers[0], headers[i], claims_make());

        ck_assert_int_eq(cloister_token_verify(token, strlen(token), keys, &expectation, NULL), 0);
        free(token);
    }
}
END_TEST

START_TEST(test_profile)
{
    const struct cloister_token_expectation expectation = expectation_make();
    json_object *claims = claims_make();
    char *token;

    json_object_object_add(claims, "eat_profile", json_object_new_string(CLOISTER_TOKEN_PROFILE));
    token = token_sign(&issuers[0], NULL, claims);
    ck_assert_int_eq(cloister_token_verify(token, strlen(token), keys, &expectation, NULL), 0);
    free(token);
    claims = claims_make();
    json_object_object_add(claims, "eat_profile",
                           json_object_new_string("tag:github.com,2023:veraison/ear"));
    claims_refused(claims, CLOISTER_TOKEN_TYPE);
    claims = claims_make();
    json_object_object_add(claims, "eat_profile", json_object_new_string(""));
    claims_refused(claims, CLOISTER_TOKEN_TYPE);
    claims = claims_make();
    json_object_object_add(claims, "eat_profile", json_object_new_int(1));
    claims_refused(claims, CLOISTER_TOKEN_CLAIMS);
}
END_TEST

/* What the relying party has given, alone or among others, whole, as text. */
START_TEST(test_nonce)
{
    static const struct {
        const char *nonces;
        enum cloister_token_refusal_code code;
    } cases[] = {
        {"\"0102030405060708\"", CLOISTER_TOKEN_ACCEPTED},
        {"[\"0102030405060708\"]", CLOISTER_TOKEN_ACCEPTED},
        {"[\"ff\", \"0102030405060708\"]", CLOISTER_TOKEN_ACCEPTED},
        {"\"0102030405060709\"", CLOISTER_TOKEN_NONCE},
        {"\"010203040506070800\"", CLOISTER_TOKEN_NONCE},
        {"\"01020304050607\"", CLOISTER_TOKEN_NONCE},
        {"[]", CLOISTER_TOKEN_NONCE},
        {"[\"01020304\", \"05060708\"]", CLOISTER_TOKEN_NONCE},
        {"[[\"0102030405060708\"]]", CLOISTER_TOKEN_NONCE},
        {"7", CLOISTER_TOKEN_CLAIMS},
        {"null", CLOISTER_TOKEN_CLAIMS},
    };
    static const uint8_t nonce[33] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct cloister_token_expectation expectation = expectation_make();
    struct cloister_token_refusal why;
    char *token;

    expectation.nonce = nonce;
    expectation.nonce_size = 8;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_object *claims = claims_make();

        json_object_object_add(claims, "eat_nonce", json_tokener_parse(cases[i].nonces));
        token = token_sign(&issuers[0], NULL, claims);
        ck_assert_int_eq(cloister_token_verify(token, strlen(token), keys, &expectation, &why),
                         cases[i].code ? -EACCES : 0);
        ck_assert_msg(why.code == cases[i].code, "%s: %u", cases[i].nonces, why.code);
        free(token);
    }
    token = token_sign(&issuers[0], NULL, claims_make());
    ck_assert_int_eq(cloister_token_verify(token, strlen(token), keys, &expectation, &why),
                     -EACCES);
    ck_assert_int_eq(why.code, CLOISTER_TOKEN_CLAIMS);
    for (expectation.nonce_size = 0; expectation.nonce_size <= 33; expectation.nonce_size++) {
        const bool good = expectation.nonce_size >= 8 && expectation.nonce_size <= 32;

        ck_assert_int_eq(cloister_token_verify(token, strlen(token), keys, &expectation, &why),
                         good ? -EACCES : -EINVAL);
    }
    free(token);
}
END_TEST

START_TEST(test_claims_missing)
{
    static const char *const names[] = {"iss", "nbf", "exp", "cloister"};
    json_object *claims;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        claims = claims_make();
        json_object_object_del(claims, names[i]);
        claims_refused(claims, CLOISTER_TOKEN_CLAIMS);
        claims = claims_make();
        json_object_object_add(claims, names[i], json_object_new_array());
        claims_refused(claims, CLOISTER_TOKEN_CLAIMS);
    }
    claims = claims_make();
    json_object_object_add(claims, "exp", json_object_new_string("1900000000"));
    claims_refused(claims, CLOISTER_TOKEN_CLAIMS);
    claims = claims_make();
    json_object_object_del(claims, "aud");
    claims_refused(claims, CLOISTER_TOKEN_AUDIENCE);
    claims = claims_make();
    json_object_object_del(claims_enclave(claims), "security_version");
    claims_refused(claims, CLOISTER_TOKEN_CLAIMS);
}
END_TEST

START_TEST(test_issuer_and_audience)
{
    json_object *claims = claims_make();

    json_object_object_add(claims, "iss", json_object_new_string(ISSUER "/"));
    claims_refused(claims, CLOISTER_TOKEN_ISSUER);
    claims = claims_make();
    json_object_object_add(claims, "aud", json_object_new_string("another service"));
    claims_refused(claims, CLOISTER_TOKEN_AUDIENCE);
    ck_assert_str_eq(why.expected, AUDIENCE);
    ck_assert_str_eq(why.found, "another service");
    claims = claims_make();
    json_object_object_add(claims, "iss", json_object_new_string("a\nb\x7f"));
    claims_refused(claims, CLOISTER_TOKEN_ISSUER);
    ck_assert_str_eq(why.found, "a?b?");
}
END_TEST

START_TEST(test_time)
{
    expectation.now = NOW + 299;
    accepted(claims_make());
    expectation.now = NOW + 300;
    claims_refused(claims_make(), CLOISTER_TOKEN_EXPIRED);
    expectation.leeway = 1;
    accepted(claims_make());
    expectation.leeway = 0;
    expectation.now = NOW - 10;
    accepted(claims_make());
    expectation.now = NOW - 11;
    claims_refused(claims_make(), CLOISTER_TOKEN_NOT_YET_VALID);
    expectation.leeway = 1;
    accepted(claims_make());
}
END_TEST

START_TEST(test_policy)
{
    json_object *claims;
    uint8_t other[32] = {9};

    expectation.policy = other;
    claims_refused(claims_make(), CLOISTER_TOKEN_POLICY);
    expectation.policy = policy;
    claims = claims_make();
    json_object_object_add(claims_host(claims), "insecure", json_object_new_boolean(true));
    claims_refused(claims, CLOISTER_TOKEN_INSECURE);
    claims = claims_make();
    json_object_object_del(claims_host(claims), "insecure");
    claims_refused(claims, CLOISTER_TOKEN_INSECURE);
    claims = claims_make();
    json_object_object_add(claims_host(claims), "insecure", json_object_new_int(0));
    claims_refused(claims, CLOISTER_TOKEN_INSECURE);
    claims = claims_make();
    json_object_object_add(claims_host(claims), "insecure", json_object_new_boolean(true));
    expectation.policy = NULL;
    expectation.insecure_any_policy = true;
    accepted(claims);
}
END_TEST

START_TEST(test_enclave)
{
    uint8_t other[64] = {9};
    json_object *claims;

    expectation.report_data = other;
    claims_refused(claims_make(), CLOISTER_TOKEN_ENCLAVE_ABSENT);
    expectation.report_data = report_data;
    claims = claims_make();
    json_object_object_del(claims, "submods");
    claims_refused(claims, CLOISTER_TOKEN_ENCLAVE_ABSENT);
    claims = claims_make();
    json_object_object_add(claims, "submods", json_object_new_array());
    claims_refused(claims, CLOISTER_TOKEN_ENCLAVE_ABSENT);
    claims = claims_make();
    json_object_object_add(claims_enclave(claims), "report_data", json_object_new_int(4));
    claims_refused(claims, CLOISTER_TOKEN_ENCLAVE_ABSENT);
    claims = claims_make();
    json_object_object_add(claims_enclave(claims), "debug", json_object_new_boolean(true));
    claims_refused(claims, CLOISTER_TOKEN_ENCLAVE_DEBUG);
    claims = claims_make();
    json_object_object_del(claims_enclave(claims), "debug");
    claims_refused(claims, CLOISTER_TOKEN_ENCLAVE_DEBUG);
    expectation.measurement = other;
    claims_refused(claims_make(), CLOISTER_TOKEN_ENCLAVE_CODE);
    expectation.measurement = measurement;
    expectation.author = other;
    claims_refused(claims_make(), CLOISTER_TOKEN_ENCLAVE_CODE);
    expectation.author = author;
    expectation.minimum_security_version = 4;
    claims_refused(claims_make(), CLOISTER_TOKEN_ENCLAVE_VERSION);
    ck_assert_str_eq(why.expected, "4");
    ck_assert_str_eq(why.found, "3");
}
END_TEST

START_TEST(test_second_enclave)
{
    uint8_t other[64] = {9};
    json_object *claims = claims_make(), *submods = json_object_object_get(claims, "submods");
    json_object *second = NULL;
    char text[129];

    ck_assert_int_eq(
        json_object_deep_copy(json_object_object_get(submods, "enclave-0"), &second, NULL), 0);
    memset(text, '0', 128);
    text[128] = 0;
    text[1] = '9';
    json_object_object_add(json_object_object_get(second, "cloister"), "report_data",
                           json_object_new_string(text));
    json_object_object_add(submods, "enclave-1", second);
    expectation.report_data = other;
    accepted(claims);
}
END_TEST

START_TEST(test_key_sets)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":[]}",
        "{\"keys\":[1]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\",\"kid\":\"a\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":\"AAAA\",\"y\":\"AAAA\"}]"
        "}",
    };
    struct cloister_token_keys *set = NULL;
    char reason[200], *jwks;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        reason[0] = 0;
        ck_assert_int_eq(
            cloister_token_keys_parse(bad[i], strlen(bad[i]), &set, reason, sizeof(reason)),
            -EINVAL);
        ck_assert_str_ne(reason, "");
        ck_assert_ptr_null(set);
    }
    issuers[1].id = "first";
    jwks = issuer_jwks(issuers, 2);
    ck_assert_int_eq(cloister_token_keys_parse(jwks, strlen(jwks), &set, reason, sizeof(reason)),
                     -EINVAL);
    ck_assert_str_eq(reason, "kid: occurs twice");
    free(jwks);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("token");
    TCase *tests = tcase_create("token");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_good);
    tcase_add_test(tests, test_expectation);
    tcase_add_test(tests, test_form);
    tcase_add_test(tests, test_each_byte_counts);
    tcase_add_test(tests, test_header);
    tcase_add_test(tests, test_types);
    tcase_add_test(tests, test_profile);
    tcase_add_test(tests, test_nonce);
    tcase_add_test(tests, test_claims_missing);
    tcase_add_test(tests, test_issuer_and_audience);
    tcase_add_test(tests, test_time);
    tcase_add_test(tests, test_policy);
    tcase_add_test(tests, test_enclave);
    tcase_add_test(tests, test_second_enclave);
    tcase_add_test(tests, test_key_sets);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
