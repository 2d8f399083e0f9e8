/* SPDX-License-Identifier: MIT */
/*
 * Bearer tokens that the store has lately known, by SHA-256 of what the client showed. Whoever
 * shows one of these has places of the queue that strangers cannot take. It is no proof: each
 * request is authenticated by the store all the same. Any thread may call.
 */
#ifndef CLOISTER_SERVER_KNOWN_H
#define CLOISTER_SERVER_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#define KNOWN_DIGEST 32u

struct known;

/* NULL: no memory. */
struct known *known_new(void);
void known_free(struct known *known);

void known_add(struct known *known, const uint8_t digest[KNOWN_DIGEST]);
bool known_has(struct known *known, const uint8_t digest[KNOWN_DIGEST]);
/* It turned out to be void. */
void known_forget(struct known *known, const uint8_t digest[KNOWN_DIGEST]);

#endif
