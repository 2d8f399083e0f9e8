/* SPDX-License-Identifier: MIT */
/* Numbers as text: digits alone, without a sign, blanks, or what the C library reads besides. */
#ifndef CLOISTER_BASE_NUMBER_H
#define CLOISTER_BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Digits of `base` (2 to 16). False, and *number as it was: no number from `least` to `most`. */
__attribute__((warn_unused_result)) bool
number_read(const char *text, unsigned int base, uint64_t least, uint64_t most, uint64_t *number);

#endif
