/* SPDX-License-Identifier: MIT */
/* The issuer's key set. */
#include "verify/token_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "verify/base64.h"
#include "verify/json.h"

#define COORDINATE_TEXT 43 /* 32 bytes in Base64 for URLs */
#define ID_SIZE 64u

struct cloister_token_keys {
    size_t count;
    struct {
        char id[ID_SIZE];
        uint8_t point[64];
    } keys[CLOISTER_TOKEN_MAX_KEYS];
    size_t unfit_count;
    char unfit[CLOISTER_TOKEN_MAX_KEYS][ID_SIZE]; /* keys on P-256 that are not for verifying */
};

static const char *text_of(json_object *key, const char *name)
{
    json_object *value;

    return json_object_object_get_ex(key, name, &value) &&
                   json_object_is_type(value, json_type_string)
               ? json_object_get_string(value)
               : "";
}

static bool take_coordinate(json_object *key, const char *name, uint8_t coordinate[32])
{
    uint8_t bytes[COORDINATE_TEXT / 4 * 3 + 2];
    const char *text = text_of(key, name);

    if (strlen(text) != COORDINATE_TEXT ||
        base64_decode(BASE64_URL, text, COORDINATE_TEXT, bytes) != 32) {
        return false;
    }
    memcpy(coordinate, bytes, 32);
    return true;
}

/* Absent, or exactly this text. */
static bool may_be(json_object *key, const char *name, const char *text)
{
    json_object *value;

    return !json_object_object_get_ex(key, name, &value) ||
           (json_object_is_type(value, json_type_string) &&
            !strcmp(json_object_get_string(value), text));
}

/* RFC 7517, 4.3: a list of texts, or absent. */
static bool may_verify(json_object *key)
{
    json_object *list;
    bool found = false;

    if (!json_object_object_get_ex(key, "key_ops", &list)) {
        return true;
    }
    for (size_t i = 0;
         json_object_is_type(list, json_type_array) && i < json_object_array_length(list); i++) {
        json_object *operation = json_object_array_get_idx(list, i);

        found = found || (json_object_is_type(operation, json_type_string) &&
                          !strcmp(json_object_get_string(operation), "verify"));
    }
    return found;
}

/* Its name alone is kept, so that a token can be refused for the right reason. */
static void pass_over(struct cloister_token_keys *keys, const char *id)
{
    if (keys->unfit_count < CLOISTER_TOKEN_MAX_KEYS && *id && strlen(id) < ID_SIZE) {
        strcpy(keys->unfit[keys->unfit_count++], id);
    }
}

/* Keys of another kind, or for another use, are passed over (RFC 7517, 5). */
static void take_key(struct json_reader *in, struct cloister_token_keys *keys, json_object *key)
{
    const char *id = text_of(key, "kid");

    if (strcmp(text_of(key, "kty"), "EC") != 0 || strcmp(text_of(key, "crv"), "P-256") != 0) {
        return;
    }
    if (!may_be(key, "use", "sig") || !may_be(key, "alg", "ES256") || !may_verify(key)) {
        pass_over(keys, id);
        return;
    }
    if (keys->count == CLOISTER_TOKEN_MAX_KEYS) {
        json_refuse(in, "keys", "at most %u on P-256 expected", CLOISTER_TOKEN_MAX_KEYS);
    } else if (!*id || strlen(id) >= ID_SIZE) {
        json_refuse(in, "kid", "1 to %u bytes expected", ID_SIZE - 1);
    } else if (token_keys_find(keys, id)) {
        json_refuse(in, "kid", "occurs twice");
    } else if (!take_coordinate(key, "x", keys->keys[keys->count].point) ||
               !take_coordinate(key, "y", keys->keys[keys->count].point + 32)) {
        json_refuse(in, "x, y", "32 bytes each in Base64 for URLs expected");
    } else {
        strcpy(keys->keys[keys->count++].id, id);
    }
}

int cloister_token_keys_parse(const char *json, size_t size, struct cloister_token_keys **keys,
                              char *why, size_t why_size)
{
    struct json_reader in = {.why = why, .why_size = why_size};
    struct cloister_token_keys *found = calloc(1, sizeof(*found));
    json_object *document = found ? json_document(&in, json, size) : NULL, *list;

    if (!found) {
        return -ENOMEM;
    }
    if (document && (!json_object_object_get_ex(document, "keys", &list) ||
                     !json_object_is_type(list, json_type_array))) {
        json_refuse(&in, "keys", "array expected");
    }
    for (size_t i = 0; document && !in.rc && i < json_object_array_length(list); i++) {
        take_key(&in, found, json_object_array_get_idx(list, i));
    }
    json_object_put(document);
    if (!found->count && !found->unfit_count) {
        json_refuse(&in, "keys", "no key on P-256");
    }
    if (in.rc) {
        free(found);
        return in.rc;
    }
    *keys = found;
    return 0;
}

void cloister_token_keys_free(struct cloister_token_keys *keys)
{
    free(keys);
}

const uint8_t *token_keys_find(const struct cloister_token_keys *keys, const char *id)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->keys[i].id, id) == 0) {
            return keys->keys[i].point;
        }
    }
    return NULL;
}

bool token_keys_unfit(const struct cloister_token_keys *keys, const char *id)
{
    for (size_t i = 0; i < keys->unfit_count; i++) {
        if (strcmp(keys->unfit[i], id) == 0) {
            return true;
        }
    }
    return false;
}
