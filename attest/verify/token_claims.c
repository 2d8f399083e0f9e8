/* SPDX-License-Identifier: MIT */
/* Steps 4 to 9 of a token: what it claims. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "verify/json.h"
#include "verify/refuse.h"
#include "verify/token_check.h"

#define HEX_TEXT (2 * 64 + 1)
#define LAST_TIME INT64_C(253402300799) /* the last second of the year 9999: RFC 3339, 5.6 */

/* A text member, or NULL. */
static const char *text_of(json_object *object, const char *name)
{
    json_object *value;

    return json_object_object_get_ex(object, name, &value) &&
                   json_object_is_type(value, json_type_string)
               ? json_object_get_string(value)
               : NULL;
}

static int lacks(const struct token_check *check, const char *claim)
{
    return token_refuse(check, CLOISTER_TOKEN_CLAIMS, claim, "");
}

static int match(const struct token_check *check, json_object *claims, const char *name,
                 const char *expected, enum cloister_token_refusal_code code)
{
    const char *found = text_of(claims, name);

    if (!found) {
        return json_object_object_get_ex(claims, name, NULL) || code != CLOISTER_TOKEN_AUDIENCE
                   ? lacks(check, name)
                   : token_refuse(check, code, expected, "");
    }
    return strcmp(found, expected) == 0 ? 0 : token_refuse(check, code, expected, found);
}

static int match_bytes(const struct token_check *check, json_object *object, const char *name,
                       const uint8_t *expected, size_t size, enum cloister_token_refusal_code code)
{
    char text[HEX_TEXT];

    hex_text(expected, size, text, sizeof(text));
    return match(check, object, name, text, code);
}

static int take_number(const struct token_check *check, json_object *object, const char *name,
                       int64_t *number)
{
    json_object *value;

    if (!json_object_object_get_ex(object, name, &value) ||
        !json_object_is_type(value, json_type_int)) {
        return lacks(check, name);
    }
    return json_whole(value, number)
               ? 0
               : token_refuse(check, CLOISTER_TOKEN_CLAIMS, "a number of 63 bits",
                              json_object_get_string(value));
}

/* A NumericDate (RFC 7519, 2) in whole seconds. */
static int take_time(const struct token_check *check, json_object *object, const char *name,
                     int64_t *time)
{
    char found[64];
    int rc = take_number(check, object, name, time);

    if (!rc && (*time < 0 || *time > LAST_TIME)) {
        snprintf(found, sizeof(found), "%s: %" PRId64, name, *time);
        rc = token_refuse(check, CLOISTER_TOKEN_CLAIMS, "a time, in seconds from 1970 to 9999",
                          found);
    }
    return rc;
}

static int check_time(const struct token_check *check, json_object *claims)
{
    const struct cloister_token_expectation *expected = check->expected;
    int64_t begins, ends;
    int rc = take_time(check, claims, "nbf", &begins);

    rc = rc ? rc : take_time(check, claims, "exp", &ends);
    if (rc) {
        return rc;
    }
    if (begins > expected->now + expected->leeway) {
        return token_refuse_numbers(check, CLOISTER_TOKEN_NOT_YET_VALID, expected->now, begins);
    }
    return ends > expected->now - expected->leeway
               ? 0
               : token_refuse_numbers(check, CLOISTER_TOKEN_EXPIRED, expected->now, ends);
}

/* Anything but `false` is true. */
static bool is_true(json_object *object, const char *name)
{
    json_object *value;

    return !json_object_object_get_ex(object, name, &value) ||
           !json_object_is_type(value, json_type_boolean) || json_object_get_boolean(value);
}

static int check_policy(const struct token_check *check, json_object *claims)
{
    json_object *host;
    int rc;

    if (check->expected->insecure_any_policy) {
        return 0;
    }
    if (!json_object_object_get_ex(claims, "cloister", &host) ||
        !json_object_is_type(host, json_type_object)) {
        return lacks(check, "cloister");
    }
    rc = match_bytes(check, host, "policy_sha256", check->expected->policy, CLOISTER_DIGEST_SIZE,
                     CLOISTER_TOKEN_POLICY);
    return rc                          ? rc
           : is_true(host, "insecure") ? token_refuse(check, CLOISTER_TOKEN_INSECURE, "", "")
                                       : 0;
}

