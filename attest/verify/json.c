/* SPDX-License-Identifier: MIT */
#include "verify/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"

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

void json_hex(struct json_reader *in, const char *path, json_object *value, size_t size,
              uint8_t *bytes)
{
    const char *text = take_text(in, path, value);

    if (!text || !hex_decode(text, bytes, size)) {
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

json_object *json_document(struct json_reader *in, const char *text, size_t size)
{
    json_object *document = NULL;
    char why[200];
    int rc;

    if (size > CLOISTER_POLICY_MAX_SIZE) {
        json_refuse(in, "", "more than %u bytes", CLOISTER_POLICY_MAX_SIZE);
        return NULL;
    }
    rc = json_read(text, size, &document, why, sizeof(why));
    if (rc == -ENOMEM) {
        in->rc = rc;
    } else if (rc) {
        json_refuse(in, "", "%s", why);
    }
    return document;
}
