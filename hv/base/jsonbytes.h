/* SPDX-License-Identifier: MIT */
/* Bytes in JSON: standard base64 with padding (RFC 4648, 4). */
#ifndef CLOISTER_BASE_JSONBYTES_H
#define CLOISTER_BASE_JSONBYTES_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

/* A JSON string; NULL without memory. */
json_object *json_bytes_new(const void *data, size_t size);

/*
 * Exactly such a text, without anything else in it, into data[capacity]; *size becomes the number
 * of bytes. -EINVAL: it is not one, or holds more than `capacity` bytes.
 */
__attribute__((warn_unused_result)) int json_bytes_read(const char *text, uint8_t *data,
                                                        size_t capacity, size_t *size);

#endif
