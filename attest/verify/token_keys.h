/* SPDX-License-Identifier: MIT */
#ifndef CLOISTER_VERIFY_TOKEN_KEYS_H
#define CLOISTER_VERIFY_TOKEN_KEYS_H

#include <stdbool.h>

#include "cloister/token.h"

/* The point X || Y of the key with this id; NULL: there is none. */
const uint8_t *token_keys_find(const struct cloister_token_keys *keys, const char *id);
/* Is there a key with this id that is not for verifying ES256, by "use", "alg" or "key_ops"? */
bool token_keys_unfit(const struct cloister_token_keys *keys, const char *id);

#endif
