/* SPDX-License-Identifier: MIT */
#include "verify/items.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <cbor/callbacks.h>
#include <cbor/streaming.h>

#include "verify/refuse.h"

#define TAG_HEAD 0xc0u /* RFC 8949, 3.1: major type 6; tags below 24 stand in the same byte */

static const char *const kind_names[] = {
    [ITEM_NUMBER] = "unsigned number",
    [ITEM_NEGATIVE] = "negative number",
    [ITEM_BYTES] = "byte string",
    [ITEM_TEXT] = "text string",
    [ITEM_ARRAY] = "array",
    [ITEM_MAP] = "map",
    [ITEM_TAG] = "tag",
    [ITEM_TRUTH] = "true or false",
    [ITEM_INDEFINITE] = "indefinite length",
    [ITEM_OTHER] = "another type",
};

static void set(void *context, enum item_kind kind, uint64_t value, const uint8_t *data)
{
    *(struct item *)context = (struct item){.kind = kind, .value = value, .data = data};
}

static void on_uint8(void *context, uint8_t value)
{
    set(context, ITEM_NUMBER, value, NULL);
}

static void on_uint16(void *context, uint16_t value)
{
    set(context, ITEM_NUMBER, value, NULL);
}

static void on_uint32(void *context, uint32_t value)
{
    set(context, ITEM_NUMBER, value, NULL);
}

static void on_uint64(void *context, uint64_t value)
{
    set(context, ITEM_NUMBER, value, NULL);
}

static void on_bytes(void *context, cbor_data data, size_t size)
{
    set(context, ITEM_BYTES, size, data);
}

static void on_array(void *context, size_t count)
{
    set(context, ITEM_ARRAY, count, NULL);
}

static void on_map(void *context, size_t count)
{
    set(context, ITEM_MAP, count, NULL);
}

static void on_tag(void *context, uint64_t tag)
{
    set(context, ITEM_TAG, tag, NULL);
}

static void on_indefinite(void *context)
{
    set(context, ITEM_INDEFINITE, 0, NULL);
}

static void on_negint8(void *context, uint8_t value)
{
    set(context, ITEM_NEGATIVE, value, NULL);
}

static void on_negint16(void *context, uint16_t value)
{
    set(context, ITEM_NEGATIVE, value, NULL);
}

static void on_negint32(void *context, uint32_t value)
{
    set(context, ITEM_NEGATIVE, value, NULL);
}

static void on_negint64(void *context, uint64_t value)
{
    set(context, ITEM_NEGATIVE, value, NULL);
}

static void on_string(void *context, cbor_data data, size_t size)
{
    set(context, ITEM_TEXT, size, data);
}

static void on_float(void *context, float value)
{
    (void)value;
    set(context, ITEM_OTHER, 0, NULL);
}

static void on_double(void *context, double value)
{
    (void)value;
    set(context, ITEM_OTHER, 0, NULL);
}

static void on_simple(void *context)
{
    set(context, ITEM_OTHER, 0, NULL);
}

static void on_boolean(void *context, bool value)
{
    set(context, ITEM_TRUTH, value, NULL);
}

static const struct cbor_callbacks callbacks = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = on_uint64,
    .negint8 = on_negint8,
    .negint16 = on_negint16,
    .negint32 = on_negint32,
    .negint64 = on_negint64,
    .byte_string_start = on_indefinite,
    .byte_string = on_bytes,
    .string = on_string,
    .string_start = on_indefinite,
    .indef_array_start = on_indefinite,
    .array_start = on_array,
    .indef_map_start = on_indefinite,
    .map_start = on_map,
    .tag = on_tag,
    .float2 = on_float,
    .float4 = on_float,
    .float8 = on_double,
    .undefined = on_simple,
    .null = on_simple,
    .boolean = on_boolean,
    .indef_break = on_indefinite,
};

struct items items_begin(const uint8_t *data, size_t size, struct cloister_refusal *refusal)
{
    return (struct items){.data = data, .left = size, .refusal = refusal};
}

void items_refuse(struct items *items, enum cloister_refusal_code code, const char *expected,
                  const char *found, const char *what)
{
    if (!items->rc) {
        refuse_text(items->refusal, code, expected, found, "%s", what);
        items->rc = -EBADMSG;
    }
}

static void refuse_range(struct items *items, enum cloister_refusal_code code, uint64_t least,
                         uint64_t most, uint64_t found, const char *what)
{
    char range[48], number[24];

    snprintf(range, sizeof(range), "%" PRIu64 "..%" PRIu64, least, most);
    snprintf(number, sizeof(number), "%" PRIu64, found);
    items_refuse(items, code, range, number, what);
}

int items_end(struct items *items)
{
    if (items->left) {
        refuse_range(items, CLOISTER_REFUSED_TRAILING_BYTES, 0, 0, items->left, "evidence");
    }
    return items->rc;
}

/* The size of the shortest head for this value: RFC 8949, 3 and 4.2.1. */
static size_t shortest_head(uint64_t value)
{
    return value < 24            ? 1
           : value <= UINT8_MAX  ? 2
           : value <= UINT16_MAX ? 3
           : value <= UINT32_MAX ? 5
                                 : 9;
}

/* How many bytes its head has, of `read`; 0: any number will do. */
static size_t head_size(const struct item *item, size_t read)
{
    switch (item->kind) {
    case ITEM_TRUTH:
    case ITEM_OTHER:
        return 0;
    case ITEM_BYTES:
    case ITEM_TEXT:
        return read - item->value;
    default:
        return read;
    }
}

