/* SPDX-License-Identifier: MIT */
#include "spki.h"

#include <string.h>

/*
 * RFC 5480, 2: SEQUENCE { SEQUENCE { OID id-ecPublicKey, OID prime256v1 }, BIT STRING }, where the
 * bit string is 0x04 || X || Y (2.2, the uncompressed point).
 */
static const uint8_t prefix[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};

static void write_base64(FILE *file, const uint8_t *data, size_t size)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < size; i += 3) {
        uint32_t bits = (uint32_t)data[i] << 16;

        if (i + 1 < size)
            bits |= (uint32_t)data[i + 1] << 8;
        if (i + 2 < size)
            bits |= data[i + 2];
        putc(letters[bits >> 18], file);
        putc(letters[bits >> 12 & 63], file);
        putc(i + 1 < size ? letters[bits >> 6 & 63] : '=', file);
        putc(i + 2 < size ? letters[bits & 63] : '=', file);
        /* 48 bytes make a line of 64 characters. */
        if (i % 48 == 45 || i + 3 >= size)
            putc('\n', file);
    }
}

void spki_write_pem(FILE *file, const uint8_t key[64])
{
    uint8_t der[sizeof(prefix) + 64];

    memcpy(der, prefix, sizeof(prefix));
    memcpy(der + sizeof(prefix), key, 64);
    fputs("-----BEGIN PUBLIC KEY-----\n", file);
    write_base64(file, der, sizeof(der));
    fputs("-----END PUBLIC KEY-----\n", file);
}
