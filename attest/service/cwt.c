/* SPDX-License-Identifier: MIT */
#include "service/cwt.h"

#include <cbor.h>
#include <stdlib.h>
#include <string.h>

#include "verify/base64.h"

#define TAG_SIGN1 18u
#define HEADER_ALG 1u
#define HEADER_KID 4u
#define HEADER_TYP 16u   /* RFC 9596 */
#define ALG_ES256 6u     /* as a negative integer: -7 */
#define TYP_EAT_CWT 263u /* CoAP content format of application/eat+cwt: RFC 9782, 8.2 */

/* What does not fit, here or in `value`, sets `bad`. */
struct output {
    uint8_t *data;
    size_t used, room;
    bool bad;
};

static void wrote(struct output *out, size_t size)
{
    out->used += size;
    out->bad |= size == 0;
}

#define PUT(out, encode, value)                                                                    \
    wrote(out, encode(value, (out)->data + (out)->used, (out)->room - (out)->used))

static void put_raw(struct output *out, const void *data, size_t size)
{
    if (size > out->room - out->used) {
        out->bad = true;
        return;
    }
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

enum form { PLAIN, HEX, URL64, DEBUG_STATUS };

/* RFC 8392, 3.1; RFC 9711, 10.3 (IANA: CBOR Web Token Claims). */
static const struct label {
    const char *name;
    uint64_t number;
    enum form form;
} labels[] = {
    {"iss", 1, PLAIN},
    {"sub", 2, PLAIN},
    {"aud", 3, PLAIN},
    {"exp", 4, PLAIN},
    {"nbf", 5, PLAIN},
    {"iat", 6, PLAIN},
    {"jti", 7, HEX},
    {"eat_nonce", 10, HEX},
    {"ueid", 256, URL64},
    {"dbgstat", 263, DEBUG_STATUS},
    {"eat_profile", 265, PLAIN},
    {"submods", 266, PLAIN},
    {"bootcount", 267, PLAIN},
};

static void put_value(struct output *out, json_object *value, bool claims);

static void put_hex(struct output *out, const char *text, size_t length)
{
    uint8_t bytes[64];
    char pair[3] = "";

    for (size_t i = 0; i < length / 2 && i < sizeof(bytes); i++) {
        memcpy(pair, text + 2 * i, 2);
        bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    out->bad |= length / 2 > sizeof(bytes);
    if (!out->bad) {
        put_bytes(out, bytes, length / 2);
    }
}

static void put_hex_list(struct output *out, json_object *list)
{
    PUT(out, cbor_encode_array_start, json_object_array_length(list));
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *one = json_object_array_get_idx(list, i);

        put_hex(out, json_object_get_string(one), (size_t)json_object_get_string_len(one));
    }
}

static void put_claim(struct output *out, const struct label *label, json_object *value)
{
    const char *text = json_object_get_string(value);
    size_t length = (size_t)json_object_get_string_len(value);
    uint8_t bytes[64];
    ssize_t size;

    PUT(out, cbor_encode_uint, label->number);
    switch (label->form) {
    case HEX:
        if (json_object_is_type(value, json_type_array)) { /* of nonces */
            put_hex_list(out, value);
        } else {
            put_hex(out, text, length);
        }
        break;
    case URL64:
        size = length < sizeof(bytes) ? base64_decode(BASE64_URL, text, length, bytes) : -1;
        out->bad |= size < 0;
        if (size >= 0) {
            put_bytes(out, bytes, (size_t)size);
        }
        break;
    case DEBUG_STATUS: /* RFC 9711, 4.2.9: 0 enabled, 2 disabled since boot */
        PUT(out, cbor_encode_uint, strcmp(text, "enabled") ? 2u : 0u);
        break;
    case PLAIN:
        /* The members of submods are named by us; each is a set of claims again. */
        if (label->number == 266) {
            PUT(out, cbor_encode_map_start, (size_t)json_object_object_length(value));
            json_object_object_foreach(value, name, submod)
            {
                put_text(out, name, strlen(name));
                put_value(out, submod, true);
            }
        } else {
            put_value(out, value, false);
        }
    }
}

/* `claims`: its members are claims, which may have numbers. */
static void put_object(struct output *out, json_object *object, bool claims)
{
    PUT(out, cbor_encode_map_start, (size_t)json_object_object_length(object));
    json_object_object_foreach(object, name, value)
    {
        const struct label *label = NULL;

        for (size_t i = 0; claims && i < sizeof(labels) / sizeof(labels[0]); i++) {
            if (!strcmp(name, labels[i].name)) {
                label = &labels[i];
            }
        }
        if (label) {
            put_claim(out, label, value);
        } else {
            put_text(out, name, strlen(name));
            put_value(out, value, false);
        }
    }
}

static void put_value(struct output *out, json_object *value, bool claims)
{
    switch (json_object_get_type(value)) {
    case json_type_object:
        put_object(out, value, claims);
        break;
    case json_type_array:
        PUT(out, cbor_encode_array_start, json_object_array_length(value));
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            put_value(out, json_object_array_get_idx(value, i), false);
        }
        break;
    case json_type_boolean:
        PUT(out, cbor_encode_bool, json_object_get_boolean(value));
        break;
    case json_type_int:
        PUT(out, cbor_encode_uint, json_object_get_uint64(value));
        break;
    case json_type_string:
        put_text(out, json_object_get_string(value), (size_t)json_object_get_string_len(value));
        break;
    default:
        out->bad = true;
    }
}

