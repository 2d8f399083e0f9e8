/* SPDX-License-Identifier: MIT */
/* A relying party's look at a token; the steps stand in token.h. Here: the form of a JWT. */
#include "cloister/token.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "verify/base64.h"
#include "verify/crypto.h"
#include "verify/json.h"
#include "verify/token_check.h"
#include "verify/token_keys.h"

#define MAX_LEEWAY 3600u
#define SIGNATURE_TEXT 86 /* 64 bytes in Base64 for URLs */

static const struct {
    const char *name, *text;
} refusals[] = {[CLOISTER_TOKEN_ACCEPTED] = {"accepted", "accepted"},
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

    for (; from && *from && used + 1 < room; from++) {
        to[used++] = *from < 0x20 || *from > 0x7e ? '?' : *from;
    }
    to[used] = 0;
}

int token_refuse(const struct token_check *check, enum cloister_token_refusal_code code,
                 const char *expected, const char *found)
{
    if (check->refusal) {
        check->refusal->code = code;
        copy_printable(check->refusal->expected, sizeof(check->refusal->expected), expected);
        copy_printable(check->refusal->found, sizeof(check->refusal->found), found);
    }
    return -EACCES;
}

int token_refuse_numbers(const struct token_check *check, enum cloister_token_refusal_code code,
                         int64_t expected, int64_t found)
{
    char texts[2][24];

    snprintf(texts[0], sizeof(texts[0]), "%" PRId64, expected);
    snprintf(texts[1], sizeof(texts[1]), "%" PRId64, found);
    return token_refuse(check, code, texts[0], texts[1]);
}

/* --- steps 2 and 3 --- */

int token_check_key(const struct token_check *check, const char *id, const uint8_t **point)
{
    *point = id ? token_keys_find(check->keys, id) : NULL;
    if (*point) {
        return 0;
    }
    if (id && token_keys_unfit(check->keys, id)) {
        return token_refuse(check, CLOISTER_TOKEN_KEY_USE,
                            "use sig, alg ES256, key_ops with verify, as far as "
                            "the key set has them",
                            id);
    }
    return token_refuse(check, CLOISTER_TOKEN_KEY_UNKNOWN, "", id ? id : "");
}

int token_check_signature(const struct token_check *check, const struct cloister_bytes *pieces,
                          size_t count, const uint8_t signature[64], const uint8_t *point)
{
    uint8_t digest[CLOISTER_DIGEST_SIZE];
    struct crypto crypto = {0};
    int rc = crypto_prepare(&crypto) ? crypto_hash(&crypto, pieces, count, digest) : -EIO;

    if (!rc && !crypto_p256_verify(&crypto, point, signature, digest)) {
        rc = token_refuse(check, CLOISTER_TOKEN_SIGNATURE_WRONG, "", "");
    }
    crypto_release(&crypto);
    return rc;
}

/* --- a JWT: steps 1 to 3 --- */

