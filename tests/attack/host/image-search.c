/* SPDX-License-Identifier: MIT */
/*
 * Looks for patterns in a saved or dumped guest that comes through a file or a pipe:
 *   image-search SEED CONTROL-SEED FILE
 * One line of JSON: {"bytes", "secret", "control"}, the last two how often the 64 bytes were found.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"

#define PART (1 << 20)
#define PATTERN_SIZE (PATTERN_WORDS * sizeof(pattern_t))

static uint8_t bytes[PATTERN_SIZE + PART];

/* How often it is in there; pages in a stream start at any byte. The pattern is never put together here:
 * other attacks look through dom0's memory. */
static uint64_t count_pattern(size_t size, uint64_t seed)
{
    pattern_t first = pattern_word(seed, 0), copy[PATTERN_WORDS];
    const uint8_t *at = bytes, *end = bytes + size;
    uint64_t found = 0;

    while ((at = memmem(at, end - at, &first, sizeof(first))) &&
           (size_t)(end - at) >= PATTERN_SIZE) {
        memcpy(copy, at, sizeof(copy));
        found += pattern_at(copy, seed);
        at++;
    }
    return found;
}

int main(int count, char **arguments)
{
    uint64_t found[2] = {0, 0}, total = 0;
    size_t kept = 0, more;

    FILE *file = count == 4 ? fopen(arguments[3], "rb") : NULL;
    if (!file) {
        fprintf(stderr, "usage: image-search SEED CONTROL-SEED FILE\n");
        return 2;
    }
    while ((more = fread(bytes + kept, 1, PART, file)) > 0) {
        size_t size = kept + more;
        for (unsigned int i = 0; i < 2; i++) {
            found[i] += count_pattern(size, strtoull(arguments[1 + i], NULL, 16));
        }
        /* What a pattern over the border would begin with. */
        kept = size < PATTERN_SIZE ? size : PATTERN_SIZE - 1;
        memmove(bytes, bytes + size - kept, kept);
        total += more;
    }
    printf("{\"bytes\": %" PRIu64 ", \"secret\": %" PRIu64 ", \"control\": %" PRIu64 "}\n", total,
           found[0], found[1]);
    return 0;
}
