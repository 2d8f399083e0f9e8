/* SPDX-License-Identifier: MIT */
/*
 * Tokens of cloister-attestd, for a relying party: whoever hands something to an enclave. Is this
 * token good, is it for me, and is the enclave that it speaks of the one that asks?
 *
 * ## The steps
 *
 * cloister_token_verify() for a JWT and cloister_token_verify_cwt() for a CWT take these steps in this
 * order and stop at the first that fails.
 *
 *   1  form       a JWS in compact form (RFC 7515, 7.1), or a COSE_Sign1 with its tag (RFC 8392, 7.2;
 *                 RFC 9052, 4.2), with alg ES256 and without "crit"; of a COSE_Sign1 all headers are
 *                 protected
 *   2  key        its "kid" is in the issuer's key set, and that key is for verifying
 *   3  signature  that key signed it
 *   4  issuer     it is a token of this kind: "typ" (RFC 9782, 8.1; JWT is taken, too) and
 *                 "eat_profile" (RFC 9711, 4.3.2), where it has them; "iss" is the one expected
 *   5  audience   "aud" is the one expected: a token for somebody else is worth nothing here
 *      nonce      "eat_nonce" has the one expected, where one is
 *   6  time       "nbf" <= now + leeway, "exp" > now - leeway, both whole seconds from 1970 to 9999
 *   7  policy     the evidence was judged by the policy expected, and that has no bypass
 *   8  enclave    one of "submods" carries the report data expected
 *   9  code       that enclave is no debug enclave, and has the measurement or the author expected,
 *                 and at least the security version
 *
 * Report data is what ties the token to the one who asks: it should be the hash of a challenge and of
 * a key that the enclave made (as enclave/samples/keyvault does), so that what is sent under that key
 * reaches this enclave only. Without it a token could be shown by anybody who has seen it.
 */
#ifndef CLOISTER_TOKEN_H
#define CLOISTER_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOISTER_TOKEN_MAX_SIZE (64u * 1024u) /* bytes */
#define CLOISTER_TOKEN_NONCE_MIN 8u           /* bytes of a nonce: RFC 9711, 4.1 */
#define CLOISTER_TOKEN_NONCE_MAX 32u
#define CLOISTER_TOKEN_PROFILE "tag:cloister.dev,2026:host" /* "eat_profile" */
#define CLOISTER_TOKEN_MAX_KEYS 16u /* on P-256 in a key set; others do not count */

/* Why a token is refused: the code, its name, and what it means. */
#define CLOISTER_TOKEN_REFUSALS(X)                                                                 \
    X(MALFORMED, "token-malformed", "this is no signed token")                                     \
    X(ALGORITHM, "token-algorithm", "the token is not signed by ES256 alone")                      \
    X(KEY_UNKNOWN, "token-key-unknown", "the token's key is not one of the issuer's")              \
    X(KEY_USE, "token-key-use", "the token's key is not for verifying")                            \
    X(SIGNATURE_WRONG, "token-signature-wrong", "the token is not signed by its key")              \
    X(CLAIMS, "token-claims", "the token lacks a claim, or one is not what it must be")            \
    X(TYPE, "token-type", "this is another kind of token")                                         \
    X(ISSUER, "token-issuer", "the token is by another issuer")                                    \
    X(AUDIENCE, "token-audience", "the token is for somebody else")                                \
    X(NONCE, "token-nonce", "the token was not made for this nonce")                               \
    X(NOT_YET_VALID, "token-not-yet-valid", "the token is not valid yet")                          \
    X(EXPIRED, "token-expired", "the token has expired")                                           \
    X(POLICY, "token-policy", "the evidence was judged by another policy")                         \
    X(INSECURE, "token-insecure", "the policy has a bypass")                                       \
    X(ENCLAVE_ABSENT, "token-enclave-absent", "the token does not speak of the enclave that asks") \
    X(ENCLAVE_DEBUG, "token-enclave-debug", "a debug enclave")                                     \
    X(ENCLAVE_CODE, "token-enclave-code", "an enclave with other code, or by another author")      \
    X(ENCLAVE_VERSION, "token-enclave-version", "the enclave's security version is too low")

enum cloister_token_refusal_code {
    CLOISTER_TOKEN_ACCEPTED = 0,
#define CLOISTER_TOKEN_ENUM(code, name, text) CLOISTER_TOKEN_##code,
    CLOISTER_TOKEN_REFUSALS(CLOISTER_TOKEN_ENUM)
#undef CLOISTER_TOKEN_ENUM
};

struct cloister_token_refusal {
    enum cloister_token_refusal_code code;
    char expected[200],
        found[200]; /* printable ASCII, perhaps cut off; "" where there is nothing to say */
};

const char *
cloister_token_refusal_name(enum cloister_token_refusal_code code); /* "token-expired" */
const char *cloister_token_refusal_text(enum cloister_token_refusal_code code);

/* The issuer's keys. Never changes; can be shared by threads. */
struct cloister_token_keys;

/*
 * Reads a JWK set (RFC 7517, 5), what the service serves at /v1/jwks.json. Keys that are not for
 * verifying ES256, by "use", "alg" or "key_ops" (4.2 to 4.4), verify nothing. 0; -EINVAL: `why` (if not
 * NULL) says what is wrong, no key on P-256 included; -ENOMEM.
 */
__attribute__((warn_unused_result)) int cloister_token_keys_parse(const char *json, size_t size,
                                                                  struct cloister_token_keys **keys,
                                                                  char *why, size_t why_size);
void cloister_token_keys_free(struct cloister_token_keys *keys);

struct cloister_token_expectation {
    const char *issuer; /* must be there, as all that is not said to be otherwise */
    const char *audience;
    const uint8_t *policy;      /* [32], SHA-256 of the policy's text; NULL: any, where
                                   insecure_any_policy */
    int64_t now;                /* seconds since 1970 */
    uint32_t leeway;            /* seconds that the issuer's clock may differ; 0 .. 3600 */
    const uint8_t *report_data; /* [64] */
    const uint8_t *measurement; /* [48]; may be NULL if author is not */
    const uint8_t *author;      /* [32]; may be NULL if measurement is not */
    uint32_t minimum_security_version;
    const uint8_t
        *nonce;          /* that the relying party has given to the host; NULL: none is asked for */
    uint32_t nonce_size; /* CLOISTER_TOKEN_NONCE_MIN to _MAX */
    bool insecure_any_policy; /* the policy is not looked at, nor whether it has a bypass */
    bool insecure_allow_debug;
};

/*
 * 0: all steps hold. -EACCES: refused, *refusal (if not NULL) says why. -EINVAL: the expectation lacks
 * something. -ENOMEM, -EIO (OpenSSL failed): nothing is known.
 */
__attribute__((warn_unused_result)) int
cloister_token_verify(const char *token, size_t size, const struct cloister_token_keys *keys,
                      const struct cloister_token_expectation *expectation,
                      struct cloister_token_refusal *refusal);
/* The same for a CWT, as its bytes: what the service answers is Base64 of them. */
__attribute__((warn_unused_result)) int
cloister_token_verify_cwt(const uint8_t *token, size_t size, const struct cloister_token_keys *keys,
                          const struct cloister_token_expectation *expectation,
                          struct cloister_token_refusal *refusal);

#endif
