/* SPDX-License-Identifier: MIT */
#include "cwts.h"

#include <cbor.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

struct output {
    uint8_t *data;
    size_t used;
};

#define PUT(out, encode, value)                                                                    \
    ((out)->used += encode(value, (out)->data + (out)->used, CWT_ROOM - (out)->used))

static void put_raw(struct output *out, const void *data, size_t size)
{
    ck_assert_uint_le(out->used + size, CWT_ROOM);
    memcpy(out->data + out->used, data, size);
    out->used += size;
}

static void put_bytes(struct output *out, const void *data, size_t size)
{
    PUT(out, cbor_encode_bytestring_start, size);
    put_raw(out, data, size);
}

static void put_text(struct output *out, const char *text, size_t size)
{
    PUT(out, cbor_encode_string_start, size);
    put_raw(out, text, size);
}

static void put_name(struct output *out, const char *name)
{
    static const struct {
        const char *name;
        uint64_t number;
    } labels[] = {{"iss", 1}, {"aud", 3}, {"exp", 4}, {"nbf", 5}, {"submods", 266}};

    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        if (!strcmp(labels[i].name, name)) {
            PUT(out, cbor_encode_uint, labels[i].number);
            return;
        }
    }
    put_text(out, name, strlen(name));
}

static void put_value(struct output *out, json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_object:
        PUT(out, cbor_encode_map_start, (size_t)json_object_object_length(value));
        json_object_object_foreach(value, name, member)
        {
            put_name(out, name);
            put_value(out, member);
        }
        break;
    case json_type_array:
        PUT(out, cbor_encode_array_start, json_object_array_length(value));
        break;
    case json_type_boolean:
        PUT(out, cbor_encode_bool, json_object_get_boolean(value));
        break;
    case json_type_int:
        if (json_object_get_int64(value) < 0) {
            PUT(out, cbor_encode_negint, (uint64_t)(-1 - json_object_get_int64(value)));
        } else {
            PUT(out, cbor_encode_uint, json_object_get_uint64(value));
        }
        break;
    default:
        put_text(out, json_object_get_string(value), (size_t)json_object_get_string_len(value));
    }
}

size_t cwt_claims(json_object *claims, uint8_t bytes[CWT_ROOM])
{
    struct output out = {.data = bytes};

    put_value(&out, claims);
    json_object_put(claims);
    return out.used;
}

size_t cwt_header(const char *id, uint8_t *bytes)
{
    struct output out = {.data = bytes};

    put_raw(&out, "\xa2\x01\x26\x04", 4);
    put_bytes(&out, id, strlen(id));
    return out.used;
}

size_t cwt_sign(const struct issuer *issuer, const uint8_t *header, size_t header_size,
                const uint8_t *claims, size_t claims_size, uint8_t token[CWT_ROOM])
{
    uint8_t *signed_bytes = malloc(CWT_ROOM), signature[64];
    struct output to_sign = {.data = signed_bytes}, out = {.data = token};

    put_raw(&to_sign, "\x84\x6aSignature1", 12);
    put_bytes(&to_sign, header, header_size);
    put_bytes(&to_sign, "", 0);
    put_bytes(&to_sign, claims, claims_size);
    issuer_sign(issuer, signed_bytes, to_sign.used, signature);
    free(signed_bytes);
    put_raw(&out, "\xd2\x84", 2);
    put_bytes(&out, header, header_size);
    put_raw(&out, "\xa0", 1);
    put_bytes(&out, claims, claims_size);
    put_bytes(&out, signature, sizeof(signature));
    return out.used;
}
