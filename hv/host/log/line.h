/* SPDX-License-Identifier: MIT */
/*
 * Writes the members of a JSON object into a bounded buffer, each as `,"key":value`, without any
 * white space. Text from guests and toolstacks may be anything: what is not valid UTF-8 becomes
 * U+FFFD, control characters are escaped. A line that does not fit is marked, never cut silently.
 */
#ifndef CLOISTER_HOST_LINE_H
#define CLOISTER_HOST_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct line {
    char *text;
    size_t capacity;
    size_t used;
    bool overflow; /* something did not fit; the rest was dropped */
};

/* Length of the well-formed UTF-8 sequence at `text` (Unicode 15, table 3-7); 0 if there is none. */
size_t line_utf8(const char *text, size_t size);

void line_raw(struct line *line, const char *text, size_t size);
void line_number(struct line *line, const char *key, uint64_t value);
void line_signed(struct line *line, const char *key, int64_t value);
void line_boolean(struct line *line, const char *key, bool value);
void line_text(struct line *line, const char *key, const char *value);
/* At most `size` bytes of `value`, up to its first zero. */
void line_text_bounded(struct line *line, const char *key, const char *value, size_t size);
/* "0x..." : addresses and other values that people read in hexadecimal. */
void line_address(struct line *line, const char *key, uint64_t value);
/* 16 hexadecimal digits: identifiers. */
void line_identifier(struct line *line, const char *key, uint64_t value);
void line_bytes(struct line *line, const char *key, const uint8_t *data, size_t size);
/* An array of numbers. */
void line_numbers(struct line *line, const char *key, const uint64_t *values, size_t count);

#endif
