/* SPDX-License-Identifier: MIT */
/* The form of a CWT: COSE_Sign1 (RFC 9052, 4.2; RFC 8392, 7.2). Its claims become those of a JWT.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "verify/items.h"
#include "verify/refuse.h"
#include "verify/token_check.h"

#define TAG_SIGN1 18u
#define CWT_TAG "\xd8\x3d" /* 61: RFC 8392, 6; it may stand before the other */
#define MAX_HEADER 256u
#define MAX_DEPTH 8u
#define MAX_BYTES 64u /* of one byte string in the claims */
#define ALG_ES256 (-7)

/* Of the header: RFC 9052, 3.1. */
#define HEADER_ALG "1"
#define HEADER_CRIT "2"
#define HEADER_KID "4"
#define HEADER_TYP "16" /* RFC 9596 */
#define TYP_CWT 61      /* of application/cwt: RFC 8392, 9.3.1 */
#define TYP_EAT_CWT 263 /* CoAP content format of application/eat+cwt: RFC 9782, 8.2 */

/* --- CBOR as JSON --- */

/* RFC 8392, 3.1; RFC 9711, 10.3. What is not looked at keeps its number. */
static const struct {
    uint64_t number;
    const char *name;
} labels[] = {
    {1, "iss"},           {2, "sub"},       {3, "aud"},         {4, "exp"},    {5, "nbf"},
    {6, "iat"},           {7, "jti"},       {10, "eat_nonce"},  {256, "ueid"}, {263, "dbgstat"},
    {265, "eat_profile"}, {266, "submods"}, {267, "bootcount"},
};

struct reading {
    struct items items;
    bool labelled; /* numbers of members are those of claims */
    const char *wrong;
};

static json_object *take_item(struct reading *in, unsigned int depth);

static void wrong(struct reading *in, const char *why)
{
    in->wrong = in->wrong ? in->wrong : why;
}

/* The name of a member. */
static void take_name(struct reading *in, char *name, size_t room)
{
    struct item key;

    name[0] = 0;
    if (!items_any(&in->items, "a member's name", &key)) {
        return;
    }
    if (key.kind == ITEM_TEXT && key.value < room && !memchr(key.data, 0, key.value)) {
        memcpy(name, key.data, key.value);
        name[key.value] = 0;
    } else if (key.kind == ITEM_NUMBER) {
        snprintf(name, room, "%" PRIu64, key.value);
        for (size_t i = 0; in->labelled && i < sizeof(labels) / sizeof(labels[0]); i++) {
            if (labels[i].number == key.value) {
                snprintf(name, room, "%s", labels[i].name);
            }
        }
    } else {
        wrong(in, "a member's name is no number, and no text of 1 to 63 bytes without zero bytes");
    }
}

static json_object *take_map(struct reading *in, uint64_t count, unsigned int depth)
{
    json_object *object = json_object_new_object();
    char name[64];

    if (!object) {
        wrong(in, "out of memory");
    }
    for (uint64_t i = 0; i < count && !in->wrong && !in->items.rc; i++) {
        json_object *value;

        take_name(in, name, sizeof(name));
        if (json_object_object_get_ex(object, name, NULL)) {
            wrong(in, "a member occurs twice");
        }
        value = take_item(in, depth);
        if (json_object_object_add(object, name, value)) {
            json_object_put(value);
            wrong(in, "out of memory");
        }
    }
    return object;
}

static json_object *take_array(struct reading *in, uint64_t count, unsigned int depth)
{
    json_object *list = json_object_new_array();

    if (!list) {
        wrong(in, "out of memory");
    }
    for (uint64_t i = 0; i < count && !in->wrong && !in->items.rc; i++) {
        json_object *value = take_item(in, depth);

        if (json_object_array_add(list, value)) {
            json_object_put(value);
            wrong(in, "out of memory");
        }
    }
    return list;
}

static json_object *take_text(struct reading *in, const struct item *item)
{
    if (item->value && memchr(item->data, 0, item->value)) {
        wrong(in, "a zero byte in a text");
        return NULL;
    }
    return json_object_new_string_len((const char *)item->data, (int)item->value);
}

static json_object *take_bytes(struct reading *in, const struct item *item)
{
    char text[2 * MAX_BYTES + 1];

    if (item->value > MAX_BYTES) {
        wrong(in, "a byte string of more than 64 bytes");
        return NULL;
    }
    hex_text(item->data, item->value, text, sizeof(text));
    return json_object_new_string(text);
}

