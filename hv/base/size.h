/* SPDX-License-Identifier: MIT */
/* Sizes of memory as people write them, in frames of 4 KiB. */
#ifndef CLOISTER_BASE_SIZE_H
#define CLOISTER_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIZE_MAX_FRAMES (UINT64_C(1) << 40) /* 4 PiB */

#define SIZE_KI (UINT64_C(1) << 10)
#define SIZE_MI (UINT64_C(1) << 20)
#define SIZE_GI (UINT64_C(1) << 30)
#define SIZE_TI (UINT64_C(1) << 40)

/*
 * "64", "64M", "64MiB", "512K", "1G": MiB where no unit is given, powers of 1,024; rounded up to
 * whole frames. *frames: 4 KiB each. False: not a size, or more than SIZE_MAX_FRAMES.
 */
bool size_parse(const char *text, uint64_t *frames);
/* "64 MiB", "1.5 GiB", "12 KiB" */
void size_print(uint64_t frames, char text[32]);

/* For other units than those: a list of them ends with a name that is NULL. */
struct size_unit {
    const char *name;
    uint64_t bytes;
};

/* The unit whose name is `size` bytes at `name`. */
bool size_find_unit(const struct size_unit *units, const char *name, size_t size, uint64_t *bytes);
/* Digits at *text; false without any or beyond 64 bits. Moves *text behind them. */
bool size_digits(const char **text, uint64_t *value);
/* `value` units as frames, rounded up. False: more than SIZE_MAX_FRAMES. */
bool size_to_frames(uint64_t value, uint64_t unit, uint64_t *frames);

#endif
