/* SPDX-License-Identifier: MIT */
/* The key service's answers: who gets the key, and who does not. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/ec.h>

#include "../suite.h"
#include "verify/base64.h"
#include "keyservice/keyservice.h"
#include "verify/refuse.h"
#include "tokens.h"
#include "keyservice/wrap.h"

static struct keyservice service;
static struct issuer issuer;
static char challenge[2 * KEYVAULT_CHALLENGE_SIZE + 1], transport_text[BASE64_ROOM(64)];
static uint8_t transport[64], data[64];

void say(const char *format, ...)
{
    (void)format;
}

static json_object *ask(const char *body, int status)
{
    json_object *reply = NULL;

    ck_assert_int_eq(keyservice_key(&service, body, strlen(body), &reply), status);
    ck_assert_ptr_nonnull(reply);
    return reply;
}

static void refused(const char *body, const char *code)
{
    json_object *reply = ask(body, 403), *why = json_object_object_get(reply, "refused");

    ck_assert_str_eq(json_object_get_string(json_object_object_get(why, "code")), code);
    json_object_put(reply);
}

static void bad(const char *body)
{
    json_object *reply = ask(body, 400);

    ck_assert_ptr_nonnull(json_object_object_get(reply, "error"));
    json_object_put(reply);
}

static json_object *fresh_claims(void)
{
    json_object *claims = claims_make();
    char text[129];

    json_object_object_add(claims, "nbf", json_object_new_int64(time(NULL) - 10));
    json_object_object_add(claims, "exp", json_object_new_int64(time(NULL) + 60));
    hex_text(data, sizeof(data), text, sizeof(text));
    json_object_object_add(claims_enclave(claims), "report_data", json_object_new_string(text));
    return claims;
}

static const char *body_with(const char *of_challenge, const char *key, json_object *claims)
{
    static char body[8192];
    char *token = token_sign(&issuer, NULL, claims);

    snprintf(body, sizeof(body), "{\"challenge\":\"%s\",\"transport_key\":\"%s\",\"token\":\"%s\"}",
             of_challenge, key, token);
    free(token);
    return body;
}

static void take_challenge(void)
{
    json_object *reply = NULL;
    uint8_t bytes[KEYVAULT_CHALLENGE_SIZE];

    ck_assert_int_eq(keyservice_challenge(&service, &reply), 200);
    strcpy(challenge, json_object_get_string(json_object_object_get(reply, "challenge")));
    json_object_put(reply);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        ck_assert_int_eq(sscanf(challenge + 2 * i, "%2hhx", &bytes[i]), 1);
    }
    ck_assert_int_eq(wrap_report_data(bytes, transport, data), 0);
}

static void setup(void)
{
    size_t size;
    uint8_t point[65];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    char *jwks;

    memset(&service, 0, sizeof(service));
    issuer_make(&issuer, "first");
    jwks = issuer_jwks(&issuer, 1);
    ck_assert_int_eq(cloister_token_keys_parse(jwks, strlen(jwks), &service.issuer_keys, NULL, 0),
                     0);
    free(jwks);
    service.expectation = expectation_make();
    service.key[31] = 7;
    ck_assert_int_eq(EVP_PKEY_get_octet_string_param(key, "pub", point, sizeof(point), &size), 1);
    EVP_PKEY_free(key);
    memcpy(transport, point + 1, sizeof(transport));
    base64_encode(BASE64_STANDARD, transport, sizeof(transport), transport_text);
    take_challenge();
}

static void teardown(void)
{
    cloister_token_keys_free(service.issuer_keys);
    EVP_PKEY_free(issuer.key);
}

START_TEST(test_once)
{
    json_object *reply = ask(body_with(challenge, transport_text, fresh_claims()), 200);
    const char *wrapped = json_object_get_string(json_object_object_get(reply, "wrapped"));

    ck_assert_uint_eq(strlen(wrapped), BASE64_ROOM(KEYVAULT_WRAPPED_SIZE) - 1);
    json_object_put(reply);
    refused(body_with(challenge, transport_text, fresh_claims()), "challenge");
}
END_TEST

START_TEST(test_refusal_costs_nothing)
{
    json_object *claims = fresh_claims();

    json_object_object_add(claims, "aud", json_object_new_string("somebody else"));
    refused(body_with(challenge, transport_text, claims), "token-audience");
    claims = fresh_claims();
    json_object_object_add(claims, "exp", json_object_new_int64(time(NULL) - 1));
    refused(body_with(challenge, transport_text, claims), "token-expired");
    claims = fresh_claims();
    json_object_object_add(claims_enclave(claims), "debug", json_object_new_boolean(true));
    refused(body_with(challenge, transport_text, claims), "token-enclave-debug");
    json_object_put(ask(body_with(challenge, transport_text, fresh_claims()), 200));
}
END_TEST

START_TEST(test_not_its_own_key)
{
    char other[BASE64_ROOM(64)];
    uint8_t point[64];

    memcpy(point, transport, sizeof(point));
    point[10] ^= 1;
    base64_encode(BASE64_STANDARD, point, sizeof(point), other);
    refused(body_with(challenge, other, fresh_claims()), "token-enclave-absent");
}
END_TEST

START_TEST(test_other_challenges)
{
    char kept[sizeof(challenge)];

    strcpy(kept, challenge);
    challenge[0] = challenge[0] == '0' ? '1' : '0';
    refused(body_with(challenge, transport_text, fresh_claims()), "challenge");
    take_challenge(); /* the report now answers the second one */
    refused(body_with(kept, transport_text, fresh_claims()), "token-enclave-absent");
    json_object_put(ask(body_with(challenge, transport_text, fresh_claims()), 200));
}
END_TEST

