/* SPDX-License-Identifier: MIT */
/* Tokens of the largest and smallest claims; their signatures, by OpenSSL from the JWK alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cbor.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "verify/base64.h"
#include "service/claims.h"
#include "scene.h"
#include "../suite.h"
#include "service/token.h"

static struct signer signer;
static EVP_PKEY_CTX *context;

static void start(void)
{
    char path[] = "/tmp/cloister-signer-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    EVP_PKEY *key = EVP_EC_gen("P-256");

    ck_assert(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(file);
    ck_assert_int_eq(signer_load(&signer, path), 0);
    unlink(path);
    context = signer_context(&signer);
    ck_assert_ptr_nonnull(context);
    EVP_PKEY_free(key);
}

static void end(void)
{
    EVP_PKEY_CTX_free(context);
    signer_release(&signer);
}

/* The public key, from what the JWKS says. */
static EVP_PKEY *published(void)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    uint8_t point[65] = {4};
    OSSL_PARAM *parameters;
    EVP_PKEY *key = NULL;

    ck_assert_int_eq(base64_decode(BASE64_URL, signer.x, strlen(signer.x), point + 1), 32);
    ck_assert_int_eq(base64_decode(BASE64_URL, signer.y, strlen(signer.y), point + 33), 32);
    OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
    OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point));
    parameters = OSSL_PARAM_BLD_to_param(builder);
    ck_assert(EVP_PKEY_fromdata_init(maker) == 1 &&
              EVP_PKEY_fromdata(maker, &key, EVP_PKEY_PUBLIC_KEY, parameters) == 1);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(maker);
    return key;
}

static bool verifies(const void *data, size_t size, const uint8_t pair[64])
{
    ECDSA_SIG *signature = ECDSA_SIG_new();
    EVP_MD_CTX *verifying = EVP_MD_CTX_new();
    EVP_PKEY *key = published();
    uint8_t *der = NULL;
    bool good;

    ECDSA_SIG_set0(signature, BN_bin2bn(pair, 32, NULL), BN_bin2bn(pair + 32, 32, NULL));
    int length = i2d_ECDSA_SIG(signature, &der);
    good = EVP_DigestVerifyInit(verifying, NULL, EVP_sha256(), NULL, key) == 1 &&
           EVP_DigestVerify(verifying, der, (size_t)length, data, size) == 1;
    OPENSSL_free(der);
    EVP_MD_CTX_free(verifying);
    EVP_PKEY_free(key);
    ECDSA_SIG_free(signature);
    return good;
}

static json_object *make_claims(uint32_t enclaves, const char *audience)
{
    struct claims_frame frame = {
        .issuer = "https://issuer", .audience = audience, .now = 1700000000, .expires = 1700000600};
    struct cloister_claims claims;
    json_object *object;

    memset(&claims, 0, sizeof(claims));
    memset(frame.nonce, 0x17, sizeof(frame.nonce));
    claims.enclave_count = enclaves;
    claims.monitor_flags = UINT32_MAX;
    memset(claims.xen_version, 'v', sizeof(claims.xen_version) - 1);
    memset(claims.xen_source, 's', sizeof(claims.xen_source) - 1);
    claims.settings = CLOISTER_SETTINGS_UNCHECKED;
    for (uint32_t i = 0; i < enclaves; i++) {
        memset(claims.enclaves[i].name, 'n', CLOISTER_NAME_SIZE - 1);
        claims.enclaves[i].debug = i % 2;
        claims.enclaves[i].age_known = true;
        claims.enclaves[i].age = UINT64_MAX;
    }
    object = claims_build(&frame, &claims);
    ck_assert_ptr_nonnull(object);
    return object;
}

START_TEST(jwt)
{
    for (uint32_t enclaves = 0; enclaves <= CLOISTER_EVIDENCE_MAX_REPORTS; enclaves += 8) {
        json_object *claims = make_claims(enclaves, "somebody \"else\" \\");
        char *token = token_make(TOKEN_JWT, claims, &signer, context);
        char *dot = strrchr(token, '.');
        uint8_t signature[80];

        ck_assert_int_eq(base64_decode(BASE64_URL, dot + 1, strlen(dot + 1), signature), 64);
        ck_assert(verifies(token, (size_t)(dot - token), signature));
        token[3] ^= 1;
        ck_assert(!verifies(token, (size_t)(dot - token), signature));
        free(token);
        json_object_put(claims);
    }
}
END_TEST

/* libcbor's decoder reads what its encoder's primitives wrote. */
START_TEST(cwt)
{
    for (uint32_t enclaves = 0; enclaves <= CLOISTER_EVIDENCE_MAX_REPORTS; enclaves += 4) {
        json_object *claims = make_claims(enclaves, enclaves ? NULL : "you");
        char *token = token_make(TOKEN_CWT, claims, &signer, context);
        uint8_t *data = malloc(strlen(token));
        ssize_t size = base64_decode(BASE64_STANDARD, token, strlen(token), data);
        struct cbor_load_result result;
        cbor_item_t *array, *payload;

        ck_assert_uint_eq(data[0], 0xc0 | 18); /* the tag, which libcbor's decoder does not know */
        array = cbor_load(data + 1, (size_t)size - 1, &result);
        ck_assert(array && result.read == (size_t)size - 1);
        ck_assert(cbor_isa_array(array) && cbor_array_size(array) == 4);
        payload = cbor_array_get(array, 2);
        ck_assert(cbor_isa_bytestring(payload));
        cbor_item_t *map =
            cbor_load(cbor_bytestring_handle(payload), cbor_bytestring_length(payload), &result);
        ck_assert(map && cbor_isa_map(map) && result.read == cbor_bytestring_length(payload) &&
                  cbor_map_size(map) == (size_t)json_object_object_length(claims));
        cbor_decref(&map);
        cbor_decref(&payload);
        cbor_decref(&array);
        free(data);
        free(token);
        json_object_put(claims);
    }
}
END_TEST

START_TEST(no_keys)
{
    struct signer other;

    ck_assert_int_lt(signer_load(&other, "/missing"), 0);
    ck_assert_int_lt(signer_load(&other, "/dev/null"), 0);
    ck_assert_int_lt(signer_load(&other, "/"), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("token");
    TCase *tcase = tcase_create("token");

    tcase_add_checked_fixture(tcase, start, end);
    tcase_add_test(tcase, jwt);
    tcase_add_test(tcase, cwt);
    tcase_add_test(tcase, no_keys);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
