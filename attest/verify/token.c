/* SPDX-License-Identifier: MIT */
/* A relying party's look at a token; the steps stand in token.h. */
#include "cloister/token.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verify/base64.h"
#include "verify/crypto.h"
#include "verify/json.h"
#include "verify/refuse.h"
#include "verify/token_keys.h"

#define MAX_LEEWAY 3600u
#define HEX_TEXT (2 * 64 + 1)
#define SIGNATURE_TEXT 86 /* 64 bytes in Base64 for URLs */

struct check {
    const struct cloister_token_expectation *expected;
    struct cloister_token_refusal *refusal;
};

static const struct {
    const char *name, *text;
} refusals[] = {
    [CLOISTER_TOKEN_ACCEPTED] = {"accepted", "accepted"},
#define TOKEN_ROW(code, name, text) [CLOISTER_TOKEN_##code] = {name, text},
    CLOISTER_TOKEN_REFUSALS(TOKEN_ROW)
#undef TOKEN_ROW
};

static bool is_known(enum cloister_token_refusal_code code)
{
    return (size_t)code < sizeof(refusals) / sizeof(refusals[0]);
}

const char *cloister_token_refusal_name(enum cloister_token_refusal_code code)
{
    return is_known(code) ? refusals[code].name : "unknown";
}

const char *cloister_token_refusal_text(enum cloister_token_refusal_code code)
{
    return is_known(code) ? refusals[code].text : "unknown";
}

static void copy_printable(char *to, size_t room, const char *from)
{
    size_t used = 0;

    for (; *from && used + 1 < room; from++) {
        to[used++] = *from < 0x20 || *from > 0x7e ? '?' : *from;
    }
    to[used] = 0;
}

static int refuse(const struct check *check, enum cloister_token_refusal_code code,
                  const char *expected, const char *found)
{
    if (check->refusal) {
        check->refusal->code = code;
        copy_printable(check->refusal->expected, sizeof(check->refusal->expected), expected);
        copy_printable(check->refusal->found, sizeof(check->refusal->found), found);
    }
    return -EACCES;
}

static int refuse_numbers(const struct check *check, enum cloister_token_refusal_code code,
                         int64_t expected, int64_t found)
{
    char texts[2][24];

    snprintf(texts[0], sizeof(texts[0]), "%" PRId64, expected);
    snprintf(texts[1], sizeof(texts[1]), "%" PRId64, found);
    return refuse(check, code, texts[0], texts[1]);
}

/* --- steps 1 to 3 --- */

/* Base64 for URLs that holds a JSON object. NULL: it does not, or there is no memory. */
static json_object *decode_object(const char *text, size_t length)
{
    uint8_t *bytes = malloc(length / 4 * 3 + 3);
    ssize_t size = bytes ? base64_decode(BASE64_URL, text, length, bytes) : -1;
    struct json_reader in = {0};
    json_object *object = size > 0 ? json_document(&in, (const char *)bytes, (size_t)size) : NULL;

    free(bytes);
    return object;
}

/* A text member, or NULL. */
static const char *text_of(json_object *object, const char *name)
{
    json_object *value;

    return json_object_object_get_ex(object, name, &value) &&
                   json_object_is_type(value, json_type_string)
               ? json_object_get_string(value)
               : NULL;
}

static int check_header(const struct check *check, json_object *header,
                        const struct cloister_token_keys *keys, const uint8_t **point)
{
    const char *algorithm = text_of(header, "alg"), *id = text_of(header, "kid");

    if (!algorithm || strcmp(algorithm, "ES256") != 0) {
        return refuse(check, CLOISTER_TOKEN_ALGORITHM, "ES256", algorithm ? algorithm : "");
    }
    if (json_object_object_get_ex(header, "crit", NULL)) {
        return refuse(check, CLOISTER_TOKEN_ALGORITHM, "no \"crit\"", "crit");
    }
    *point = id ? token_keys_find(keys, id) : NULL;
    return *point ? 0 : refuse(check, CLOISTER_TOKEN_KEY_UNKNOWN, "", id ? id : "");
}

static int check_signature(const struct check *check, const char *token, size_t signed_size,
                           const char *signature, size_t length, const uint8_t *point)
{
    uint8_t bytes[SIGNATURE_TEXT / 4 * 3 + 2], digest[CLOISTER_DIGEST_SIZE];
    struct cloister_bytes piece = {(const uint8_t *)token, signed_size};
    struct crypto crypto = {0};
    int rc;

    if (length != SIGNATURE_TEXT || base64_decode(BASE64_URL, signature, length, bytes) != 64) {
        return refuse(check, CLOISTER_TOKEN_MALFORMED, "64 bytes of signature", "");
    }
    rc = crypto_prepare(&crypto) ? crypto_hash(&crypto, &piece, 1, digest) : -EIO;
    if (!rc && !crypto_p256_verify(&crypto, point, bytes, digest)) {
        rc = refuse(check, CLOISTER_TOKEN_SIGNATURE_WRONG, "", "");
    }
    crypto_release(&crypto);
    return rc;
}

