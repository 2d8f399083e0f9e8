/* SPDX-License-Identifier: MIT */
#include "base/size.h"

#include <stdio.h>
#include <string.h>

#define FRAME 4096u

bool size_digits(const char **text, uint64_t *value)
{
    const char *at = *text;

    *value = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(*value, 10u, value) ||
            __builtin_add_overflow(*value, (uint64_t)(*at - '0'), value))
            return false;
    }
    bool any = at > *text;
    *text = at;
    return any;
}

bool size_to_frames(uint64_t value, uint64_t unit, uint64_t *frames)
{
    uint64_t bytes;

    if (__builtin_mul_overflow(value, unit, &bytes))
        return false;
    *frames = bytes / FRAME + (bytes % FRAME != 0);
    return *frames <= SIZE_MAX_FRAMES;
}

bool size_find_unit(const struct size_unit *units, const char *name, size_t size, uint64_t *bytes)
{
    for (; units->name; units++) {
        if (strlen(units->name) == size && !memcmp(units->name, name, size)) {
            *bytes = units->bytes;
            return true;
        }
    }
    return false;
}

bool size_parse(const char *text, uint64_t *frames)
{
    static const struct size_unit units[] = {
        {"", SIZE_MI},  {"K", SIZE_KI},   {"k", SIZE_KI}, {"KiB", SIZE_KI},
        {"M", SIZE_MI}, {"MiB", SIZE_MI}, {"G", SIZE_GI}, {"GiB", SIZE_GI},
        {"T", SIZE_TI}, {"TiB", SIZE_TI}, {NULL, 0},
    };
    uint64_t value, unit;

    if (!size_digits(&text, &value))
        return false;
    if (*text == ' ' && text[1])
        text++;
    return size_find_unit(units, text, strlen(text), &unit) && size_to_frames(value, unit, frames);
}

void size_print(uint64_t frames, char text[32])
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB"};
    double size = (double)frames * 4;
    unsigned int unit = 0;

    while (size >= 1024 && unit < 3) {
        size /= 1024;
        unit++;
    }
    snprintf(text, 32, size == (double)(uint64_t)size ? "%.0f %s" : "%.1f %s", size, names[unit]);
}
