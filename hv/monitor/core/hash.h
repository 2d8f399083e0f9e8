/* SPDX-License-Identifier: MIT */
#ifndef CLOISTER_MONITOR_HASH_H
#define CLOISTER_MONITOR_HASH_H

#include <bearssl_hash.h>

#define SHA256_SIZE 32u

/* SHA-256 of two pieces, one behind the other. */
static inline void sha256(const void *a, size_t a_size, const void *b, size_t b_size,
                          uint8_t digest[SHA256_SIZE])
{
    br_sha256_context hash;

    br_sha256_init(&hash);
    br_sha256_update(&hash, a, a_size);
    br_sha256_update(&hash, b, b_size);
    br_sha256_out(&hash, digest);
}

#endif