/* *claims is to be released after 0 only. */
static int open_token(const struct check *check, const char *token, size_t size,
                      const struct cloister_token_keys *keys, json_object **claims)
{
    const char *dot = size <= CLOISTER_TOKEN_MAX_SIZE ? memchr(token, '.', size) : NULL;
    const char *second = dot ? memchr(dot + 1, '.', size - (size_t)(dot + 1 - token)) : NULL;
    const uint8_t *point = NULL;
    json_object *header;
    int rc;

    if (!second) {
        return refuse(check, CLOISTER_TOKEN_MALFORMED, "three parts, at most 64 KiB", "");
    }
    header = decode_object(token, (size_t)(dot - token));
    if (!header) {
        return refuse(check, CLOISTER_TOKEN_MALFORMED, "a header", "");
    }
    rc = check_header(check, header, keys, &point);
    json_object_put(header);
    if (!rc) {
        rc = check_signature(check, token, (size_t)(second - token), second + 1,
                             size - (size_t)(second + 1 - token), point);
    }
    if (rc) {
        return rc;
    }
    *claims = decode_object(dot + 1, (size_t)(second - dot - 1));
    return *claims ? 0 : refuse(check, CLOISTER_TOKEN_MALFORMED, "claims", "");
}

/* --- steps 4 to 9 --- */

static int lacks(const struct check *check, const char *claim)
{
    return refuse(check, CLOISTER_TOKEN_CLAIMS, claim, "");
}

static int match(const struct check *check, json_object *claims, const char *name,
                 const char *expected, enum cloister_token_refusal_code code)
{
    const char *found = text_of(claims, name);

    if (!found) {
        return json_object_object_get_ex(claims, name, NULL) || code != CLOISTER_TOKEN_AUDIENCE
                   ? lacks(check, name)
                   : refuse(check, code, expected, "");
    }
    return strcmp(found, expected) == 0 ? 0 : refuse(check, code, expected, found);
}

static int match_bytes(const struct check *check, json_object *object, const char *name,
                       const uint8_t *expected, size_t size, enum cloister_token_refusal_code code)
{
    char text[HEX_TEXT];

    hex_text(expected, size, text, sizeof(text));
    return match(check, object, name, text, code);
}

static int take_number(const struct check *check, json_object *object, const char *name,
                       int64_t *number)
{
    json_object *value;

    if (!json_object_object_get_ex(object, name, &value) ||
        !json_object_is_type(value, json_type_int)) {
        return lacks(check, name);
    }
    *number = json_object_get_int64(value);
    return 0;
}

static int check_time(const struct check *check, json_object *claims)
{
    const struct cloister_token_expectation *expected = check->expected;
    int64_t begins, ends;
    int rc = take_number(check, claims, "nbf", &begins);

    rc = rc ? rc : take_number(check, claims, "exp", &ends);
    if (rc) {
        return rc;
    }
    if (begins > expected->now + expected->leeway) {
        return refuse_numbers(check, CLOISTER_TOKEN_NOT_YET_VALID, expected->now, begins);
    }
    return ends > expected->now - expected->leeway
               ? 0
               : refuse_numbers(check, CLOISTER_TOKEN_EXPIRED, expected->now, ends);
}

/* Anything but `false` is true. */
static bool is_true(json_object *object, const char *name)
{
    json_object *value;

    return !json_object_object_get_ex(object, name, &value) ||
           !json_object_is_type(value, json_type_boolean) || json_object_get_boolean(value);
}

static int check_policy(const struct check *check, json_object *claims)
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
    return rc ? rc : is_true(host, "insecure") ? refuse(check, CLOISTER_TOKEN_INSECURE, "", "") : 0;
}

/* The submod with the report data, as *enclave. */
static int find_enclave(const struct check *check, json_object *claims, json_object **enclave)
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
    return refuse(check, CLOISTER_TOKEN_ENCLAVE_ABSENT, wanted, "");
}

static int check_code(const struct check *check, json_object *enclave)
{
    const struct cloister_token_expectation *expected = check->expected;
    int64_t version = 0;
    int rc = 0;

    if (!expected->insecure_allow_debug && is_true(enclave, "debug")) {
        return refuse(check, CLOISTER_TOKEN_ENCLAVE_DEBUG, "", "");
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
        rc = refuse_numbers(check, CLOISTER_TOKEN_ENCLAVE_VERSION,
                           expected->minimum_security_version, version);
    }
    return rc;
}

static int check_claims(const struct check *check, json_object *claims)
{
    json_object *enclave = NULL;
    int rc = match(check, claims, "iss", check->expected->issuer, CLOISTER_TOKEN_ISSUER);

    rc = rc ? rc : match(check, claims, "aud", check->expected->audience, CLOISTER_TOKEN_AUDIENCE);
    rc = rc ? rc : check_time(check, claims);
    rc = rc ? rc : check_policy(check, claims);
    rc = rc ? rc : find_enclave(check, claims, &enclave);
    return rc ? rc : check_code(check, enclave);
}

static bool is_complete(const struct cloister_token_expectation *expected)
{
    return expected->issuer && expected->audience && expected->leeway <= MAX_LEEWAY &&
           (expected->policy || expected->insecure_any_policy) && expected->report_data &&
           (expected->measurement || expected->author);
}

int cloister_token_verify(const char *token, size_t size, const struct cloister_token_keys *keys,
                          const struct cloister_token_expectation *expectation,
                          struct cloister_token_refusal *refusal)
{
    struct check check = {.expected = expectation, .refusal = refusal};
    json_object *claims = NULL;
    int rc;

    if (refusal) {
        memset(refusal, 0, sizeof(*refusal));
    }
    if (!is_complete(expectation)) {
        return -EINVAL;
    }
    rc = open_token(&check, token, size, keys, &claims);
    if (!rc) {
        rc = check_claims(&check, claims);
        json_object_put(claims);
    }
    return rc;
}