static void put_protected(struct output *out, const struct signer *signer)
{
    uint8_t header[64];
    struct output inner = {.data = header, .room = sizeof(header)};

    PUT(&inner, cbor_encode_map_start, 3);
    PUT(&inner, cbor_encode_uint, HEADER_ALG);
    PUT(&inner, cbor_encode_negint, ALG_ES256);
    PUT(&inner, cbor_encode_uint, HEADER_KID);
    put_bytes(&inner, signer->kid, strlen(signer->kid));
    PUT(&inner, cbor_encode_uint, HEADER_TYP);
    PUT(&inner, cbor_encode_uint, TYP_EAT_CWT);
    out->bad |= inner.bad;
    put_bytes(out, header, inner.used);
}

/* Sig_structure (RFC 9052, 4.4) of this payload. */
static int sign(const struct signer *signer, EVP_PKEY_CTX *context, const struct output *payload,
                uint8_t signature[SIGNER_SIGNATURE])
{
    struct output out = {.data = malloc(CWT_MAX), .room = CWT_MAX};
    int rc = -1;

    if (out.data) {
        PUT(&out, cbor_encode_array_start, 4);
        put_text(&out, "Signature1", 10);
        put_protected(&out, signer);
        put_bytes(&out, "", 0);
        put_bytes(&out, payload->data, payload->used);
        rc = out.bad ? -1 : signer_sign(context, out.data, out.used, signature);
    }
    free(out.data);
    return rc;
}

size_t cwt_encode(json_object *claims, const struct signer *signer, EVP_PKEY_CTX *context,
                  uint8_t *bytes)
{
    struct output payload = {.data = malloc(CWT_MAX), .room = CWT_MAX};
    struct output out = {.data = bytes, .room = CWT_MAX};
    uint8_t signature[SIGNER_SIGNATURE];

    if (!payload.data) {
        return 0;
    }
    put_object(&payload, claims, true);
    if (payload.bad || sign(signer, context, &payload, signature)) {
        out.bad = true;
    } else {
        PUT(&out, cbor_encode_tag, TAG_SIGN1);
        PUT(&out, cbor_encode_array_start, 4);
        put_protected(&out, signer);
        PUT(&out, cbor_encode_map_start, 0);
        put_bytes(&out, payload.data, payload.used);
        put_bytes(&out, signature, sizeof(signature));
    }
    free(payload.data);
    return out.bad ? 0 : out.used;
}
