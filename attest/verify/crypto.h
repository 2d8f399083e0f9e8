/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 and the verification of signatures, by OpenSSL, with everything fetched and allocated
 * once.
 */
#ifndef CLOISTER_VERIFY_CRYPTO_H
#define CLOISTER_VERIFY_CRYPTO_H

#include <openssl/evp.h>
#include <stdbool.h>

#include "cloister/verify.h"

struct crypto {
    EVP_MD *sha256;
    EVP_MD_CTX *hash;
    EVP_PKEY *p256; /* its point is replaced for each signature */
    EVP_PKEY_CTX *p256_verify;
};

/* False: no memory, or OpenSSL lacks an algorithm; crypto_release() is needed all the same. */
__attribute__((warn_unused_result)) bool crypto_prepare(struct crypto *crypto);
void crypto_release(struct crypto *crypto);

/* SHA-256 of the pieces one after the other. 0 or -EIO. */
__attribute__((warn_unused_result)) int crypto_hash(struct crypto *crypto,
                                                    const struct cloister_bytes *pieces,
                                                    size_t count,
                                                    uint8_t digest[CLOISTER_DIGEST_SIZE]);

/* Did the key sign this digest? Also false where the point is not on the curve. ECDSA, r || s. */
bool crypto_p256_verify(struct crypto *crypto, const uint8_t point[64], const uint8_t signature[64],
                        const uint8_t digest[CLOISTER_DIGEST_SIZE]);
/* RSASSA-PKCS1-v1_5 with SHA-256. */
bool crypto_rsa_verify(struct crypto *crypto, struct cloister_bytes modulus, uint32_t exponent,
                       struct cloister_bytes signature, const uint8_t digest[CLOISTER_DIGEST_SIZE]);

#endif
