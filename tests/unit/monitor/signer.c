/* SPDX-License-Identifier: MIT */
#include "signer.h"

#include <string.h>

#include <check.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>

#include "proof.h"

EVP_PKEY *signer_new(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");

    ck_assert(key != NULL);
    return key;
}

void signer_public(EVP_PKEY *key, uint8_t public[64])
{
    uint8_t point[65];
    size_t size;

    ck_assert_int_eq(
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &size),
        1);
    ck_assert_uint_eq(size, sizeof(point));
    memcpy(public, point + 1, 64);
}

void signer_name(const uint8_t public[64], uint8_t name[32])
{
    uint8_t area[88] = {0x00, 0x23, 0x00, 0x0b, 0x00, 0x04, 0x00, 0x40, 0x00, 0x00,
                        0x00, 0x10, 0x00, 0x18, 0x00, 0x0b, 0x00, 0x03, 0x00, 0x10};

    area[21] = 32;
    memcpy(area + 22, public, 32);
    area[55] = 32;
    memcpy(area + 56, public + 32, 32);
    proof_sha256(area, sizeof(area), name);
}

void signer_sign(EVP_PKEY *key, const void *data, size_t size, uint8_t signature[64])
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    uint8_t der[80];
    const uint8_t *at = der;
    size_t der_size = sizeof(der);

    ck_assert_int_eq(EVP_DigestSignInit(hash, NULL, EVP_sha256(), NULL, key), 1);
    ck_assert_int_eq(EVP_DigestSign(hash, der, &der_size, data, size), 1);
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)der_size);
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + 32, 32);
    ECDSA_SIG_free(pair);
    EVP_MD_CTX_free(hash);
}
