/* SPDX-License-Identifier: MIT */
#include "keyservice/challenges.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#define CLEAR 16u /* time and random part */
#define MAC 16u

_Static_assert(CLEAR + MAC == KEYVAULT_CHALLENGE_SIZE, "a challenge is its clear part and its MAC");

static int make_mac(const struct challenges *challenges, const uint8_t clear[CLEAR],
                    uint8_t mac[EVP_MAX_MD_SIZE])
{
    return HMAC(EVP_sha256(), challenges->secret, CHALLENGE_SECRET, clear, CLEAR, mac, NULL) ? 0
                                                                                             : -EIO;
}

static int64_t given_at(const uint8_t challenge[KEYVAULT_CHALLENGE_SIZE])
{
    uint64_t seconds;

    memcpy(&seconds, challenge, sizeof(seconds));
    return (int64_t)be64toh(seconds);
}

int challenges_give(struct challenges *challenges, int64_t now,
                    uint8_t challenge[KEYVAULT_CHALLENGE_SIZE])
{
    const uint64_t seconds = htobe64((uint64_t)now);
    uint8_t mac[EVP_MAX_MD_SIZE];

    if (!challenges->ready && RAND_bytes(challenges->secret, CHALLENGE_SECRET) != 1) {
        return -EIO;
    }
    challenges->ready = true;
    memcpy(challenge, &seconds, sizeof(seconds));
    if (RAND_bytes(challenge + sizeof(seconds), CLEAR - sizeof(seconds)) != 1 ||
        make_mac(challenges, challenge, mac)) {
        return -EIO;
    }
    memcpy(challenge + CLEAR, mac, MAC);
    return 0;
}

bool challenges_have(const struct challenges *challenges, int64_t now,
                     const uint8_t challenge[KEYVAULT_CHALLENGE_SIZE])
{
    uint8_t mac[EVP_MAX_MD_SIZE];

    if (!challenges->ready || make_mac(challenges, challenge, mac) ||
        CRYPTO_memcmp(mac, challenge + CLEAR, MAC) != 0 ||
        now >= given_at(challenge) + CHALLENGE_LIFETIME) {
        return false;
    }
    for (uint32_t i = 0; i < CHALLENGES_USED; i++) {
        if (challenges->used[i].expires &&
            memcmp(challenges->used[i].bytes, challenge, KEYVAULT_CHALLENGE_SIZE) == 0) {
            return false;
        }
    }
    return true;
}

int challenges_use(struct challenges *challenges, int64_t now,
                   const uint8_t challenge[KEYVAULT_CHALLENGE_SIZE])
{
    for (uint32_t i = 0; i < CHALLENGES_USED; i++) {
        if (challenges->used[i].expires <= now) {
            challenges->used[i].expires = given_at(challenge) + CHALLENGE_LIFETIME;
            memcpy(challenges->used[i].bytes, challenge, KEYVAULT_CHALLENGE_SIZE);
            return 0;
        }
    }
    return -EBUSY;
}
