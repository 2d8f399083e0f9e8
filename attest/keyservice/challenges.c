/* SPDX-License-Identifier: MIT */
#include "keyservice/challenges.h"

#include <errno.h>
#include <string.h>

#include <openssl/rand.h>

int challenges_give(struct challenges *challenges, int64_t now,
                    uint8_t challenge[KEYVAULT_CHALLENGE_SIZE])
{
    uint32_t index = challenges->next;

    if (RAND_bytes(challenge, KEYVAULT_CHALLENGE_SIZE) != 1) {
        return -EIO;
    }
    challenges->next = (index + 1) % CHALLENGES;
    challenges->given[index].expires = now + CHALLENGE_LIFETIME;
    memcpy(challenges->given[index].bytes, challenge, KEYVAULT_CHALLENGE_SIZE);
    return 0;
}

static uint32_t find(const struct challenges *challenges,
                     const uint8_t challenge[KEYVAULT_CHALLENGE_SIZE])
{
    for (uint32_t i = 0; i < CHALLENGES; i++) {
        if (challenges->given[i].expires &&
            memcmp(challenges->given[i].bytes, challenge, KEYVAULT_CHALLENGE_SIZE) == 0) {
            return i;
        }
    }
    return CHALLENGES;
}

bool challenges_have(const struct challenges *challenges, int64_t now,
                     const uint8_t challenge[KEYVAULT_CHALLENGE_SIZE])
{
    uint32_t index = find(challenges, challenge);

    return index < CHALLENGES && challenges->given[index].expires > now;
}

void challenges_use(struct challenges *challenges, const uint8_t challenge[KEYVAULT_CHALLENGE_SIZE])
{
    uint32_t index = find(challenges, challenge);

    if (index < CHALLENGES) {
        challenges->given[index].expires = 0;
    }
}
