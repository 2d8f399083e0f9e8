/* SPDX-License-Identifier: MIT */
#include "verify/xen_version.h"

#include <string.h>

#define MAX_DIGITS 5u

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* A number at *at, which moves behind it. */
static bool take_number(const uint8_t *text, size_t size, size_t *at, uint32_t *number)
{
    size_t start = *at;

    *number = 0;
    for (; *at < size && is_digit(text[*at]); ++*at) {
        if (*at - start == MAX_DIGITS) {
            return false;
        }
        *number = *number * 10 + (uint32_t)(text[*at] - '0');
    }
    return *at > start;
}

static bool is_released(const uint8_t *rest, size_t size)
{
    return !size || *rest == '+' || (size > 1 && *rest == '-' && is_digit(rest[1]));
}

bool xen_version_read(const uint8_t *text, size_t size, struct xen_version *version)
{
    uint32_t patch = 0;
    size_t at = 0;

    size = strnlen((const char *)text, size);
    if (!take_number(text, size, &at, &version->major) || at == size || text[at++] != '.' ||
        !take_number(text, size, &at, &version->minor)) {
        return false;
    }
    if (at < size && text[at] == '.') {
        at++;
        if (!take_number(text, size, &at, &patch)) {
            return false;
        }
    }
    version->patch = (int32_t)patch - (is_released(text + at, size - at) ? 0 : 1);
    return true;
}

bool xen_same_series(const struct xen_version *a, const struct xen_version *b)
{
    return a->major == b->major && a->minor == b->minor;
}
