/* SPDX-License-Identifier: MIT */
#include "service/credential.h"

#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "verify/tpm.h"

#define SEED 32u /* the size of the name algorithm's digest */
#define COORDINATE 32u
#define POINT (1u + 2u * COORDINATE)
#define NAME (2u + 32u)

static void put_big(uint8_t *to, uint32_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        to[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    }
}

/*
 * KDFa (part 1, 11.4.10.2) for at most one SHA-256: HMAC(key, [1] || label || 0 || context ||
 * [bits]).
 */
static bool kdfa(const uint8_t key[SEED], const char *label, const uint8_t *context, size_t size,
                 uint8_t output[32], uint32_t bits)
{
    uint8_t text[128];
    size_t used = 4, length = strlen(label) + 1;

    put_big(text, 1, 4);
    memcpy(text + used, label, length);
    used += length;
    if (size) {
        memcpy(text + used, context, size);
        used += size;
    }
    put_big(text + used, bits, 4);
    return HMAC(EVP_sha256(), key, SEED, text, used + 4, output, NULL) != NULL;
}

/* KDFe (part 1, 11.4.10.3) for one SHA-256: H([1] || Z || label || 0 || x || x of the EK). */
static bool kdfe(const uint8_t z[COORDINATE], const uint8_t *ephemeral, const uint8_t *ek,
                 uint8_t seed[SEED])
{
    static const char label[] = "IDENTITY";
    uint8_t text[4 + COORDINATE + sizeof(label) + 2 * COORDINATE];

    put_big(text, 1, 4);
    memcpy(text + 4, z, COORDINATE);
    memcpy(text + 4 + COORDINATE, label, sizeof(label));
    memcpy(text + 4 + COORDINATE + sizeof(label), ephemeral, COORDINATE);
    memcpy(text + 4 + 2 * COORDINATE + sizeof(label), ek, COORDINATE);
    return EVP_Digest(text, sizeof(text), seed, NULL, EVP_sha256(), NULL) == 1;
}

/* The X coordinate of the shared point (part 1, C.6.1). */
static bool agree(EVP_PKEY *ephemeral, EVP_PKEY *ek, uint8_t z[COORDINATE])
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, ephemeral, NULL);
    size_t size = COORDINATE;
    bool good = context && EVP_PKEY_derive_init(context) == 1 &&
                EVP_PKEY_derive_set_peer(context, ek) == 1 &&
                EVP_PKEY_derive(context, z, &size) == 1 && size == COORDINATE;

    EVP_PKEY_CTX_free(context);
    return good;
}

static bool point(EVP_PKEY *key, uint8_t encoded[POINT])
{
    size_t size;

    return EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, encoded, POINT, &size) ==
               1 &&
           size == POINT && encoded[0] == 0x04;
}

/* The seed, and a TPMS_ECC_POINT that lets the TPM compute it (part 1, C.6.4). */
static bool share_ecc(EVP_PKEY *ek, uint8_t seed[SEED], uint8_t *encrypted, size_t *size)
{
    uint8_t ours[POINT], theirs[POINT], z[COORDINATE];
    EVP_PKEY *ephemeral = EVP_EC_gen("P-256");
    bool good = ephemeral && point(ephemeral, ours) && point(ek, theirs) &&
                agree(ephemeral, ek, z) && kdfe(z, ours + 1, theirs + 1, seed);

    put_big(encrypted, COORDINATE, 2);
    memcpy(encrypted + 2, ours + 1, COORDINATE);
    put_big(encrypted + 2 + COORDINATE, COORDINATE, 2);
    memcpy(encrypted + 4 + COORDINATE, ours + 1 + COORDINATE, COORDINATE);
    *size = 4 + 2 * COORDINATE;
    OPENSSL_cleanse(z, sizeof(z));
    EVP_PKEY_free(ephemeral);
    return good;
}

/* The seed encrypted by OAEP with the label "IDENTITY\0" (part 1, B.10.4). */
static bool share_rsa(EVP_PKEY *ek, uint8_t seed[SEED], uint8_t *encrypted, size_t *size)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, ek, NULL);
    void *label = OPENSSL_memdup("IDENTITY", 9);
    bool good = context && label && RAND_bytes(seed, SEED) == 1 &&
                EVP_PKEY_encrypt_init(context) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1 &&
                EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1 &&
                EVP_PKEY_CTX_set0_rsa_oaep_label(context, label, 9) == 1;

    if (good) {
        label = NULL; /* the context's now */
        *size = TPM_RSA_SIZE;
        good = EVP_PKEY_encrypt(context, encrypted, size, seed, SEED) == 1;
    }
    OPENSSL_free(label);
    EVP_PKEY_CTX_free(context);
    return good;
}

/* Part 1, 24.4: the secret, encrypted and then authenticated together with the name. */
static bool protect(const uint8_t seed[SEED], const uint8_t name[NAME],
                    const uint8_t secret[CREDENTIAL_SECRET], uint8_t blob[CREDENTIAL_BLOB])
{
    static const uint8_t zero_iv[16];
    uint8_t plain[2 + CREDENTIAL_SECRET], symmetric[32], integrity[32];
    uint8_t authenticated[sizeof(plain) + NAME];
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int used;
    bool good;

    put_big(plain, CREDENTIAL_SECRET, 2);
    memcpy(plain + 2, secret, CREDENTIAL_SECRET);
    good = context && kdfa(seed, "STORAGE", name, NAME, symmetric, 128) &&
           kdfa(seed, "INTEGRITY", NULL, 0, integrity, 256) &&
           EVP_EncryptInit_ex2(context, EVP_aes_128_cfb128(), symmetric, zero_iv, NULL) == 1 &&
           EVP_EncryptUpdate(context, authenticated, &used, plain, sizeof(plain)) == 1;
    memcpy(authenticated + sizeof(plain), name, NAME);
    put_big(blob, CREDENTIAL_BLOB - 2, 2);
    put_big(blob + 2, 32, 2);
    good = good && HMAC(EVP_sha256(), integrity, sizeof(integrity), authenticated,
                        sizeof(authenticated), blob + 4, NULL);
    memcpy(blob + 36, authenticated, sizeof(plain));
    EVP_CIPHER_CTX_free(context);
    OPENSSL_cleanse(plain, sizeof(plain));
    OPENSSL_cleanse(symmetric, sizeof(symmetric));
    OPENSSL_cleanse(integrity, sizeof(integrity));
    return good;
}

int credential_make(EVP_PKEY *ek, const uint8_t ak_digest[32],
                    const uint8_t secret[CREDENTIAL_SECRET], uint8_t blob[CREDENTIAL_BLOB],
                    uint8_t encrypted[CREDENTIAL_ENCRYPTED_MAX], size_t *encrypted_size)
{
    uint8_t seed[SEED], name[NAME];
    size_t size = 0;
    bool good;

    put_big(name, TPM_ALG_SHA256, 2);
    memcpy(name + 2, ak_digest, 32);
    good = EVP_PKEY_is_a(ek, "RSA") ? share_rsa(ek, seed, encrypted + 2, &size)
                                    : share_ecc(ek, seed, encrypted + 2, &size);
    good = good && protect(seed, name, secret, blob);
    put_big(encrypted, (uint32_t)size, 2);
    *encrypted_size = size + 2;
    OPENSSL_cleanse(seed, sizeof(seed));
    return good ? 0 : -EIO;
}
