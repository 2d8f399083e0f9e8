/* SPDX-License-Identifier: MIT */
#include "author.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#define CURVE "prime256v1"
#define SCALAR_SIZE 32
#define POINT_SIZE (1 + 2 * SCALAR_SIZE)
#define UNCOMPRESSED 0x04 /* SEC 1, 2.3.3 */

/* The public key of a header, or NULL if it is no point of the curve. */
static EVP_PKEY *public_key(const uint8_t author_key[64])
{
    uint8_t point[POINT_SIZE] = {UNCOMPRESSED};
    char curve[] = CURVE;
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end(),
    };

    memcpy(point + 1, author_key, 2 * SCALAR_SIZE);
    if (!context || EVP_PKEY_fromdata_init(context) <= 0 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) <= 0) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    return key;
}

/* r || s to the DER that EVP wants; returns its size or 0. The caller frees *der. */
static int signature_to_der(const uint8_t signature[64], uint8_t **der)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, SCALAR_SIZE, NULL);
    BIGNUM *s = BN_bin2bn(signature + SCALAR_SIZE, SCALAR_SIZE, NULL);
    int size = 0;

    *der = NULL;
    if (pair && r && s && ECDSA_SIG_set0(pair, r, s)) {
        size = i2d_ECDSA_SIG(pair, der);
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(pair);
    return size > 0 ? size : 0;
}

static bool signature_from_der(const uint8_t *der, size_t size, uint8_t signature[64])
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)size);
    bool good =
        pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, SCALAR_SIZE) == SCALAR_SIZE &&
        BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + SCALAR_SIZE, SCALAR_SIZE) == SCALAR_SIZE;

    ECDSA_SIG_free(pair);
    return good;
}

int author_verify(const struct cloister_image_header *header)
{
    EVP_PKEY *key = public_key(header->author_key);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t *der;
    int size = signature_to_der(header->signature, &der);
    int result = -EACCES;

    if (!context || size == 0) {
        result = -EIO;
    } else if (key && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
               EVP_DigestVerify(context, der, (size_t)size, (const void *)header,
                                CLOISTER_IMAGE_SIGNED_SIZE) == 1) {
        result = 0;
    }
    OPENSSL_free(der);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return result;
}

static bool is_p256(const EVP_PKEY *key)
{
    char group[32];

    return EVP_PKEY_is_a(key, "EC") &&
           EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
                                          NULL) &&
           !strcmp(group, CURVE);
}

/* X || Y, whatever form the key prefers for its point. */
static bool export_public(const EVP_PKEY *key, uint8_t author_key[64])
{
    BIGNUM *x = NULL, *y = NULL;
    bool good = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) &&
                EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) &&
                BN_bn2binpad(x, author_key, SCALAR_SIZE) == SCALAR_SIZE &&
                BN_bn2binpad(y, author_key + SCALAR_SIZE, SCALAR_SIZE) == SCALAR_SIZE;

    BN_free(x);
    BN_free(y);
    return good;
}

int author_sign(struct cloister_image_header *header, EVP_PKEY *key)
{
    EVP_MD_CTX *context;
    uint8_t der[80]; /* at most 72 for P-256 */
    size_t size = sizeof(der);
    bool good;

    if (!is_p256(key) || !export_public(key, header->author_key)) {
        return -EINVAL;
    }
    context = EVP_MD_CTX_new();
    good = context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
           EVP_DigestSign(context, der, &size, (const void *)header, CLOISTER_IMAGE_SIGNED_SIZE) ==
               1 &&
           signature_from_der(der, size, header->signature);
    EVP_MD_CTX_free(context);
    return good ? 0 : -EIO;
}

int author_read(const char *path, EVP_PKEY **key)
{
    FILE *file = fopen(path, "re");

    if (!file) {
        return -EIO;
    }
    *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    if (*key && !is_p256(*key)) {
        EVP_PKEY_free(*key);
        *key = NULL;
    }
    return *key ? 0 : -EINVAL;
}

int author_generate(const char *path)
{
    EVP_PKEY *key;
    FILE *stream;
    bool good;
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (file < 0) {
        return errno == EEXIST ? -EEXIST : -EIO;
    }
    stream = fdopen(file, "w");
    if (!stream) {
        close(file);
        unlink(path);
        return -EIO;
    }
    key = EVP_EC_gen(CURVE);
    good = key && PEM_write_PKCS8PrivateKey(stream, key, NULL, NULL, 0, NULL, NULL);
    EVP_PKEY_free(key);
    good = !fclose(stream) && good;
    if (!good) {
        unlink(path);
    }
    return good ? 0 : -EIO;
}
