/* SPDX-License-Identifier: MIT */
#include "server/body.h"

#include <stdlib.h>
#include <string.h>

#include "verify/base64.h"
#include "verify/json.h"

static bool printable(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

static ssize_t decode_hex(const char *text, size_t length, uint8_t *data)
{
    if (length % 2) {
        return -1;
    }
    for (size_t i = 0; i < length; i++) {
        const char *digits = "0123456789abcdef", *found = strchr(digits, text[i]);

        if (!text[i] || !found) {
            return -1;
        }
        data[i / 2] = (uint8_t)(data[i / 2] << 4 | (found - digits));
    }
    return (ssize_t)(length / 2);
}

static void take_bytes(struct json_reader *in, const struct field *field, const char *text,
                       size_t length, struct taken *taken, uint8_t **memory)
{
    bool base64 = field->type == FIELD_BASE64;
    size_t most = base64 ? BASE64_ROOM(field->most) : 2 * (size_t)field->most;
    ssize_t size = -1;

    if (length <= most) {
        *memory = calloc(1, length + 4);
        if (!*memory) {
            in->rc = -1;
            return;
        }
        size = base64 ? base64_decode(BASE64_STANDARD, text, length, *memory)
                      : decode_hex(text, length, *memory);
    }
    if (size < (ssize_t)field->least || size > (ssize_t)field->most) {
        json_refuse(in, field->name, "%u to %u bytes in %s expected", field->least, field->most,
                    base64 ? "standard Base64 with padding" : "lower-case hexadecimal");
    }
    taken->bytes = (struct cloister_bytes){*memory, size > 0 ? (size_t)size : 0};
}

static void take_field(struct json_reader *in, const struct field *field, json_object *value,
                       struct taken *taken, uint8_t **memory)
{
    enum json_type wanted = field->type == FIELD_NUMBER ? json_type_int : json_type_string;
    size_t length;

    if (!json_object_is_type(value, wanted)) {
        json_refuse(in, field->name, "%s expected, not %s",
                    wanted == json_type_int ? "a whole number" : "a text",
                    json_type_to_name(json_object_get_type(value)));
        return;
    }
    taken->given = true;
    if (field->type == FIELD_NUMBER) {
        if (!json_whole(value, &taken->number) || taken->number < field->least ||
            taken->number > field->most) {
            json_refuse(in, field->name, "%u to %u expected", field->least, field->most);
        }
        return;
    }
    taken->text = json_object_get_string(value);
    length = (size_t)json_object_get_string_len(value);
    if (field->type != FIELD_TEXT) {
        take_bytes(in, field, taken->text, length, taken, memory);
    } else if (length < field->least || length > field->most || !printable(taken->text, length)) {
        json_refuse(in, field->name, "%u to %u printable ASCII characters expected", field->least,
                    field->most);
    }
}

static void take_all(struct json_reader *in, struct body *body, const struct field *fields,
                     size_t count)
{
    json_object_object_foreach(body->document, name, value)
    {
        size_t i = 0;

        while (i < count && strcmp(fields[i].name, name)) {
            i++;
        }
        if (i == count) {
            json_refuse(in, "", "there is no member '%.40s' here", name);
        } else if (!in->rc && !(fields[i].optional && json_object_is_type(value, json_type_null))) {
            take_field(in, &fields[i], value, &body->fields[i], &body->memory[i]);
        }
    }
    for (size_t i = 0; i < count && !in->rc; i++) {
        if (!body->fields[i].given && !fields[i].optional) {
            json_refuse(in, fields[i].name, "it is missing");
        }
    }
}

bool body_parse(const char *text, size_t size, struct body *body, const struct field *fields,
                size_t count, char *why, size_t why_size)
{
    struct json_reader in = {.why = why, .why_size = why_size};

    memset(body, 0, sizeof(*body));
    body->document = json_document(&in, text, size);
    if (body->document) {
        take_all(&in, body, fields, count);
    }
    if (in.rc) {
        body_release(body);
    }
    return !in.rc;
}

bool body_take(struct request *request, struct body *body, const struct field *fields, size_t count)
{
    char why[256] = "out of memory";

    if (!body_parse(request->body, request->size, body, fields, count, why, sizeof(why))) {
        reply_error(request, 400, "bad-request", "%s", why);
        return false;
    }
    return true;
}

void body_release(struct body *body)
{
    for (size_t i = 0; i < BODY_FIELDS; i++) {
        free(body->memory[i]);
    }
    json_object_put(body->document);
    memset(body, 0, sizeof(*body));
}
