/* SPDX-License-Identifier: MIT */
#include "service/challenge.h"

#include <errno.h>
#include <string.h>

#include <openssl/rand.h>

int challenge_make(const uint8_t key[SEAL_KEY_SIZE], struct challenge *challenge, char *text)
{
    if (RAND_bytes(challenge->nonce, sizeof(challenge->nonce)) != 1) {
        return -EIO;
    }
    return seal(key, SEAL_CHALLENGE, challenge, sizeof(*challenge), text);
}

enum challenge_state challenge_read(const uint8_t key[SEAL_KEY_SIZE], const char *text,
                                    const char *host, int64_t now, struct challenge *challenge)
{
    uint8_t content[SEAL_MAX_CONTENT];
    ssize_t size = unseal(key, SEAL_CHALLENGE, text, strlen(text), content);

    memset(challenge, 0, sizeof(*challenge));
    if (size != sizeof(*challenge)) {
        return size == -EIO ? CHALLENGE_FAILED : CHALLENGE_UNKNOWN;
    }
    memcpy(challenge, content, sizeof(*challenge));
    challenge->host[STORE_ID_SIZE - 1] = 0;
    if (strcmp(challenge->host, host)) {
        return CHALLENGE_OTHER;
    }
    if (now >= challenge->expires) {
        return CHALLENGE_EXPIRED;
    }
    return challenge->made > now + CHALLENGE_FUTURE_S ? CHALLENGE_EARLY : CHALLENGE_GOOD;
}

static const char *const texts[][2] = {
    [CHALLENGE_UNKNOWN] = {"challenge-unknown", "this service did not make the challenge"},
    [CHALLENGE_OTHER] = {"challenge-other-host", "the challenge was made for another host"},
    [CHALLENGE_EXPIRED] = {"challenge-expired", "the challenge is too old"},
    [CHALLENGE_EARLY] = {"challenge-early", "the challenge was made in the future"},
};

const char *challenge_reason(enum challenge_state state)
{
    return texts[state][0];
}

const char *challenge_meaning(enum challenge_state state)
{
    return texts[state][1];
}
