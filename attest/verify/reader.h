/* SPDX-License-Identifier: MIT */
/*
 * Takes numbers and bytes from a buffer, in order. Past its end, or past a size that the caller
 * allows, every function returns zero and `bad` stays set.
 */
#ifndef CLOISTER_VERIFY_READER_H
#define CLOISTER_VERIFY_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloister/evidence.h"

struct reader {
    const uint8_t *data;
    size_t left;
    bool bad;
};

static inline struct reader reader_begin(struct cloister_bytes bytes)
{
    return (struct reader){bytes.data, bytes.size, false};
}

static inline struct cloister_bytes reader_bytes(struct reader *reader, size_t size)
{
    struct cloister_bytes bytes = {reader->data, size};

    if (reader->bad || size > reader->left) {
        reader->bad = true;
        return (struct cloister_bytes){NULL, 0};
    }
    reader->data += size;
    reader->left -= size;
    return bytes;
}

/* Big-endian, as a TPM's structures are (TPM 2.0 part 1, 11.2). `size`: at most 8. */
static inline uint64_t reader_big(struct reader *reader, size_t size)
{
    struct cloister_bytes bytes = reader_bytes(reader, size);
    uint64_t value = 0;

    for (size_t i = 0; i < bytes.size; i++) {
        value = value << 8 | bytes.data[i];
    }
    return value;
}

/* Little-endian, as an event log is. */
static inline uint64_t reader_little(struct reader *reader, size_t size)
{
    struct cloister_bytes bytes = reader_bytes(reader, size);
    uint64_t value = 0;

    for (size_t i = bytes.size; i-- > 0;) {
        value = value << 8 | bytes.data[i];
    }
    return value;
}

/* A TPM2B: a 16-bit size, then that many bytes, at most `most`. */
static inline struct cloister_bytes reader_sized(struct reader *reader, size_t most)
{
    size_t size = (size_t)reader_big(reader, 2);

    if (size > most) {
        reader->bad = true;
    }
    return reader_bytes(reader, size);
}

/* All was there, and nothing is left. */
static inline bool reader_complete(const struct reader *reader)
{
    return !reader->bad && reader->left == 0;
}

#endif
