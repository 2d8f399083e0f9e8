/* SPDX-License-Identifier: MIT */
/* Bytes as hexadecimal text: written in lower case, read in either. */
#ifndef CLOISTER_BASE_HEX_H
#define CLOISTER_BASE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value of a digit; -1: it is none. */
int hex_digit(char c);
void hex_encode(const uint8_t *data, size_t size, char *hex /* [2 * size + 1] */);
/* Exactly 2 * size digits, and a zero; false otherwise, and data[] may have changed. */
bool hex_decode(const char *hex, uint8_t *data, size_t size);
/* Digits alone, two for each byte. How many bytes; -1: it is something else, or more than `room`. */
int hex_read(const char *hex, uint8_t *data, size_t room);

#endif
