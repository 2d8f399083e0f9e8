/* SPDX-License-Identifier: MIT */
/* CWTs as cloister-attestd makes them, and with what is wrong with them. */
#ifndef CLOISTER_TEST_CWTS_H
#define CLOISTER_TEST_CWTS_H

#include "tokens.h"

#define CWT_ROOM 8192u

/* Claims as CBOR with the numbers of RFC 8392 and RFC 9711; releases them. Returns the size. */
size_t cwt_claims(json_object *claims, uint8_t bytes[CWT_ROOM]);
/* The protected header {1: -7, 4: id}. */
size_t cwt_header(const char *id, uint8_t *bytes);
/* A COSE_Sign1 of these with its tag, signed. */
size_t cwt_sign(const struct issuer *issuer, const uint8_t *header, size_t header_size,
                const uint8_t *claims, size_t claims_size, uint8_t token[CWT_ROOM]);

#endif
