/* SPDX-License-Identifier: MIT */
/*
 * Base64 (RFC 4648), standard with padding and for URLs without. Each text has one meaning and each
 * value one text: no white space, no missing or superfluous padding, no bits left over.
 */
#ifndef CLOISTER_SERVICE_BASE64_H
#define CLOISTER_SERVICE_BASE64_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum base64_form { BASE64_STANDARD, BASE64_URL };

#define BASE64_ROOM(size) (((size) + 2) / 3 * 4 + 1) /* of the text, with its zero */

/* Writes text[BASE64_ROOM(size)] and returns its length. */
size_t base64_encode(enum base64_form form, const uint8_t *data, size_t size, char *text);
/* The number of bytes written to data[length / 4 * 3 + 2], or -1: this is no Base64. */
ssize_t base64_decode(enum base64_form form, const char *text, size_t length, uint8_t *data);

#endif
