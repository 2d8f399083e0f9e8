/* SPDX-License-Identifier: MIT */
#include "tokens.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>

#include "verify/base64.h"
#include "verify/refuse.h"

uint8_t policy[32] = {1}, measurement[48] = {2}, author[32] = {3}, report_data[64] = {4};

void issuer_make(struct issuer *issuer, const char *id)
{
    issuer->key = EVP_EC_gen("P-256");
    issuer->id = id;
    ck_assert_ptr_nonnull(issuer->key);
}

char *issuer_jwks(const struct issuer *issuers, size_t count)
{
    json_object *set = json_object_new_object(), *keys = json_object_new_array();
    char *text;

    json_object_object_add(set, "keys", keys);
    for (size_t i = 0; i < count; i++) {
        json_object *key = json_object_new_object();
        const char *names[] = {"x", "y"},
                   *parameters[] = {OSSL_PKEY_PARAM_EC_PUB_X, OSSL_PKEY_PARAM_EC_PUB_Y};

        json_object_array_add(keys, key);
        json_object_object_add(key, "kty", json_object_new_string("EC"));
        json_object_object_add(key, "crv", json_object_new_string("P-256"));
        json_object_object_add(key, "kid", json_object_new_string(issuers[i].id));
        for (int half = 0; half < 2; half++) {
            BIGNUM *number = NULL;
            uint8_t bytes[32];
            char coordinate[BASE64_ROOM(32)];

            ck_assert_int_eq(EVP_PKEY_get_bn_param(issuers[i].key, parameters[half], &number), 1);
            ck_assert_int_eq(BN_bn2binpad(number, bytes, 32), 32);
            BN_free(number);
            base64_encode(BASE64_URL, bytes, 32, coordinate);
            json_object_object_add(key, names[half], json_object_new_string(coordinate));
        }
    }
    text = strdup(json_object_to_json_string(set));
    json_object_put(set);
    return text;
}

struct cloister_token_expectation expectation_make(void)
{
    return (struct cloister_token_expectation){
        .issuer = ISSUER,
        .audience = AUDIENCE,
        .policy = policy,
        .now = NOW,
        .report_data = report_data,
        .measurement = measurement,
        .author = author,
        .minimum_security_version = 3,
    };
}

static void add_text(json_object *object, const char *name, const char *text)
{
    json_object_object_add(object, name, json_object_new_string(text));
}

static void add_hex(json_object *object, const char *name, const uint8_t *bytes, size_t size)
{
    char text[129];

    hex_text(bytes, size, text, sizeof(text));
    add_text(object, name, text);
}

json_object *claims_make(void)
{
    json_object *claims = json_object_new_object(), *host = json_object_new_object();
    json_object *submods = json_object_new_object(), *submod = json_object_new_object();
    json_object *enclave = json_object_new_object();

    add_text(claims, "iss", ISSUER);
    add_text(claims, "aud", AUDIENCE);
    json_object_object_add(claims, "nbf", json_object_new_int64(NOW - 10));
    json_object_object_add(claims, "exp", json_object_new_int64(NOW + 300));
    json_object_object_add(claims, "cloister", host);
    add_hex(host, "policy_sha256", policy, sizeof(policy));
    json_object_object_add(host, "insecure", json_object_new_boolean(false));
    json_object_object_add(claims, "submods", submods);
    json_object_object_add(submods, "enclave-0", submod);
    json_object_object_add(submod, "cloister", enclave);
    add_hex(enclave, "report_data", report_data, sizeof(report_data));
    add_hex(enclave, "measurement", measurement, sizeof(measurement));
    add_hex(enclave, "author", author, sizeof(author));
    json_object_object_add(enclave, "security_version", json_object_new_int64(3));
    json_object_object_add(enclave, "debug", json_object_new_boolean(false));
    return claims;
}

json_object *claims_host(json_object *claims)
{
    return json_object_object_get(claims, "cloister");
}

json_object *claims_enclave(json_object *claims)
{
    json_object *submods = json_object_object_get(claims, "submods");

    return json_object_object_get(json_object_object_get(submods, "enclave-0"), "cloister");
}

void issuer_sign(const struct issuer *issuer, const uint8_t *data, size_t data_size,
                 uint8_t signature[64])
{
    uint8_t der[80];
    const uint8_t *at = der;
    size_t size = sizeof(der);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ECDSA_SIG *pair;

    ck_assert_int_eq(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, issuer->key), 1);
    ck_assert_int_eq(EVP_DigestSign(context, der, &size, data, data_size), 1);
    EVP_MD_CTX_free(context);
    pair = d2i_ECDSA_SIG(NULL, &at, (long)size);
    ck_assert_ptr_nonnull(pair);
    ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, 32), 32);
    ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + 32, 32), 32);
    ECDSA_SIG_free(pair);
}

char *token_sign(const struct issuer *issuer, const char *header, json_object *claims)
{
    static char usual[128];
    const char *body = json_object_to_json_string_ext(claims, JSON_C_TO_STRING_PLAIN);
    char *token = malloc(BASE64_ROOM(strlen(body)) + 400);
    uint8_t signature[64];
    size_t used;

    snprintf(usual, sizeof(usual), "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
             issuer->id);
    header = header ? header : usual;
    used = base64_encode(BASE64_URL, (const uint8_t *)header, strlen(header), token);
    token[used++] = '.';
    used += base64_encode(BASE64_URL, (const uint8_t *)body, strlen(body), token + used);
    issuer_sign(issuer, (const uint8_t *)token, used, signature);
    token[used++] = '.';
    base64_encode(BASE64_URL, signature, sizeof(signature), token + used);
    json_object_put(claims);
    return token;
}
