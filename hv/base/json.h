/* SPDX-License-Identifier: MIT */
/*
 * JSON that somebody else wrote, read strictly (RFC 8259): what json-c passes over, and what jsontext.h lists,
 * is refused. No text or name of a document has a zero byte in it, so strcmp() compares all of them.
 */
#ifndef CLOISTER_BASE_JSON_H
#define CLOISTER_BASE_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH 8 /* objects and arrays within each other */

/*
 * text[size] is one object, whose members occur once each, with white space around it at the most. *document is
 * released with json_object_put(). -EINVAL: `why` says what is wrong, and where; -ENOMEM.
 */
__attribute__((warn_unused_result)) int
json_read(const char *text, size_t size, json_object **document, char *why, size_t why_size);

/*
 * A whole number that fits into 64 bits with a sign. json-c gives INT64_MAX for greater ones, and
 * zero or a part for what is no whole number: then false.
 */
__attribute__((warn_unused_result)) bool json_whole(json_object *value, int64_t *number);
/* A whole number from `least` to `most`. False, and *number as it was: it is none, or another. */
__attribute__((warn_unused_result)) bool json_unsigned(json_object *value, uint64_t least,
                                                       uint64_t most, uint64_t *number);

/* The object's member of that name. NULL: there is none, it is null, or `object` is no object. */
json_object *json_member(json_object *object, const char *name);
/* The member's text. NULL: there is none, or it is no text. */
const char *json_member_text(json_object *object, const char *name);
/* The member is true; false where there is none. */
bool json_member_true(json_object *object, const char *name);

#endif
