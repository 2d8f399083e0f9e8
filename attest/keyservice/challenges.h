/* SPDX-License-Identifier: MIT */
/*
 * Challenges: for one use, for a time. One that is given costs no memory: it carries when it was given, a random part,
 * and a MAC under a secret of this process; only those that were used are kept, until they are too old anyway. So
 * nobody who asks for many takes another's away.
 *
 *   challenge = seconds (8, CLOCK_MONOTONIC, big endian) || random (8) || HMAC-SHA256(secret, these 16)[0..16)
 */
#ifndef CLOISTER_KEYSERVICE_CHALLENGES_H
#define CLOISTER_KEYSERVICE_CHALLENGES_H

#include <stdbool.h>
#include <stdint.h>

#include "keyvault.h"

#define CHALLENGE_LIFETIME 300 /* s */
#define CHALLENGES_USED                                                                            \
    4096u /* that many keys within the lifetime of a challenge; each needs a good token */
#define CHALLENGE_SECRET 32u

struct challenges {
    bool ready; /* there is a secret */
    uint8_t secret[CHALLENGE_SECRET];
    struct {
        int64_t expires; /* CLOCK_MONOTONIC, s; 0: the place is free */
        uint8_t bytes[KEYVAULT_CHALLENGE_SIZE];
    } used[CHALLENGES_USED];
};

/* 0, or -EIO: no randomness, or OpenSSL failed. `now` is in seconds, CLOCK_MONOTONIC, here and below. */
__attribute__((warn_unused_result)) int challenges_give(struct challenges *challenges, int64_t now,
                                                        uint8_t challenge[KEYVAULT_CHALLENGE_SIZE]);
/* Was it given, and is it neither used nor too old? */
bool challenges_have(const struct challenges *challenges, int64_t now,
                     const uint8_t challenge[KEYVAULT_CHALLENGE_SIZE]);
/* From now on it is used. -EBUSY: so many were used lately that this one cannot be remembered; it must not be. */
__attribute__((warn_unused_result)) int
challenges_use(struct challenges *challenges, int64_t now,
               const uint8_t challenge[KEYVAULT_CHALLENGE_SIZE]);

#endif
