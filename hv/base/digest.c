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

void hex_encode(const uint8_t *data, size_t size, char *hex)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        hex[2 * i] = digits[data[i] >> 4];
        hex[2 * i + 1] = digits[data[i] & 15];
    }
    hex[2 * size] = 0;
}

void digest_sha256_hex(const void *data, size_t size, char hex[DIGEST_HEX + 1])
{
    uint8_t digest[DIGEST_SIZE];

    digest_sha256(data, size, digest);
    hex_encode(digest, sizeof(digest), hex);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_decode(const char *hex, uint8_t *data, size_t size)
{
    if (strlen(hex) != 2 * size)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        data[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
