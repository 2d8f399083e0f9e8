/* SPDX-License-Identifier: MIT */
#include "base/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

void digest_sha256(const void *data, size_t size, uint8_t digest[DIGEST_SIZE])
{
    unsigned int length = DIGEST_SIZE;

    /* Fails only without memory or without SHA-256 in libcrypto: nothing here works then. */
    if (EVP_Digest(data, size, digest, &length, EVP_sha256(), NULL) != 1 || length != DIGEST_SIZE)
        abort();
}

void digest_sha256_hex(const void *data, size_t size, char hex[DIGEST_HEX + 1])
{
    uint8_t digest[DIGEST_SIZE];

    digest_sha256(data, size, digest);
    hex_encode(digest, sizeof(digest), hex);
}
