/* SPDX-License-Identifier: MIT */
/*
 * Saying what is wrong. Each returns -EACCES, so that a check ends with `return refuse_...`.
 * `refusal` may be NULL. The last arguments name the item, as printf does.
 */
#ifndef CLOISTER_VERIFY_REFUSE_H
#define CLOISTER_VERIFY_REFUSE_H

#include "cloister/verify.h"

int refuse_text(struct cloister_refusal *refusal, enum cloister_refusal_code code,
                const char *expected, const char *found, const char *what, ...)
    __attribute__((format(printf, 5, 6)));
int refuse_number(struct cloister_refusal *refusal, enum cloister_refusal_code code,
                  uint64_t expected, uint64_t found, const char *what, ...)
    __attribute__((format(printf, 5, 6)));
/* Both of `size` bytes; more than fit into a refusal are shown as a part. */
int refuse_bytes(struct cloister_refusal *refusal, enum cloister_refusal_code code,
                 const uint8_t *expected, const uint8_t *found, size_t size, const char *what, ...)
    __attribute__((format(printf, 6, 7)));

/* Bytes as lower-case hexadecimal text, as many as fit into text[capacity] with its zero. */
void hex_text(const uint8_t *data, size_t size, char *text, size_t capacity);

#endif
