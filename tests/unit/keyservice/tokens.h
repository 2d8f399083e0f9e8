/* SPDX-License-Identifier: MIT */
/* Tokens as cloister-attestd makes them, and with what is wrong with them. */
#ifndef CLOISTER_TEST_TOKENS_H
#define CLOISTER_TEST_TOKENS_H

#include <json-c/json.h>
#include <openssl/evp.h>
#include <stdint.h>

#include "cloister/token.h"

#define ISSUER "https://attest.example"
#define AUDIENCE "key service"
#define NOW 1800000000

struct issuer {
    EVP_PKEY *key;
    const char *id;
};

void issuer_make(struct issuer *issuer, const char *id);
/* A JWK set of these keys, to be freed. */
char *issuer_jwks(const struct issuer *issuers, size_t count);

/* ES256: r || s. */
void issuer_sign(const struct issuer *issuer, const uint8_t *data, size_t data_size,
                 uint8_t signature[64]);

/* Claims that the expectation accepts. */
extern uint8_t policy[32], measurement[48], author[32], report_data[64];
struct cloister_token_expectation expectation_make(void);
json_object *claims_make(void);
json_object *claims_host(json_object *claims);    /* its member "cloister" */
json_object *claims_enclave(json_object *claims); /* of its submod: the member "cloister" */

/* Signs; releases the claims. To be freed. `header` NULL: the usual one. */
char *token_sign(const struct issuer *issuer, const char *header, json_object *claims);

#endif
