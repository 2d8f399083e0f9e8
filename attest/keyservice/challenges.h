/* SPDX-License-Identifier: MIT */
/* The challenges that were given and not used yet: random, for one use, for a time. */
#ifndef CLOISTER_KEYSERVICE_CHALLENGES_H
#define CLOISTER_KEYSERVICE_CHALLENGES_H

#include <stdbool.h>
#include <stdint.h>

#include "keyvault.h"

#define CHALLENGE_LIFETIME 300 /* s */
#define CHALLENGES 1024u       /* a newer one takes the place of the oldest */

struct challenges {
    uint32_t next;
    struct {
        int64_t expires; /* CLOCK_MONOTONIC, s; 0: there is none */
        uint8_t bytes[KEYVAULT_CHALLENGE_SIZE];
    } given[CHALLENGES];
};

/* 0, or -EIO: no randomness. `now` is in seconds, CLOCK_MONOTONIC. */
__attribute__((warn_unused_result)) int
challenges_give(struct challenges *challenges, int64_t now, uint8_t challenge[KEYVAULT_CHALLENGE_SIZE]);
/* Was it given, and is it neither used nor too old? */
bool challenges_have(const struct challenges *challenges, int64_t now,
                     const uint8_t challenge[KEYVAULT_CHALLENGE_SIZE]);
void challenges_use(struct challenges *challenges, const uint8_t challenge[KEYVAULT_CHALLENGE_SIZE]);

#endif
