/* SPDX-License-Identifier: MIT */
/* A challenge: what a host is asked to answer, and what its sealed context carries. */
#ifndef CLOISTER_SERVICE_CHALLENGE_H
#define CLOISTER_SERVICE_CHALLENGE_H

#include "service/store.h"

#define CHALLENGE_NONCE 32u
#define CHALLENGE_FUTURE_S 60 /* how far the clocks of two instances may differ */

struct challenge {
    char host[STORE_ID_SIZE];
    int64_t made, expires; /* s since 1970 */
    uint8_t nonce[CHALLENGE_NONCE];
};

enum challenge_state {
    CHALLENGE_GOOD,
    CHALLENGE_UNKNOWN, /* not made by this service */
    CHALLENGE_OTHER,   /* made for another host */
    CHALLENGE_EXPIRED,
    CHALLENGE_EARLY,  /* made in the future: the clock was set back */
    CHALLENGE_FAILED, /* OpenSSL failed */
};

/* Fills `challenge` but for host and times; text[SEAL_MAX_TEXT + 1]. 0 or -EIO. */
__attribute__((warn_unused_result)) int challenge_make(const uint8_t key[SEAL_KEY_SIZE],
                                                       struct challenge *challenge, char *text);
enum challenge_state challenge_read(const uint8_t key[SEAL_KEY_SIZE], const char *text,
                                    const char *host, int64_t now, struct challenge *challenge);
/* "challenge-expired", and what that means. */
const char *challenge_reason(enum challenge_state state);
const char *challenge_meaning(enum challenge_state state);

#endif
