/* SPDX-License-Identifier: MIT */
/*
 * In place of attest/verify/crypto.c: every digest is zeros, and a signature is good if its first
 * byte is even. So the fuzzer can pass, and fail, each check.
 */
#include "verify/crypto.h"

#include <string.h>

bool crypto_prepare(struct crypto *crypto)
{
    memset(crypto, 0, sizeof(*crypto));
    return true;
}

void crypto_release(struct crypto *crypto)
{
    (void)crypto;
}

int crypto_hash(struct crypto *crypto, const struct cloister_bytes *pieces, size_t count,
                uint8_t digest[CLOISTER_DIGEST_SIZE])
{
    volatile uint8_t sum = 0;

    (void)crypto;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < pieces[i].size; j++) {
            sum = (uint8_t)(sum + pieces[i].data[j]); /* it is read: sanitizers look on */
        }
    }
    memset(digest, 0, CLOISTER_DIGEST_SIZE);
    return 0;
}

bool crypto_p256_verify(struct crypto *crypto, const uint8_t point[64], const uint8_t signature[64],
                        const uint8_t digest[CLOISTER_DIGEST_SIZE])
{
    (void)crypto;
    return point != NULL && digest[0] == 0 && signature[0] % 2 == 0;
}

bool crypto_rsa_verify(struct crypto *crypto, struct cloister_bytes modulus, uint32_t exponent,
                       struct cloister_bytes signature, const uint8_t digest[CLOISTER_DIGEST_SIZE])
{
    (void)crypto;
    return modulus.size && exponent && digest[0] == 0 && signature.size &&
           signature.data[0] % 2 == 0;
}
