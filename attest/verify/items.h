/* SPDX-License-Identifier: MIT */
/*
 * Takes the items of deterministic CBOR (RFC 8949, 4.2.1) one by one, by libcbor's streaming
 * decoder: bytes are not copied, and nothing is allocated whatever sizes an item claims.
 *
 * A reader reads like the CDDL: it takes what must come. The first thing that is wrong ends it:
 * from then on every function does nothing and returns zero, and `rc` is -EBADMSG.
 */
#ifndef CLOISTER_VERIFY_ITEMS_H
#define CLOISTER_VERIFY_ITEMS_H

#include <stdbool.h>

#include "cloister/verify.h"

struct items {
    const uint8_t *data;
    size_t left;
    int rc; /* 0 or -EBADMSG */
    struct cloister_refusal *refusal;
};

enum item_kind {
    ITEM_NUMBER,
    ITEM_NEGATIVE, /* -1 - value */
    ITEM_BYTES,
    ITEM_TEXT,
    ITEM_ARRAY,
    ITEM_MAP,
    ITEM_TAG,
    ITEM_TRUTH, /* value: 0 or 1 */
    ITEM_INDEFINITE,
    ITEM_OTHER, /* null, undefined, floating point */
};

struct item {
    enum item_kind kind;
    uint64_t value; /* the number, size, count or tag */
    const uint8_t *data;
};

/* A map whose keys are unsigned numbers. */
struct items_map {
    const char *name;
    uint64_t left; /* keys not yet read */
    bool pending;  /* `key` was read, its value not yet */
    bool started;  /* `key` is valid */
    uint64_t key;
};

struct items items_begin(const uint8_t *data, size_t size, struct cloister_refusal *refusal);
/* Refuses bytes that are left; returns rc. */
__attribute__((warn_unused_result)) int items_end(struct items *items);

/* `what` names the item in a refusal; limits are inclusive. */
uint64_t items_number(struct items *items, uint64_t least, uint64_t most, const char *what);
struct cloister_bytes items_bytes(struct items *items, size_t least, size_t most, const char *what);
uint64_t items_array(struct items *items, uint64_t least, uint64_t most, const char *what);
/* Whatever comes next, but for what is not deterministic; of an array or map its head. False: no. */
bool items_any(struct items *items, const char *what, struct item *item);
/* `tag`: below 24. */
void items_tag(struct items *items, uint8_t tag, const char *what);
/* Is the next item a tag? Reads nothing. */
bool items_tag_next(const struct items *items);

struct items_map items_map(struct items *items, uint64_t most, const char *name);
/*
 * True if the next key is this one: then its value is next. Keys are asked for in ascending order.
 */
bool items_optional(struct items *items, struct items_map *map, uint64_t key);
void items_required(struct items *items, struct items_map *map, uint64_t key);
/* Refuses keys that nobody asked for. */
void items_map_end(struct items *items, struct items_map *map);

/* Ends the reading for a reason of the caller. */
void items_refuse(struct items *items, enum cloister_refusal_code code, const char *expected,
                  const char *found, const char *what);

#endif
