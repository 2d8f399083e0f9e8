/* SPDX-License-Identifier: MIT */
/* An operator's update keys and statements (cloister/update.h), made with OpenSSL. */
#ifndef SIGNER_H
#define SIGNER_H

#include <openssl/evp.h>

#include <cloister/update.h>

/* A P-256 key. The caller frees it. */
EVP_PKEY *signer_new(void);
/* x || y */
void signer_public(EVP_PKEY *key, uint8_t public[64]);
/* The digest in its TPM Name, by hand from the text of cloister/update.h. */
void signer_name(const uint8_t public[64], uint8_t name[32]);
/* r || s of the data's SHA-256. */
void signer_sign(EVP_PKEY *key, const void *data, size_t size, uint8_t signature[64]);

#endif
