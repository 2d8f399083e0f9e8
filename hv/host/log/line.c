/* SPDX-License-Identifier: MIT */
#include "log/line.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void line_raw(struct line *line, const char *text, size_t size)
{
    if (line->overflow || size > line->capacity - line->used) {
        line->overflow = true;
        return;
    }
    memcpy(line->text + line->used, text, size);
    line->used += size;
}

__attribute__((format(printf, 2, 3))) static void print(struct line *line, const char *format, ...)
{
    char text[160];
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof(text))
        line->overflow = true;
    else
        line_raw(line, text, (size_t)length);
}

void line_number(struct line *line, const char *key, uint64_t value)
{
    print(line, ",\"%s\":%" PRIu64, key, value);
}

void line_signed(struct line *line, const char *key, int64_t value)
{
    print(line, ",\"%s\":%" PRId64, key, value);
}

void line_boolean(struct line *line, const char *key, bool value)
{
    print(line, ",\"%s\":%s", key, value ? "true" : "false");
}

void line_address(struct line *line, const char *key, uint64_t value)
{
    print(line, ",\"%s\":\"0x%" PRIx64 "\"", key, value);
}

void line_identifier(struct line *line, const char *key, uint64_t value)
{
    print(line, ",\"%s\":\"%016" PRIx64 "\"", key, value);
}

void line_bytes(struct line *line, const char *key, const uint8_t *data, size_t size)
{
    print(line, ",\"%s\":\"", key);
    for (size_t i = 0; i < size; i++)
        print(line, "%02x", data[i]);
    line_raw(line, "\"", 1);
}

void line_numbers(struct line *line, const char *key, const uint64_t *values, size_t count)
{
    print(line, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++)
        print(line, i ? ",%" PRIu64 : "%" PRIu64, values[i]);
    line_raw(line, "]", 1);
}

size_t line_utf8(const char *bytes, size_t size)
{
    const unsigned char *text = (const unsigned char *)bytes;
    size_t length = text[0] < 0x80   ? 1
                    : text[0] < 0xc2 ? 0
                    : text[0] < 0xe0 ? 2
                    : text[0] < 0xf0 ? 3
                    : text[0] < 0xf5 ? 4
                                     : 0;

    if (!length || length > size)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
    bool surrogate = text[0] == 0xed && text[1] > 0x9f;
    bool beyond = text[0] == 0xf4 && text[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : length;
}

void line_text_bounded(struct line *line, const char *key, const char *value, size_t size)
{
    const unsigned char *text = (const unsigned char *)value;

    size = strnlen(value, size);
    print(line, ",\"%s\":\"", key);
    for (size_t i = 0; i < size;) {
        size_t length = line_utf8(value + i, size - i);

        if (!length) {
            print(line, "\\ufffd");
            i++;
            continue;
        }
        if (length == 1 && (text[i] == '"' || text[i] == '\\'))
            print(line, "\\%c", text[i]);
        else if (length == 1 && (text[i] < 0x20 || text[i] == 0x7f))
            print(line, "\\u%04x", text[i]);
        else
            line_raw(line, value + i, length);
        i += length;
    }
    line_raw(line, "\"", 1);
}

void line_text(struct line *line, const char *key, const char *value)
{
    line_text_bounded(line, key, value, strlen(value));
}
