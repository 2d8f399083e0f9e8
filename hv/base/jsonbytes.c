/* SPDX-License-Identifier: MIT */
#include "base/jsonbytes.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

json_object *json_bytes_new(const void *data, size_t size)
{
    char *text = malloc(4 * ((size + 2) / 3) + 1);
    json_object *object = NULL;

    if (text) {
        EVP_EncodeBlock((unsigned char *)text, data, (int)size);
        object = json_object_new_string(text);
    }
    free(text);
    return object;
}

int json_bytes_read(const char *text, uint8_t *data, size_t capacity, size_t *size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strlen(text), used = strspn(text, digits), padding = length - used;

    if (length % 4 || padding > 2 || strspn(text + used, "=") != padding ||
        length / 4 * 3 - padding > capacity)
        return -EINVAL;
    uint8_t *whole = malloc(length / 4 * 3 + 1);
    if (!whole)
        return -ENOMEM;
    int got = EVP_DecodeBlock(whole, (const unsigned char *)text, (int)length);
    int rc = got == (int)(length / 4 * 3) ? 0 : -EINVAL;
    if (!rc) {
        *size = (size_t)got - padding;
        memcpy(data, whole, *size);
    }
    free(whole);
    return rc;
}