/* Takes one item, of a kind that `wanted` names; false after a refusal. */
static bool take_any(struct items *items, const char *wanted, const char *what, struct item *item)
{
    struct cbor_decoder_result result;
    size_t head;

    if (items->rc) {
        return false;
    }
    *item = (struct item){.kind = ITEM_OTHER};
    result = cbor_stream_decode(items->data, items->left, &callbacks, item);
    head = head_size(item, result.read);
    if (result.status == CBOR_DECODER_NEDATA || items->left == 0) {
        items_refuse(items, CLOISTER_REFUSED_TRUNCATED, wanted, "the end", what);
    } else if (result.status != CBOR_DECODER_FINISHED) {
        items_refuse(items, CLOISTER_REFUSED_BAD_TYPE, wanted, "no CBOR", what);
    } else if (item->kind == ITEM_INDEFINITE) {
        items_refuse(items, CLOISTER_REFUSED_NOT_DETERMINISTIC, wanted, kind_names[ITEM_INDEFINITE],
                     what);
    } else if (head && head != shortest_head(item->value)) {
        items_refuse(items, CLOISTER_REFUSED_NOT_DETERMINISTIC, "the shortest head", "a longer one",
                     what);
    } else {
        items->data += result.read;
        items->left -= result.read;
    }
    return !items->rc;
}

bool items_any(struct items *items, const char *what, struct item *item)
{
    return take_any(items, "an item", what, item);
}

/* Takes one item of this kind; false after a refusal. */
static bool take(struct items *items, enum item_kind kind, const char *what, struct item *item)
{
    if (take_any(items, kind_names[kind], what, item) && item->kind != kind) {
        items_refuse(items, CLOISTER_REFUSED_BAD_TYPE, kind_names[kind], kind_names[item->kind],
                     what);
    }
    return !items->rc;
}

/* The same, with its value within limits. */
static bool take_within(struct items *items, enum item_kind kind, uint64_t least, uint64_t most,
                        enum cloister_refusal_code code, const char *what, struct item *item)
{
    if (!take(items, kind, what, item)) {
        return false;
    }
    if (item->value < least || item->value > most) {
        refuse_range(items, code, least, most, item->value, what);
        return false;
    }
    return true;
}

uint64_t items_number(struct items *items, uint64_t least, uint64_t most, const char *what)
{
    struct item item;

    return take_within(items, ITEM_NUMBER, least, most, CLOISTER_REFUSED_BAD_VALUE, what, &item)
               ? item.value
               : 0;
}

struct cloister_bytes items_bytes(struct items *items, size_t least, size_t most, const char *what)
{
    struct item item;

    if (!take_within(items, ITEM_BYTES, least, most, CLOISTER_REFUSED_BAD_SIZE, what, &item)) {
        return (struct cloister_bytes){NULL, 0};
    }
    return (struct cloister_bytes){item.data, (size_t)item.value};
}

uint64_t items_array(struct items *items, uint64_t least, uint64_t most, const char *what)
{
    struct item item;

    return take_within(items, ITEM_ARRAY, least, most, CLOISTER_REFUSED_BAD_SIZE, what, &item)
               ? item.value
               : 0;
}

/* By hand: libcbor 0.8 takes the one-byte heads of most tags, COSE's among them, for errors. */
void items_tag(struct items *items, uint8_t tag, const char *what)
{
    if (items->rc) {
        return;
    }
    if (items->left == 0) {
        items_refuse(items, CLOISTER_REFUSED_TRUNCATED, kind_names[ITEM_TAG], "the end", what);
    } else if (!items_tag_next(items)) {
        items_refuse(items, CLOISTER_REFUSED_BAD_TYPE, kind_names[ITEM_TAG], kind_names[ITEM_OTHER],
                     what);
    } else if (items->data[0] != (TAG_HEAD | tag)) {
        items_refuse(items, CLOISTER_REFUSED_BAD_VALUE, "the tag that it must have", "another",
                     what);
    } else {
        items->data++;
        items->left--;
    }
}

bool items_tag_next(const struct items *items)
{
    return !items->rc && items->left && (items->data[0] & 0xe0) == TAG_HEAD;
}

struct items_map items_map(struct items *items, uint64_t most, const char *name)
{
    struct items_map map = {.name = name};
    struct item item;

    if (take_within(items, ITEM_MAP, 0, most, CLOISTER_REFUSED_BAD_SIZE, name, &item)) {
        map.left = item.value;
    }
    return map;
}

static void refuse_key(struct items *items, const struct items_map *map, const char *expected,
                       bool found)
{
    char number[24] = "none";

    if (found) {
        snprintf(number, sizeof(number), "%" PRIu64, map->key);
    }
    if (!items->rc) {
        refuse_text(items->refusal, CLOISTER_REFUSED_BAD_KEY, expected, number, "a key of %s",
                    map->name);
        items->rc = -EBADMSG;
    }
}

bool items_optional(struct items *items, struct items_map *map, uint64_t key)
{
    if (!map->pending && map->left) {
        uint64_t last = map->key;

        map->key = items_number(items, 0, UINT64_MAX, map->name);
        map->left--;
        if (map->started && map->key <= last) {
            refuse_key(items, map, "a larger one than that before", true);
        }
        map->pending = map->started = true;
    }
    if (items->rc || !map->pending || map->key != key) {
        return false;
    }
    map->pending = false;
    return true;
}

void items_required(struct items *items, struct items_map *map, uint64_t key)
{
    char number[24];

    if (!items_optional(items, map, key)) {
        snprintf(number, sizeof(number), "%" PRIu64, key);
        refuse_key(items, map, number, map->pending);
    }
}

void items_map_end(struct items *items, struct items_map *map)
{
    if (map->pending || map->left) {
        refuse_key(items, map, "no more", map->pending);
    }
}
