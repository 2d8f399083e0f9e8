/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4), and digests as lower-case hexadecimal text. */
#ifndef CLOISTER_BASE_DIGEST_H
#define CLOISTER_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/hex.h"

#define DIGEST_SIZE 32u
#define DIGEST_HEX 64u

void digest_sha256(const void *data, size_t size, uint8_t digest[DIGEST_SIZE]);
/* The digest as 64 hexadecimal digits and a terminating zero. */
void digest_sha256_hex(const void *data, size_t size, char hex[DIGEST_HEX + 1]);

#endif
