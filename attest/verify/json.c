/* SPDX-License-Identifier: MIT */
#include "verify/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verify/json_text.h"

#define MAX_DEPTH 8
#define MAX_ALTERNATIVES 100000u

void json_refuse(struct json_reader *in, const char *path, const char *format, ...)
{
    va_list arguments;
    char text[320];

    if (in->rc) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    in->rc = -EINVAL;
    if (in->why && in->why_size) {
        snprintf(in->why, in->why_size, "%s%s%s", path, *path ? ": " : "", text);
    }
}

static bool is_type(struct json_reader *in, const char *path, json_object *value,
                    enum json_type type)
{
    if (json_object_get_type(value) != type) {
        json_refuse(in, path, "%s expected, not %s", json_type_to_name(type),
                    json_type_to_name(json_object_get_type(value)));
    }
    return !in->rc;
}

/* The text, or NULL after a refusal. */
static const char *take_text(struct json_reader *in, const char *path, json_object *value)
{
    const char *text;

    if (!is_type(in, path, value, json_type_string)) {
        return NULL;
    }
    text = json_object_get_string(value);
    for (int i = 0; i < json_object_get_string_len(value); i++) {
        if (text[i] < 0x20 || text[i] > 0x7e) {
            json_refuse(in, path, "printable ASCII expected");
            return NULL;
        }
    }
    return text;
}

void json_name(struct json_reader *in, const char *path, json_object *value,
               char name[CLOISTER_NAME_SIZE])
{
    const char *text = take_text(in, path, value);

    if (!text) {
        return;
    }
    if (strlen(text) >= CLOISTER_NAME_SIZE || !*text) {
        json_refuse(in, path, "1 to %u bytes expected", CLOISTER_NAME_SIZE - 1);
        return;
    }
    strcpy(name, text);
}

void json_truth(struct json_reader *in, const char *path, json_object *value, bool *truth)
{
    if (is_type(in, path, value, json_type_boolean)) {
        *truth = json_object_get_boolean(value);
    }
}

bool json_whole(json_object *value, int64_t *number)
{
    *number = json_object_get_int64(value);
    return json_object_is_type(value, json_type_int) &&
           (*number < 0 || json_object_get_uint64(value) <= INT64_MAX);
}

void json_number(struct json_reader *in, const char *path, json_object *value, uint32_t least,
                 uint32_t most, uint32_t *number)
{
    int64_t found;

    if (!is_type(in, path, value, json_type_int)) {
        return;
    }
    if (!json_whole(value, &found) || found < least || found > most) {
        json_refuse(in, path, "%" PRIu32 "..%" PRIu32 " expected, not %s", least, most,
                    json_object_get_string(value));
        return;
    }
    *number = (uint32_t)found;
}

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

void json_hex(struct json_reader *in, const char *path, json_object *value, size_t size,
              uint8_t *bytes)
{
    const char *text = take_text(in, path, value);
    bool good = text && strlen(text) == 2 * size;

    for (size_t i = 0; i < size && good; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

        good = high >= 0 && low >= 0;
        if (good) {
            bytes[i] = (uint8_t)(high << 4 | low);
        }
    }
    if (!good) {
        json_refuse(in, path, "%zu hexadecimal digits expected", 2 * size);
    }
}

void json_alternatives(struct json_reader *in, const char *path, json_object *value, size_t size,
                       struct alternatives *alternatives)
{
    bool list = json_object_is_type(value, json_type_array);
    size_t count = list ? json_count(in, path, value, MAX_ALTERNATIVES) : 1;

    if (in->rc) {
        return;
    }
    alternatives->values = malloc(count * size);
    if (!alternatives->values) {
        in->rc = -ENOMEM;
        return;
    }
    alternatives->count = count;
    alternatives->size = size;
    for (size_t i = 0; i < count; i++) {
        json_hex(in, path, list ? json_object_array_get_idx(value, i) : value, size,
                 alternatives->values + i * size);
    }
}

void json_version(struct json_reader *in, const char *path, json_object *value, uint32_t *version)
{
    const char *text = take_text(in, path, value);
    unsigned int parts[3] = {0};
    char rest;

    if (!text) {
        return;
    }
    if (text[strspn(text, "0123456789.")] ||
        sscanf(text, "%4u.%3u.%3u%c", &parts[0], &parts[1], &parts[2], &rest) != 3 ||
        parts[1] > 255 || parts[2] > 255) {
        json_refuse(in, path, "MAJOR.MINOR.PATCH expected");
        return;
    }
    *version = parts[0] << 16 | parts[1] << 8 | parts[2];
}

size_t json_count(struct json_reader *in, const char *path, json_object *value, size_t most)
{
    size_t count;

    if (!is_type(in, path, value, json_type_array)) {
        return 0;
    }
    count = json_object_array_length(value);
    if (count < 1 || count > most) {
        json_refuse(in, path, "1..%zu elements expected, not %zu", most, count);
        return 0;
    }
    return count;
}

/* How many members all objects have together. */
static size_t count_members(json_object *value)
{
    size_t count = 0;

    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, member)
        {
            (void)key;
            count += 1 + count_members(member);
        }
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            count += count_members(json_object_array_get_idx(value, i));
        }
    }
    return count;
}

static bool only_spaces(const char *text, const char *end)
{
    while (text < end && (*text == ' ' || *text == '\t' || *text == '\r' || *text == '\n')) {
        text++;
    }
    return text == end;
}

/* What json-c does not say. */
static void judge_text(struct json_reader *in, const char *text, size_t size, json_object *document)
{
    const struct json_text found = json_text_scan(text, size);
    char member[40] = "";

    if (found.wrong) {
        for (size_t i = 0; i < found.member_size && i < sizeof(member) - 1; i++) {
            const char c = found.member[i];

            member[i] = c < 0x20 || c > 0x7e ? '?' : c;
        }
        json_refuse(in, member, "%s, byte %zu", found.wrong, found.at);
    } else if (count_members(document) != found.members) {
        /* json-c keeps the last of equal members; which was meant is not for us to guess. */
        json_refuse(in, "", "a member occurs twice");
    }
}

static void judge_parse(struct json_reader *in, json_tokener *tokener, const char *text,
                        size_t size, json_object *document)
{
    const enum json_tokener_error error = json_tokener_get_error(tokener);
    const size_t end = json_tokener_get_parse_end(tokener);

    if (error == json_tokener_continue) {
        json_refuse(in, "", "no JSON: it ends too early, at byte %zu", size);
    } else if (error != json_tokener_success) {
        json_refuse(in, "", "no JSON, byte %zu: %s", end, json_tokener_error_desc(error));
    } else if (!only_spaces(text + end, text + size)) {
        json_refuse(in, "", "something follows the object");
    } else if (!json_object_is_type(document, json_type_object)) {
        json_refuse(in, "", "an object expected");
    } else {
        judge_text(in, text, size, document);
    }
}

json_object *json_document(struct json_reader *in, const char *text, size_t size)
{
    struct json_tokener *tokener = json_tokener_new_ex(MAX_DEPTH);
    json_object *document;

    if (!tokener) {
        in->rc = -ENOMEM;
        return NULL;
    }
    if (size > CLOISTER_POLICY_MAX_SIZE) {
        json_refuse(in, "", "more than %u bytes", CLOISTER_POLICY_MAX_SIZE);
        json_tokener_free(tokener);
        return NULL;
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    document = json_tokener_parse_ex(tokener, text, (int)size);
    judge_parse(in, tokener, text, size, document);
    json_tokener_free(tokener);
    if (in->rc) {
        json_object_put(document);
        return NULL;
    }
    return document;
}