/* The submod with the report data, as *enclave. */
static int find_enclave(const struct token_check *check, json_object *claims, json_object **enclave)
{
    char wanted[HEX_TEXT];
    json_object *submods;

    hex_text(check->expected->report_data, 64, wanted, sizeof(wanted));
    if (json_object_object_get_ex(claims, "submods", &submods) &&
        json_object_is_type(submods, json_type_object)) {
        json_object_object_foreach(submods, name, submod)
        {
            const char *found;

            (void)name;
            if (json_object_is_type(submod, json_type_object) &&
                json_object_object_get_ex(submod, "cloister", enclave) &&
                json_object_is_type(*enclave, json_type_object)) {
                found = text_of(*enclave, "report_data");
                if (found && strcmp(found, wanted) == 0) {
                    return 0;
                }
            }
        }
    }
    return token_refuse(check, CLOISTER_TOKEN_ENCLAVE_ABSENT, wanted, "");
}

static int check_code(const struct token_check *check, json_object *enclave)
{
    const struct cloister_token_expectation *expected = check->expected;
    int64_t version = 0;
    int rc = 0;

    if (!expected->insecure_allow_debug && is_true(enclave, "debug")) {
        return token_refuse(check, CLOISTER_TOKEN_ENCLAVE_DEBUG, "", "");
    }
    if (expected->measurement) {
        rc = match_bytes(check, enclave, "measurement", expected->measurement, 48,
                         CLOISTER_TOKEN_ENCLAVE_CODE);
    }
    if (!rc && expected->author) {
        rc = match_bytes(check, enclave, "author", expected->author, 32,
                         CLOISTER_TOKEN_ENCLAVE_CODE);
    }
    rc = rc ? rc : take_number(check, enclave, "security_version", &version);
    if (!rc && version < (int64_t)expected->minimum_security_version) {
        rc = token_refuse_numbers(check, CLOISTER_TOKEN_ENCLAVE_VERSION,
                                  expected->minimum_security_version, version);
    }
    return rc;
}

/* Tokens of before have no profile. */
static int check_profile(const struct token_check *check, json_object *claims)
{
    return json_object_object_get_ex(claims, "eat_profile", NULL)
               ? match(check, claims, "eat_profile", CLOISTER_TOKEN_PROFILE, CLOISTER_TOKEN_TYPE)
               : 0;
}

/* RFC 9711, 4.1: one, or a list of them. */
static int check_nonce(const struct token_check *check, json_object *claims)
{
    char wanted[HEX_TEXT];
    json_object *list, *one;
    bool found = false;

    if (!check->expected->nonce) {
        return 0;
    }
    hex_text(check->expected->nonce, check->expected->nonce_size, wanted, sizeof(wanted));
    if (!json_object_object_get_ex(claims, "eat_nonce", &list)) {
        return lacks(check, "eat_nonce");
    }
    if (!json_object_is_type(list, json_type_array)) {
        return match(check, claims, "eat_nonce", wanted, CLOISTER_TOKEN_NONCE);
    }
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        one = json_object_array_get_idx(list, i);
        found = found || (json_object_is_type(one, json_type_string) &&
                          !strcmp(json_object_get_string(one), wanted));
    }
    return found ? 0 : token_refuse(check, CLOISTER_TOKEN_NONCE, wanted, "others");
}

int token_check_claims(const struct token_check *check, json_object *claims)
{
    json_object *enclave = NULL;
    int rc = check_profile(check, claims);

    rc = rc ? rc : match(check, claims, "iss", check->expected->issuer, CLOISTER_TOKEN_ISSUER);
    rc = rc ? rc : match(check, claims, "aud", check->expected->audience, CLOISTER_TOKEN_AUDIENCE);
    rc = rc ? rc : check_nonce(check, claims);
    rc = rc ? rc : check_time(check, claims);
    rc = rc ? rc : check_policy(check, claims);
    rc = rc ? rc : find_enclave(check, claims, &enclave);
    return rc ? rc : check_code(check, enclave);
}
