/* SPDX-License-Identifier: MIT */
/* A public key on P-256 as openssl reads it. */
#ifndef CLOISTER_EXAMPLE_SPKI_H
#define CLOISTER_EXAMPLE_SPKI_H

#include <stdint.h>
#include <stdio.h>

/* Writes X || Y (32 bytes each, big-endian) as SubjectPublicKeyInfo (RFC 5480) in PEM (RFC 7468).
 */
void spki_write_pem(FILE *file, const uint8_t key[64]);

#endif
