/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/jsontext.h"

struct reading {
    const char *text;
    size_t size;
    char *why;
    size_t why_size;
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct reading *in,
                                                        const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(in->why, in->why_size, format, arguments);
    va_end(arguments);
    return -EINVAL;
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
static int judge_text(const struct reading *in, json_object *document)
{
    const struct json_text found = json_text_scan(in->text, in->size);
    char member[40] = "";

    if (found.wrong) {
        for (size_t i = 0; i < found.member_size && i < sizeof(member) - 1; i++) {
            const char c = found.member[i];

            member[i] = c < 0x20 || c > 0x7e ? '?' : c;
        }
        return refuse(in, "%s%s%s, byte %zu", member, *member ? ": " : "", found.wrong, found.at);
    }
    /* json-c keeps the last of equal members; which was meant is not for us to guess. */
    return count_members(document) == found.members ? 0 : refuse(in, "a member occurs twice");
}

static int judge(const struct reading *in, json_tokener *tokener, json_object *document)
{
    const enum json_tokener_error error = json_tokener_get_error(tokener);
    const size_t end = json_tokener_get_parse_end(tokener);

    if (error == json_tokener_continue) {
        return refuse(in, "no JSON: it ends too early, at byte %zu", in->size);
    }
    if (error != json_tokener_success) {
        return refuse(in, "no JSON, byte %zu: %s", end, json_tokener_error_desc(error));
    }
    if (!only_spaces(in->text + end, in->text + in->size)) {
        return refuse(in, "something follows the object");
    }
    if (!json_object_is_type(document, json_type_object)) {
        return refuse(in, "an object expected");
    }
    return judge_text(in, document);
}

int json_read(const char *text, size_t size, json_object **document, char *why, size_t why_size)
{
    const struct reading in = {text, size, why, why_size};
    json_tokener *tokener;
    int rc;

    *document = NULL;
    if (size > INT_MAX) {
        return refuse(&in, "more than %d bytes", INT_MAX);
    }
    tokener = json_tokener_new_ex(JSON_DEPTH);
    if (!tokener) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    *document = json_tokener_parse_ex(tokener, text, (int)size);
    rc = judge(&in, tokener, *document);
    json_tokener_free(tokener);
    if (rc) {
        json_object_put(*document);
        *document = NULL;
    }
    return rc;
}

bool json_whole(json_object *value, int64_t *number)
{
    *number = json_object_get_int64(value);
    return json_object_is_type(value, json_type_int) &&
           (*number < 0 || json_object_get_uint64(value) <= INT64_MAX);
}

bool json_unsigned(json_object *value, uint64_t least, uint64_t most, uint64_t *number)
{
    const uint64_t found = json_object_get_uint64(value);

    if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0 ||
        found < least || found > most) {
        return false;
    }
    *number = found;
    return true;
}

json_object *json_member(json_object *object, const char *name)
{
    json_object *member = NULL;

    (void)json_object_object_get_ex(object, name, &member);
    return member;
}

const char *json_member_text(json_object *object, const char *name)
{
    json_object *member = json_member(object, name);

    return json_object_is_type(member, json_type_string) ? json_object_get_string(member) : NULL;
}

bool json_member_true(json_object *object, const char *name)
{
    json_object *member = json_member(object, name);

    return json_object_is_type(member, json_type_boolean) && json_object_get_boolean(member);
}
