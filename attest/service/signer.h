/* SPDX-License-Identifier: MIT */
/* The key that signs tokens, ES256 (RFC 7518, 3.4), and the set of keys that verifies them. */
#ifndef CLOISTER_SERVICE_SIGNER_H
#define CLOISTER_SERVICE_SIGNER_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#define SIGNER_TEXT 44u /* 32 bytes in Base64 for URLs, with the zero */
#define SIGNER_SIGNATURE 64u

struct signer {
    EVP_PKEY *key;
    char x[SIGNER_TEXT], y[SIGNER_TEXT];
    char kid[SIGNER_TEXT]; /* SHA-256 thumbprint, RFC 7638 */
};

/* From a PEM file. 0; -EINVAL: no private key on P-256 without a passphrase; or errno. */
__attribute__((warn_unused_result)) int signer_load(struct signer *signer, const char *path);
void signer_release(struct signer *signer);

/* What a thread signs with; NULL: out of memory. Freed by EVP_PKEY_CTX_free(). */
EVP_PKEY_CTX *signer_context(const struct signer *signer);
/* r || s over SHA-256 of the data. 0 or -EIO. */
__attribute__((warn_unused_result)) int signer_sign(EVP_PKEY_CTX *context, const void *data,
                                                    size_t size,
                                                    uint8_t signature[SIGNER_SIGNATURE]);

/* A JWK set (RFC 7517, 5) of one or two keys (`next` may be NULL), to be freed. NULL: no memory. */
char *signer_jwks(const struct signer *current, const struct signer *next);

#endif