/* However many others ask. */
START_TEST(test_nobody_takes_a_challenge_away)
{
    for (uint32_t i = 0; i < 3 * CHALLENGES_USED; i++) {
        json_object *reply = NULL;

        if (keyservice_challenge(&service, &reply) != 200) {
            ck_abort();
        }
        json_object_put(reply);
    }
    json_object_put(ask(body_with(challenge, transport_text, fresh_claims()), 200));
}
END_TEST

/* Each of its bytes is vouched for; another process's are nobody's. */
START_TEST(test_changed_challenges)
{
    static struct challenges mine, others;
    uint8_t given[KEYVAULT_CHALLENGE_SIZE];

    memset(given, 0, sizeof(given));
    ck_assert(!challenges_have(&mine, 1, given));
    ck_assert_int_eq(challenges_give(&others, 1000, given), 0);
    ck_assert(!challenges_have(&mine, 1000, given));
    ck_assert_int_eq(challenges_give(&mine, 1000, given), 0);
    ck_assert(challenges_have(&mine, 1000, given));
    ck_assert(!challenges_have(&others, 1000, given));
    for (size_t bit = 0; bit < 8 * sizeof(given); bit++) {
        given[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert(!challenges_have(&mine, 1000, given));
        given[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    ck_assert(challenges_have(&mine, 1000, given));
}
END_TEST

/* Rather no key than one that is given twice. */
START_TEST(test_too_many_used)
{
    uint8_t given[KEYVAULT_CHALLENGE_SIZE], first[KEYVAULT_CHALLENGE_SIZE];
    struct challenges *challenges = &service.challenges;
    struct timespec time;
    int64_t now;

    clock_gettime(CLOCK_MONOTONIC, &time);
    now = time.tv_sec + 1;
    for (uint32_t i = 0; i < CHALLENGES_USED; i++) {
        if (challenges_give(challenges, now, given) || challenges_use(challenges, now, given)) {
            ck_abort();
        }
        if (!i) {
            memcpy(first, given, sizeof(first));
        }
    }
    json_object *reply = ask(body_with(challenge, transport_text, fresh_claims()), 503);
    ck_assert_ptr_null(json_object_object_get(reply, "wrapped"));
    json_object_put(reply);
    ck_assert(!challenges_have(challenges, now, first));
    ck_assert(!challenges_have(challenges, now, given));
    /* When the first are too old there is room again. */
    now += CHALLENGE_LIFETIME;
    ck_assert_int_eq(challenges_give(challenges, now, given), 0);
    ck_assert_int_eq(challenges_use(challenges, now, given), 0);
    ck_assert(!challenges_have(challenges, now, first));
}
END_TEST

START_TEST(test_too_old)
{
    uint8_t bytes[KEYVAULT_CHALLENGE_SIZE];
    static struct challenges challenges;

    ck_assert_int_eq(challenges_give(&challenges, 1000, bytes), 0);
    ck_assert(challenges_have(&challenges, 1000 + CHALLENGE_LIFETIME - 1, bytes));
    ck_assert(!challenges_have(&challenges, 1000 + CHALLENGE_LIFETIME, bytes));
    ck_assert_int_eq(challenges_use(&challenges, 1000, bytes), 0);
    ck_assert(!challenges_have(&challenges, 1000, bytes));
}
END_TEST

START_TEST(test_bodies)
{
    const char *good = body_with(challenge, transport_text, fresh_claims());
    char changed[8300], *large;

    bad("");
    bad("null");
    bad("[]");
    bad("{}");
    bad("{\"challenge\":\"00\",\"transport_key\":\"\",\"token\":\"\"}");
    bad("{\"challenge\":7,\"transport_key\":\"\",\"token\":\"\"}");
    snprintf(changed, sizeof(changed), "{\"more\":1,%s", good + 1);
    bad(changed);
    snprintf(changed, sizeof(changed), "{\"token\":\"\",%s", good + 1);
    bad(changed);
    for (size_t size = 0; size < strlen(good); size += 7) {
        json_object *reply = NULL;

        ck_assert_int_eq(keyservice_key(&service, good, size, &reply), 400);
        json_object_put(reply);
    }
    large = malloc(CLOISTER_TOKEN_MAX_SIZE + 4096);
    memset(large, ' ', CLOISTER_TOKEN_MAX_SIZE + 4095);
    large[CLOISTER_TOKEN_MAX_SIZE + 4095] = 0;
    bad(large);
    free(large);
    json_object_put(ask(good, 200));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("key service");
    TCase *tests = tcase_create("answers");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_once);
    tcase_add_test(tests, test_refusal_costs_nothing);
    tcase_add_test(tests, test_not_its_own_key);
    tcase_add_test(tests, test_other_challenges);
    tcase_add_test(tests, test_nobody_takes_a_challenge_away);
    tcase_add_test(tests, test_changed_challenges);
    tcase_add_test(tests, test_too_many_used);
    tcase_add_test(tests, test_too_old);
    tcase_add_test(tests, test_bodies);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