static json_object *take_negative(struct reading *in, uint64_t value)
{
    if (value > INT64_MAX) {
        wrong(in, "a whole number beyond 64 bits");
        return NULL;
    }
    return json_object_new_int64(-1 - (int64_t)value);
}

/* NULL, which JSON calls null, is also what follows a wrong item. */
static json_object *take_item(struct reading *in, unsigned int depth)
{
    struct item item;

    if (!items_any(&in->items, "a claim", &item)) {
        return NULL;
    }
    if (depth == MAX_DEPTH) {
        wrong(in, "more than 8 levels");
        return NULL;
    }
    switch (item.kind) {
    case ITEM_NUMBER:
        return json_object_new_uint64(item.value);
    case ITEM_NEGATIVE:
        return take_negative(in, item.value);
    case ITEM_BYTES:
        return take_bytes(in, &item);
    case ITEM_TEXT:
        return take_text(in, &item);
    case ITEM_ARRAY:
        return take_array(in, item.value, depth + 1);
    case ITEM_MAP:
        return take_map(in, item.value, depth + 1);
    case ITEM_TRUTH:
        return json_object_new_boolean(item.value != 0);
    case ITEM_TAG:
        wrong(in, "a tag, which no claim has");
        return NULL;
    default:
        return NULL;
    }
}

/* A map and nothing else. NULL after a refusal. */
static json_object *decode_map(const struct token_check *check,
                               enum cloister_token_refusal_code code, const char *part,
                               struct cloister_bytes bytes, bool labelled)
{
    struct cloister_refusal refusal = {0};
    struct reading in = {.items = items_begin(bytes.data, bytes.size, &refusal),
                         .labelled = labelled};
    json_object *object = take_item(&in, 0);
    char found[sizeof(check->refusal->found)];

    if (items_end(&in.items)) {
        snprintf(found, sizeof(found), "%.60s: %.60s", refusal.what, refusal.found);
        wrong(&in, found);
    }
    if (!in.wrong && !json_object_is_type(object, json_type_object)) {
        wrong(&in, "no map");
    }
    if (in.wrong) {
        token_refuse(check, code, part, in.wrong);
        json_object_put(object);
        return NULL;
    }
    return object;
}

/* --- COSE_Sign1 --- */

struct sign1 {
    struct cloister_bytes header, payload, signature;
};

static bool read_sign1(const uint8_t *token, size_t size, struct sign1 *sign1)
{
    const size_t skip = size > 2 && !memcmp(token, CWT_TAG, 2) ? 2 : 0;
    struct items in = items_begin(token + skip, size - skip, NULL);
    struct items_map unprotected;

    items_tag(&in, TAG_SIGN1, "token");
    items_array(&in, 4, 4, "token");
    sign1->header = items_bytes(&in, 1, MAX_HEADER, "protected header");
    unprotected = items_map(&in, 0, "unprotected header");
    items_map_end(&in, &unprotected);
    sign1->payload = items_bytes(&in, 1, CLOISTER_TOKEN_MAX_SIZE, "claims");
    sign1->signature = items_bytes(&in, 64, 64, "signature");
    return items_end(&in) == 0;
}

/* The key's id is a byte string, which the key set has as text. */
static bool read_id(json_object *header, char id[MAX_BYTES + 1])
{
    json_object *value;
    const char *hex;

    if (!json_object_object_get_ex(header, HEADER_KID, &value) ||
        !json_object_is_type(value, json_type_string)) {
        return false;
    }
    hex = json_object_get_string(value);
    for (size_t i = 0; hex[2 * i] && hex[2 * i + 1]; i++) {
        unsigned int byte;

        if (sscanf(hex + 2 * i, "%2x", &byte) != 1 || !byte) {
            return false;
        }
        id[i] = (char)byte;
        id[i + 1] = 0;
    }
    return true;
}

/* RFC 9596, 2: a CoAP content format, or a media type, of which application/ may be left out. */
static bool is_type(json_object *type)
{
    const char *text = json_object_get_string(type);

    if (json_object_is_type(type, json_type_int)) {
        return json_object_get_int64(type) == TYP_EAT_CWT || json_object_get_int64(type) == TYP_CWT;
    }
    if (!json_object_is_type(type, json_type_string)) {
        return false;
    }
    text += strncasecmp(text, "application/", 12) ? 0 : 12;
    return !strcasecmp(text, "eat+cwt") || !strcasecmp(text, "cwt");
}

