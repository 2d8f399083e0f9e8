/* SPDX-License-Identifier: MIT */
#include "base/number.h"

#include "base/hex.h"

bool number_read(const char *text, unsigned int base, uint64_t least, uint64_t most,
                 uint64_t *number)
{
    uint64_t found = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        int digit = hex_digit(*text);

        if (digit < 0 || (unsigned int)digit >= base ||
            __builtin_mul_overflow(found, (uint64_t)base, &found) ||
            __builtin_add_overflow(found, (uint64_t)digit, &found))
            return false;
    }
    if (found < least || found > most)
        return false;
    *number = found;
    return true;
}
