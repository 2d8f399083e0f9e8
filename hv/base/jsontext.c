/* SPDX-License-Identifier: MIT */
#include "base/jsontext.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ZERO_ESCAPE "\\u0000"
#define NUMBER_ROOM 24u /* more than 64 bits have digits, and a sign */

/* RFC 8259, 7: the text that begins behind this quotation mark. Returns where its end stands. */
static size_t scan_string(const char *text, size_t size, size_t at, struct json_text *found)
{
    const size_t escape = sizeof(ZERO_ESCAPE) - 1;

    for (; at < size && text[at] != '"' && !found->wrong; at++) {
        if (size - at >= escape && !memcmp(text + at, ZERO_ESCAPE, escape)) {
            found->wrong = "a zero byte in a text or name";
        } else if ((unsigned char)text[at] < 0x20) {
            found->wrong =
                "no JSON: a control character in a text or name, which stands there as \\u00..";
        }
        found->at = at;
        at += text[at] == '\\';
    }
    return at;
}

static bool is_beyond(const char *number)
{
    errno = 0;
    if (*number == '-') {
        strtoll(number, NULL, 10);
    } else {
        strtoull(number, NULL, 10);
    }
    return errno == ERANGE;
}

/* RFC 8259, 6: the number that begins here. Returns where its last byte stands. */
static size_t scan_number(const char *text, size_t size, size_t at, struct json_text *found)
{
    char number[NUMBER_ROOM] = "";
    size_t used = 0;
    bool whole = true;

    found->at = at;
    for (; at < size && text[at] && strchr("+-0123456789.eE", text[at]); at++, used++) {
        whole = whole && !strchr(".eE", text[at]);
        if (used < sizeof(number) - 1) {
            number[used] = text[at];
        }
    }
    if (whole && (used >= sizeof(number) || is_beyond(number))) {
        found->wrong = "a whole number beyond 64 bits";
    }
    return at - 1;
}

struct json_text json_text_scan(const char *text, size_t size)
{
    struct json_text found = {0};
    size_t begin = 0, end = 0; /* of the last text */

    for (size_t at = 0; at < size && !found.wrong; at++) {
        if (text[at] == '"') {
            begin = at + 1;
            end = at = scan_string(text, size, begin, &found);
        } else if (text[at] == ':') {
            found.members++;
            found.member = text + begin;
            found.member_size = end - begin;
        } else if (text[at] == '\'') {
            found.wrong = "no JSON: an apostrophe is no quotation mark";
            found.at = at;
        } else if (text[at] == '-' || (text[at] >= '0' && text[at] <= '9')) {
            at = scan_number(text, size, at, &found);
        }
    }
    return found;
}
