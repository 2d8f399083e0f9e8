/* SPDX-License-Identifier: MIT */
#include "verify/base64.h"

static const char letters[2][65] = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

size_t base64_encode(enum base64_form form, const uint8_t *data, size_t size, char *text)
{
    size_t used = 0;

    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                         (left > 2 ? data[i + 2] : 0);

        for (size_t digit = 0; digit < 4; digit++) {
            if (digit <= left) {
                text[used++] = letters[form][group >> (18 - 6 * digit) & 63];
            } else if (form == BASE64_STANDARD) {
                text[used++] = '=';
            }
        }
    }
    text[used] = 0;
    return used;
}

static int value_of(enum base64_form form, char letter)
{
    if (letter >= 'A' && letter <= 'Z') {
        return letter - 'A';
    }
    if (letter >= 'a' && letter <= 'z') {
        return letter - 'a' + 26;
    }
    if (letter >= '0' && letter <= '9') {
        return letter - '0' + 52;
    }
    return letter == letters[form][62] ? 62 : letter == letters[form][63] ? 63 : -1;
}

ssize_t base64_decode(enum base64_form form, const char *text, size_t length, uint8_t *data)
{
    uint32_t bits = 0;
    unsigned int held = 0;
    size_t used = 0;

    if (form == BASE64_STANDARD) {
        if (length % 4) {
            return -1;
        }
        for (int padding = 0; padding < 2 && length && text[length - 1] == '='; padding++) {
            length--;
        }
    }
    if (length % 4 == 1) {
        return -1;
    }
    for (size_t i = 0; i < length; i++) {
        int value = value_of(form, text[i]);

        if (value < 0) {
            return -1;
        }
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            data[used++] = (uint8_t)(bits >> held);
        }
    }
    return bits & ((1u << held) - 1) ? -1 : (ssize_t)used;
}
