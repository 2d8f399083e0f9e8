/* SPDX-License-Identifier: MIT */
/* Key sets: a key verifies only what its set says it is for (RFC 7517, 4.2 to 4.4). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../suite.h"
#include "tokens.h"

static struct issuer issuer;
static struct cloister_token_refusal why;

/* A key set with these members in its one key, or a second key behind it. */
static char *jwks_with(const char *members)
{
    char *plain = issuer_jwks(&issuer, 1), *end = strrchr(plain, ']'),
         *text = malloc(strlen(plain) + 400);

    while (*end != '}') {
        end--;
    }
    *end = 0;
    sprintf(text, "%s%s}]}", plain, members);
    free(plain);
    return text;
}

static int judge(const char *members)
{
    struct cloister_token_expectation expectation = expectation_make();
    char *jwks = jwks_with(members), *token = token_sign(&issuer, NULL, claims_make()),
         said[200] = "";
    struct cloister_token_keys *keys;
    int rc = cloister_token_keys_parse(jwks, strlen(jwks), &keys, said, sizeof(said));

    ck_assert_msg(!rc, "%s: %s", jwks, said);
    rc = cloister_token_verify(token, strlen(token), keys, &expectation, &why);
    cloister_token_keys_free(keys);
    free(jwks);
    free(token);
    return rc;
}

static void setup(void)
{
    issuer_make(&issuer, "first");
}

static void teardown(void)
{
    EVP_PKEY_free(issuer.key);
}

START_TEST(for_verifying)
{
    static const char *const good[] = {
        "",
        ", \"use\": \"sig\"",
        ", \"alg\": \"ES256\"",
        ", \"key_ops\": [\"verify\"]",
        ", \"key_ops\": [\"sign\", \"verify\"]",
        ", \"use\": \"sig\", \"alg\": \"ES256\", \"key_ops\": [\"verify\"], \"x5t\": \"unknown\"",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_msg(judge(good[i]) == 0, "%s: %s", good[i],
                      cloister_token_refusal_name(why.code));
    }
}
END_TEST

START_TEST(for_something_else)
{
    static const char *const bad[] = {
        ", \"key_ops\": [\"deriveKey\", \"deriveBits\"]",
        ", \"key_ops\": [\"sign\"]",
        ", \"key_ops\": []",
        ", \"key_ops\": \"verify\"",
        ", \"key_ops\": [[\"verify\"]]",
        ", \"key_ops\": [\"Verify\"]",
        ", \"key_ops\": null",
        ", \"use\": \"enc\"",
        ", \"use\": 5",
        ", \"use\": \"sig\", \"key_ops\": [\"encrypt\"]",
        ", \"alg\": \"ECDH-ES\"",
        ", \"alg\": [\"ES256\"]",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(judge(bad[i]) == -EACCES, "%s", bad[i]);
        ck_assert_msg(why.code == CLOISTER_TOKEN_KEY_USE, "%s: %s", bad[i],
                      cloister_token_refusal_name(why.code));
        ck_assert_str_eq(why.found, "first");
    }
}
END_TEST

/* A name that has a good key is that key's, whatever else has the name. */
START_TEST(same_name)
{
    char members[300];

    snprintf(members, sizeof(members),
             "}, {\"kty\": \"EC\", \"crv\": \"P-256\", \"kid\": \"first\", "
             "\"use\": \"enc\"");
    ck_assert_int_eq(judge(members), 0);
    snprintf(members, sizeof(members),
             ", \"use\": \"enc\"}, {\"kty\": \"EC\", \"crv\": \"P-256\", "
             "\"kid\": \"second\", \"key_ops\": [\"sign\"]");
    ck_assert_int_eq(judge(members), -EACCES);
    ck_assert_int_eq(why.code, CLOISTER_TOKEN_KEY_USE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("token keys");
    TCase *tests = tcase_create("token keys");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, for_verifying);
    tcase_add_test(tests, for_something_else);
    tcase_add_test(tests, same_name);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
