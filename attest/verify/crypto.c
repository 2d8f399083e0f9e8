/* SPDX-License-Identifier: MIT */
#include "verify/crypto.h"

#include <errno.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#define SCALAR_SIZE 32u
#define POINT_SIZE (1u + 2u * SCALAR_SIZE)
#define UNCOMPRESSED 0x04 /* SEC 1, 2.3.3 */
#define MAX_DER 72u       /* of an ECDSA-Sig-Value on P-256 */

/*
 * A key on P-256 whose point can be replaced. Making a key from its parameters costs more than half
 * a verification; replacing the point costs little, and OpenSSL checks each to be on the curve.
 */
static EVP_PKEY *make_p256(void)
{
    char curve[] = "prime256v1";
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
        OSSL_PARAM_construct_end(),
    };

    if (!context || EVP_PKEY_fromdata_init(context) <= 0 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEY_PARAMETERS, parameters) <= 0) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    return key;
}

bool crypto_prepare(struct crypto *crypto)
{
    crypto->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    crypto->hash = EVP_MD_CTX_new();
    crypto->p256 = make_p256();
    crypto->p256_verify =
        crypto->p256 ? EVP_PKEY_CTX_new_from_pkey(NULL, crypto->p256, NULL) : NULL;
    return crypto->sha256 && crypto->hash && crypto->p256_verify &&
           EVP_PKEY_verify_init(crypto->p256_verify) == 1;
}

void crypto_release(struct crypto *crypto)
{
    EVP_PKEY_CTX_free(crypto->p256_verify);
    EVP_PKEY_free(crypto->p256);
    EVP_MD_CTX_free(crypto->hash);
    EVP_MD_free(crypto->sha256);
}

int crypto_hash(struct crypto *crypto, const struct cloister_bytes *pieces, size_t count,
                uint8_t digest[CLOISTER_DIGEST_SIZE])
{
    bool good = EVP_DigestInit_ex2(crypto->hash, crypto->sha256, NULL) == 1;

    for (size_t i = 0; i < count && good; i++) {
        good = EVP_DigestUpdate(crypto->hash, pieces[i].data, pieces[i].size) == 1;
    }
    return good && EVP_DigestFinal_ex(crypto->hash, digest, NULL) == 1 ? 0 : -EIO;
}

/* An INTEGER (X.690, 8.3): no leading zeros but for the sign. Returns its size. */
static size_t put_integer(const uint8_t scalar[SCALAR_SIZE], uint8_t *der)
{
    size_t skip = 0, sign;

    while (skip < SCALAR_SIZE - 1 && scalar[skip] == 0) {
        skip++;
    }
    sign = scalar[skip] >> 7;
    der[0] = 0x02;
    der[1] = (uint8_t)(SCALAR_SIZE - skip + sign);
    der[2] = 0;
    memcpy(der + 2 + sign, scalar + skip, SCALAR_SIZE - skip);
    return 2 + SCALAR_SIZE - skip + sign;
}

/* ECDSA-Sig-Value (RFC 3279, 2.2.3), which OpenSSL asks for. */
static size_t put_signature(const uint8_t signature[64], uint8_t der[MAX_DER])
{
    size_t size = 2;

    size += put_integer(signature, der + size);
    size += put_integer(signature + SCALAR_SIZE, der + size);
    der[0] = 0x30;
    der[1] = (uint8_t)(size - 2);
    return size;
}

bool crypto_p256_verify(struct crypto *crypto, const uint8_t point[64], const uint8_t signature[64],
                        const uint8_t digest[CLOISTER_DIGEST_SIZE])
{
    uint8_t encoded[POINT_SIZE] = {UNCOMPRESSED}, der[MAX_DER];
    size_t size = put_signature(signature, der);
    bool good;

    memcpy(encoded + 1, point, 2 * SCALAR_SIZE);
    ERR_set_mark();
    good = EVP_PKEY_set1_encoded_public_key(crypto->p256, encoded, sizeof(encoded)) == 1 &&
           EVP_PKEY_verify(crypto->p256_verify, der, size, digest, CLOISTER_DIGEST_SIZE) == 1;
    ERR_pop_to_mark();
    return good;
}

static EVP_PKEY *make_rsa(struct cloister_bytes modulus, uint32_t exponent)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn(modulus.data, (int)modulus.size, NULL);
    OSSL_PARAM *parameters = NULL;
    EVP_PKEY *key = NULL;

    if (context && builder && n && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_uint32(builder, OSSL_PKEY_PARAM_RSA_E, exponent)) {
        parameters = OSSL_PARAM_BLD_to_param(builder);
    }
    if (!parameters || EVP_PKEY_fromdata_init(context) <= 0 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) <= 0) {
        key = NULL;
    }
    OSSL_PARAM_free(parameters);
    BN_free(n);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    return key;
}

bool crypto_rsa_verify(struct crypto *crypto, struct cloister_bytes modulus, uint32_t exponent,
                       struct cloister_bytes signature, const uint8_t digest[CLOISTER_DIGEST_SIZE])
{
    EVP_PKEY_CTX *context = NULL;
    EVP_PKEY *key;
    bool good;

    ERR_set_mark();
    key = make_rsa(modulus, exponent);
    if (key) {
        context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    }
    good =
        context && EVP_PKEY_verify_init(context) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
        EVP_PKEY_CTX_set_signature_md(context, crypto->sha256) == 1 &&
        EVP_PKEY_verify(context, signature.data, signature.size, digest, CLOISTER_DIGEST_SIZE) == 1;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    ERR_pop_to_mark();
    return good;
}
