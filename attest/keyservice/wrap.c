/* SPDX-License-Identifier: MIT */
#include "keyservice/wrap.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#define POINT_SIZE (1 + KEYVAULT_PUBLIC_SIZE)
#define POINT_UNCOMPRESSED 0x04 /* SEC 1, 2.3.3 */
#define SECRET_SIZE (KEYVAULT_PUBLIC_SIZE / 2)
#define KEY_SIZE 32

int wrap_report_data(const uint8_t challenge[KEYVAULT_CHALLENGE_SIZE],
                     const uint8_t transport[KEYVAULT_PUBLIC_SIZE], uint8_t data[64])
{
    static const char label[] = KEYVAULT_TRANSPORT_LABEL;
    uint8_t text[sizeof(label) - 1 + KEYVAULT_CHALLENGE_SIZE + KEYVAULT_PUBLIC_SIZE];

    memcpy(text, label, sizeof(label) - 1);
    memcpy(text + sizeof(label) - 1, challenge, KEYVAULT_CHALLENGE_SIZE);
    memcpy(text + sizeof(label) - 1 + KEYVAULT_CHALLENGE_SIZE, transport, KEYVAULT_PUBLIC_SIZE);
    memset(data, 0, 64);
    return EVP_Digest(text, sizeof(text), data, NULL, EVP_sha256(), NULL) == 1 ? 0 : -EIO;
}

/* NULL: no point of the curve. */
static EVP_PKEY *read_point(const uint8_t transport[KEYVAULT_PUBLIC_SIZE])
{
    uint8_t point[POINT_SIZE] = {POINT_UNCOMPRESSED};
    char curve[] = "prime256v1";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;

    memcpy(point + 1, transport, KEYVAULT_PUBLIC_SIZE);
    if (!context || EVP_PKEY_fromdata_init(context) <= 0 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) <= 0) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    return key;
}

static bool agree(EVP_PKEY *own, EVP_PKEY *peer, uint8_t secret[SECRET_SIZE])
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    size_t size = SECRET_SIZE;
    bool good = context && EVP_PKEY_derive_init(context) > 0 &&
                EVP_PKEY_derive_set_peer(context, peer) > 0 &&
                EVP_PKEY_derive(context, secret, &size) > 0 && size == SECRET_SIZE;

    EVP_PKEY_CTX_free(context);
    return good;
}

static bool expand(const uint8_t secret[SECRET_SIZE], const uint8_t *challenge,
                   const uint8_t *transport, const uint8_t *ephemeral, uint8_t key[KEY_SIZE])
{
    static const char label[] = KEYVAULT_WRAP_LABEL;
    uint8_t info[sizeof(label) - 1 + 2 * KEYVAULT_PUBLIC_SIZE];
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, SECRET_SIZE),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)challenge,
                                          KEYVAULT_CHALLENGE_SIZE),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof(info)),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    bool good;

    memcpy(info, label, sizeof(label) - 1);
    memcpy(info + sizeof(label) - 1, transport, KEYVAULT_PUBLIC_SIZE);
    memcpy(info + sizeof(label) - 1 + KEYVAULT_PUBLIC_SIZE, ephemeral, KEYVAULT_PUBLIC_SIZE);
    good = context && EVP_KDF_derive(context, key, KEY_SIZE, parameters) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return good;
}

static bool encrypt(const uint8_t key[KEY_SIZE], const uint8_t scalar[KEYVAULT_PRIVATE_SIZE],
                    uint8_t *sealed)
{
    static const uint8_t iv[12];
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int size;
    bool good = context && EVP_EncryptInit_ex2(context, EVP_aes_256_gcm(), key, iv, NULL) == 1 &&
                EVP_EncryptUpdate(context, sealed, &size, scalar, KEYVAULT_PRIVATE_SIZE) == 1 &&
                EVP_EncryptFinal_ex(context, sealed + KEYVAULT_PRIVATE_SIZE, &size) == 1 &&
                EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, KEYVAULT_TAG_SIZE,
                                    sealed + KEYVAULT_PRIVATE_SIZE) == 1;

    EVP_CIPHER_CTX_free(context);
    return good;
}

static bool wrap(EVP_PKEY *ephemeral, EVP_PKEY *peer, const uint8_t *scalar,
                 const uint8_t *challenge, const uint8_t *transport, uint8_t *wrapped)
{
    uint8_t point[POINT_SIZE], secret[SECRET_SIZE], key[KEY_SIZE];
    size_t size = 0;
    bool good = EVP_PKEY_get_octet_string_param(ephemeral, OSSL_PKEY_PARAM_PUB_KEY, point,
                                                sizeof(point), &size) == 1 &&
                size == POINT_SIZE && point[0] == POINT_UNCOMPRESSED &&
                agree(ephemeral, peer, secret) &&
                expand(secret, challenge, transport, point + 1, key) &&
                encrypt(key, scalar, wrapped + KEYVAULT_PUBLIC_SIZE);

    if (good) {
        memcpy(wrapped, point + 1, KEYVAULT_PUBLIC_SIZE);
    }
    OPENSSL_cleanse(secret, sizeof(secret));
    OPENSSL_cleanse(key, sizeof(key));
    return good;
}

int wrap_key(const uint8_t scalar[KEYVAULT_PRIVATE_SIZE],
             const uint8_t challenge[KEYVAULT_CHALLENGE_SIZE],
             const uint8_t transport[KEYVAULT_PUBLIC_SIZE], uint8_t wrapped[KEYVAULT_WRAPPED_SIZE])
{
    EVP_PKEY *peer = read_point(transport), *ephemeral = peer ? EVP_EC_gen("P-256") : NULL;
    int rc = peer ? -EIO : -EINVAL;

    if (ephemeral && wrap(ephemeral, peer, scalar, challenge, transport, wrapped)) {
        rc = 0;
    } else {
        memset(wrapped, 0, KEYVAULT_WRAPPED_SIZE);
    }
    EVP_PKEY_free(ephemeral);
    EVP_PKEY_free(peer);
    return rc;
}

int wrap_load(const char *path, uint8_t scalar[KEYVAULT_PRIVATE_SIZE])
{
    FILE *file = fopen(path, "r");
    EVP_PKEY *key;
    BIGNUM *number = NULL;
    char curve[32];
    int rc = -EINVAL;

    if (!file) {
        return -errno;
    }
    key =
        PEM_read_PrivateKey(file, NULL, NULL, (char[]){""}); /* no passphrase: none is asked for */
    fclose(file);
    if (key && EVP_PKEY_is_a(key, "EC") &&
        EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) == 1 &&
        strcmp(curve, "prime256v1") == 0 &&
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1 &&
        BN_bn2binpad(number, scalar, KEYVAULT_PRIVATE_SIZE) == KEYVAULT_PRIVATE_SIZE) {
        rc = 0;
    }
    BN_clear_free(number);
    EVP_PKEY_free(key);
    return rc;
}
