/* SPDX-License-Identifier: MIT */
/*
 * How fast each user may ask: so many requests per second, and twice as many at a stretch (a token
 * bucket). A user is remembered while anything is missing from the bucket; with more users than
 * there is room for, whoever asked longest ago is forgotten.
 */
#ifndef CLOISTER_AGENT_USERS_H
#define CLOISTER_AGENT_USERS_H

#include <stdint.h>
#include <sys/types.h>

#define USERS_KEPT 1024u

struct users {
    struct user {
        uid_t uid;
        uint64_t whole; /* when the bucket is full again, ms, monotonic; 0: the place is free */
    } list[USERS_KEPT];
};

/*
 * Takes one request of `uid` at `now` (ms, monotonic), of `rate` per second (1 ... 1000).
 * 0, or how many milliseconds are to be waited for the next one.
 */
__attribute__((warn_unused_result)) uint64_t users_ask(struct users *users, uid_t uid, uint64_t now,
                                                       uint32_t rate);

#endif
