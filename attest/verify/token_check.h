/* SPDX-License-Identifier: MIT */
/* What the two forms of a token share: the steps stand in cloister/token.h. */
#ifndef CLOISTER_VERIFY_TOKEN_CHECK_H
#define CLOISTER_VERIFY_TOKEN_CHECK_H

#include <json-c/json.h>
#include <stdbool.h>

#include "cloister/evidence.h"
#include "cloister/token.h"

struct token_check {
    const struct cloister_token_keys *keys;
    const struct cloister_token_expectation *expected;
    struct cloister_token_refusal *refusal; /* or NULL */
};

/* Is all there that cloister/token.h asks for? */
bool token_is_complete(const struct cloister_token_expectation *expected);

/* Each says why in `refusal`, printable and perhaps cut off, and returns -EACCES. */
int token_refuse(const struct token_check *check, enum cloister_token_refusal_code code,
                 const char *expected, const char *found);
int token_refuse_numbers(const struct token_check *check, enum cloister_token_refusal_code code,
                         int64_t expected, int64_t found);

/* Step 2: *point is the issuer's key with this id; NULL: the token names none. 0 or -EACCES. */
__attribute__((warn_unused_result)) int token_check_key(const struct token_check *check,
                                                        const char *id, const uint8_t **point);
/* Step 3: ES256 over the pieces, one after the other. 0, -EACCES, or -EIO: OpenSSL failed. */
__attribute__((warn_unused_result)) int
token_check_signature(const struct token_check *check, const struct cloister_bytes *pieces,
                      size_t count, const uint8_t signature[64], const uint8_t *point);
/* Steps 1 to 3 of a JWT and of a CWT: 0, and *claims is to be released; -EACCES; -EIO. */
__attribute__((warn_unused_result)) int
token_open(const struct token_check *check, const char *token, size_t size, json_object **claims);
__attribute__((warn_unused_result)) int token_open_cwt(const struct token_check *check,
                                                       const uint8_t *token, size_t size,
                                                       json_object **claims);
/* Steps 4 to 9: 0 or -EACCES. */
__attribute__((warn_unused_result)) int token_check_claims(const struct token_check *check,
                                                           json_object *claims);

#endif
