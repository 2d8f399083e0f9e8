/* SPDX-License-Identifier: MIT */
#include "base/hex.h"

#include <string.h>

int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
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

int hex_read(const char *hex, uint8_t *data, size_t room)
{
    const size_t size = strlen(hex) / 2;

    if (strlen(hex) % 2 || size > room)
        return -1;
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

        if (high < 0 || low < 0)
            return -1;
        data[i] = (uint8_t)(high << 4 | low);
    }
    return (int)size;
}

bool hex_decode(const char *hex, uint8_t *data, size_t size)
{
    return strlen(hex) == 2 * size && hex_read(hex, data, size) >= 0;
}