/* `part` of the token: Base64 for URLs that holds a JSON object. NULL after a refusal. */
static json_object *decode_object(const struct token_check *check,
                                  enum cloister_token_refusal_code code, const char *part,
                                  const char *text, size_t length)
{
    uint8_t *bytes = malloc(length / 4 * 3 + 3);
    ssize_t size = bytes ? base64_decode(BASE64_URL, text, length, bytes) : -1;
    char why[200] = "no Base64 for URLs, or nothing";
    struct json_reader in = {.why = why, .why_size = sizeof(why)};
    json_object *object = size > 0 ? json_document(&in, (const char *)bytes, (size_t)size) : NULL;

    free(bytes);
    if (!object) {
        token_refuse(check, code, part, why);
    }
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

/* RFC 7515, 4.1.9: case does not matter, and application/ may be left out. Before 0.2 it was JWT. */
static bool is_type(json_object *header)
{
    const char *type = text_of(header, "typ");

    if (!type) {
        return !json_object_object_get_ex(header, "typ", NULL);
    }
    type += strncasecmp(type, "application/", 12) ? 0 : 12;
    return !strcasecmp(type, "eat+jwt") || !strcasecmp(type, "JWT");
}

static int check_header(const struct token_check *check, json_object *header, const uint8_t **point)
{
    const char *algorithm = text_of(header, "alg");

    if (!algorithm || strcmp(algorithm, "ES256") != 0) {
        return token_refuse(check, CLOISTER_TOKEN_ALGORITHM, "ES256", algorithm ? algorithm : "");
    }
    if (json_object_object_get_ex(header, "crit", NULL)) {
        return token_refuse(check, CLOISTER_TOKEN_ALGORITHM, "no \"crit\"", "crit");
    }
    if (!is_type(header)) {
        return token_refuse(check, CLOISTER_TOKEN_TYPE, "eat+jwt", text_of(header, "typ"));
    }
    return token_check_key(check, text_of(header, "kid"), point);
}

static int check_signature(const struct token_check *check, const char *token, size_t signed_size,
                           const char *signature, size_t length, const uint8_t *point)
{
    uint8_t bytes[SIGNATURE_TEXT / 4 * 3 + 2];
    struct cloister_bytes piece = {(const uint8_t *)token, signed_size};

    if (length != SIGNATURE_TEXT || base64_decode(BASE64_URL, signature, length, bytes) != 64) {
        return token_refuse(check, CLOISTER_TOKEN_MALFORMED, "64 bytes of signature", "");
    }
    return token_check_signature(check, &piece, 1, bytes, point);
}

int token_open(const struct token_check *check, const char *token, size_t size,
               json_object **claims)
{
    const char *dot = size <= CLOISTER_TOKEN_MAX_SIZE ? memchr(token, '.', size) : NULL;
    const char *second = dot ? memchr(dot + 1, '.', size - (size_t)(dot + 1 - token)) : NULL;
    const uint8_t *point = NULL;
    json_object *header;
    int rc;

    if (!second) {
        return token_refuse(check, CLOISTER_TOKEN_MALFORMED, "three parts, at most 64 KiB", "");
    }
    header = decode_object(check, CLOISTER_TOKEN_MALFORMED, "a header in JSON", token,
                           (size_t)(dot - token));
    if (!header) {
        return -EACCES;
    }
    rc = check_header(check, header, &point);
    json_object_put(header);
    if (!rc) {
        rc = check_signature(check, token, (size_t)(second - token), second + 1,
                             size - (size_t)(second + 1 - token), point);
    }
    if (rc) {
        return rc;
    }
    *claims = decode_object(check, CLOISTER_TOKEN_CLAIMS, "claims in JSON", dot + 1,
                            (size_t)(second - dot - 1));
    return *claims ? 0 : -EACCES;
}

/* --- both --- */

bool token_is_complete(const struct cloister_token_expectation *expected)
{
    return expected->issuer && expected->audience && expected->leeway <= MAX_LEEWAY &&
           (expected->policy || expected->insecure_any_policy) && expected->report_data &&
           (expected->measurement || expected->author) &&
           (!expected->nonce || (expected->nonce_size >= CLOISTER_TOKEN_NONCE_MIN &&
                                 expected->nonce_size <= CLOISTER_TOKEN_NONCE_MAX));
}

int cloister_token_verify(const char *token, size_t size, const struct cloister_token_keys *keys,
                          const struct cloister_token_expectation *expectation,
                          struct cloister_token_refusal *refusal)
{
    const struct token_check check = {.keys = keys, .expected = expectation, .refusal = refusal};
    json_object *claims = NULL;
    int rc;

    if (refusal) {
        memset(refusal, 0, sizeof(*refusal));
    }
    if (!token_is_complete(expectation)) {
        return -EINVAL;
    }
    rc = token_open(&check, token, size, &claims);
    if (!rc) {
        rc = token_check_claims(&check, claims);
        json_object_put(claims);
    }
    return rc;
}
