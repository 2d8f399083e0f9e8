/* SPDX-License-Identifier: MIT */
/*
 * Commands and responses of a TPM 2.0 as bytes: one bounded writer, one bounded reader. A value
 * that does not fit, or is not there, sets `failed`, and everything after it does nothing: whoever
 * has written or read all looks once.
 *
 * Integers are big-endian (TPM 2.0 part 1, 11.2; the structures are those of part 2).
 */
#ifndef CLOISTER_MONITOR_TPM_WIRE_H
#define CLOISTER_MONITOR_TPM_WIRE_H

#include "core/host.h"

struct tpm_writer {
    uint8_t *bytes;
    uint32_t capacity;
    uint32_t used;
    bool failed;
};

static inline void put_bytes(struct tpm_writer *to, const void *from, uint32_t size)
{
    to->failed |= size > to->capacity - to->used;
    if (!to->failed) {
        memcpy(to->bytes + to->used, from, size);
        to->used += size;
    }
}

static inline void put_u8(struct tpm_writer *to, uint8_t value)
{
    put_bytes(to, &value, 1);
}

static inline void put_u16(struct tpm_writer *to, uint16_t value)
{
    put_u8(to, value >> 8);
    put_u8(to, (uint8_t)value);
}

static inline void put_u32(struct tpm_writer *to, uint32_t value)
{
    put_u16(to, value >> 16);
    put_u16(to, (uint16_t)value);
}

/* A TPM2B: its size, then its bytes (part 2, 10.4). */
static inline void put_sized(struct tpm_writer *to, const void *from, uint16_t size)
{
    put_u16(to, size);
    put_bytes(to, from, size);
}

struct tpm_reader {
    const uint8_t *bytes;
    uint32_t left;
    bool failed;
};

/* Copies the next `size` bytes; zeros where they are not there. */
static inline void get_bytes(struct tpm_reader *from, void *to, uint32_t size)
{
    from->failed |= size > from->left;
    if (from->failed) {
        memset(to, 0, size);
        return;
    }
    memcpy(to, from->bytes, size);
    from->bytes += size;
    from->left -= size;
}

static inline uint8_t get_u8(struct tpm_reader *from)
{
    uint8_t value;

    get_bytes(from, &value, 1);
    return value;
}

static inline uint16_t get_u16(struct tpm_reader *from)
{
    uint16_t high = get_u8(from);

    return high << 8 | get_u8(from);
}

static inline uint32_t get_u32(struct tpm_reader *from)
{
    uint32_t high = get_u16(from);

    return high << 16 | get_u16(from);
}

/* A TPM2B that must have this size. */
static inline void get_sized(struct tpm_reader *from, void *to, uint16_t size)
{
    from->failed |= get_u16(from) != size;
    get_bytes(from, to, size);
}

/* The next value must be this one. */
static inline void expect_u8(struct tpm_reader *from, uint8_t value)
{
    from->failed |= get_u8(from) != value;
}

static inline void expect_u16(struct tpm_reader *from, uint16_t value)
{
    from->failed |= get_u16(from) != value;
}

static inline void expect_u32(struct tpm_reader *from, uint32_t value)
{
    from->failed |= get_u32(from) != value;
}

/* 0 if all was there and nothing is left; -EIO. */
MUST_USE static inline int get_end(const struct tpm_reader *from)
{
    return from->failed || from->left ? -EIO : 0;
}

#endif
