/* SPDX-License-Identifier: MIT */
#include "agent/users.h"

/* The place of `uid`, or the one that it may have. */
static struct user *find(struct users *users, uid_t uid)
{
    struct user *place = &users->list[0];

    for (unsigned int i = 0; i < USERS_KEPT; i++) {
        struct user *user = &users->list[i];

        if (user->whole && user->uid == uid)
            return user;
        if (user->whole < place->whole)
            place = user;
    }
    *place = (struct user){.uid = uid};
    return place;
}

uint64_t users_ask(struct users *users, uid_t uid, uint64_t now, uint32_t rate)
{
    struct user *user = find(users, uid);
    /* A request costs so long; two seconds' worth may be asked for at once. */
    const uint64_t cost = (1000 + rate - 1) / rate;
    const uint64_t whole = (user->whole > now ? user->whole : now) + cost;

    if (whole > now + 2000)
        return whole - now - 2000;
    user->whole = whole;
    return 0;
}
