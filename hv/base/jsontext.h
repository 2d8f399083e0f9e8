/* SPDX-License-Identifier: MIT */
/*
 * What json-c does not tell of a text that it has parsed (RFC 8259): that a name or text has a zero
 * byte in it, behind which comparisons do not look; that a whole number is beyond 64 bits, which it
 * replaces by the largest; that a member occurs twice, of which it keeps the last; apostrophes as
 * quotation marks and raw control characters, which it takes.
 */
#ifndef CLOISTER_BASE_JSONTEXT_H
#define CLOISTER_BASE_JSONTEXT_H

#include <stddef.h>

struct json_text {
    size_t members;     /* of all objects together: colons outside of texts */
    const char *wrong;  /* the first thing that is; NULL: nothing */
    size_t at;          /* its byte */
    const char *member; /* the name that stands before it, `member_size` bytes of the text */
    size_t member_size; /* 0: none does */
};

/* Looks at text[size], which json-c has taken for JSON. */
struct json_text json_text_scan(const char *text, size_t size);

#endif