static int check_header(const struct token_check *check, json_object *header, const uint8_t **point)
{
    char id[MAX_BYTES + 1] = "";
    json_object *algorithm, *type;

    if (!json_object_object_get_ex(header, HEADER_ALG, &algorithm) ||
        !json_object_is_type(algorithm, json_type_int) ||
        json_object_get_int64(algorithm) != ALG_ES256) {
        return token_refuse(check, CLOISTER_TOKEN_ALGORITHM, "-7 (ES256)",
                            json_object_object_get_ex(header, HEADER_ALG, &algorithm)
                                ? json_object_get_string(algorithm)
                                : "");
    }
    if (json_object_object_get_ex(header, HEADER_CRIT, NULL)) {
        return token_refuse(check, CLOISTER_TOKEN_ALGORITHM, "no crit", "crit");
    }
    if (json_object_object_get_ex(header, HEADER_TYP, &type) && !is_type(type)) {
        return token_refuse(check, CLOISTER_TOKEN_TYPE, "263 (eat+cwt)",
                            json_object_get_string(type));
    }
    return token_check_key(check, read_id(header, id) ? id : NULL, point);
}

/* The head of a byte string of this size: RFC 8949, 3. Returns the head's own size. */
static size_t bytes_head(size_t size, uint8_t head[3])
{
    head[0] = size < 24 ? (uint8_t)(0x40 | size) : size <= UINT8_MAX ? 0x58 : 0x59;
    if (size < 24) {
        return 1;
    }
    if (size <= UINT8_MAX) {
        head[1] = (uint8_t)size;
        return 2;
    }
    head[1] = (uint8_t)(size >> 8);
    head[2] = (uint8_t)size;
    return 3;
}

/* Over a Sig_structure (RFC 9052, 4.4). */
static int check_signature(const struct token_check *check, const struct sign1 *sign1,
                           const uint8_t *point)
{
    static const uint8_t context[] = "\x84\x6aSignature1", no_data[] = {0x40};
    uint8_t heads[2][3];
    const struct cloister_bytes pieces[] = {
        {context, sizeof(context) - 1},
        {heads[0], bytes_head(sign1->header.size, heads[0])},
        sign1->header,
        {no_data, sizeof(no_data)},
        {heads[1], bytes_head(sign1->payload.size, heads[1])},
        sign1->payload,
    };

    _Static_assert(CLOISTER_TOKEN_MAX_SIZE <= UINT16_MAX + 1,
                   "the head of a payload has two bytes");
    return token_check_signature(check, pieces, sizeof(pieces) / sizeof(pieces[0]),
                                 sign1->signature.data, point);
}

int token_open_cwt(const struct token_check *check, const uint8_t *token, size_t size,
                   json_object **claims)
{
    const uint8_t *point = NULL;
    struct sign1 sign1;
    json_object *header;
    int rc;

    if (size >= CLOISTER_TOKEN_MAX_SIZE || !read_sign1(token, size, &sign1)) {
        return token_refuse(check, CLOISTER_TOKEN_MALFORMED,
                            "a COSE_Sign1 with its tag, less than 64 KiB, nothing unprotected", "");
    }
    header = decode_map(check, CLOISTER_TOKEN_MALFORMED, "a protected header", sign1.header, false);
    if (!header) {
        return -EACCES;
    }
    rc = check_header(check, header, &point);
    json_object_put(header);
    rc = rc ? rc : check_signature(check, &sign1, point);
    if (rc) {
        return rc;
    }
    *claims = decode_map(check, CLOISTER_TOKEN_CLAIMS, "claims in CBOR", sign1.payload, true);
    return *claims ? 0 : -EACCES;
}

int cloister_token_verify_cwt(const uint8_t *token, size_t size,
                              const struct cloister_token_keys *keys,
                              const struct cloister_token_expectation *expectation,
                              struct cloister_token_refusal *refusal)
{
    const struct token_check check = {.keys = keys, .expected = expectation, .refusal = refusal};
    json_object *claims = NULL;
    int rc;

    if (refusal) {
        memset(refusal, 0, sizeof(*refusal));
    }
    if (!token_is_complete(expectation)) {
        return -EINVAL;
    }
    rc = token_open_cwt(&check, token, size, &claims);
    if (!rc) {
        rc = token_check_claims(&check, claims);
        json_object_put(claims);
    }
    return rc;
}
