/* SPDX-License-Identifier: MIT */
/*
 * Shares of something that all clients use: each key, an address or a host, has at most so much of
 * it at once. Any thread may call.
 */
#ifndef CLOISTER_SERVER_SHARES_H
#define CLOISTER_SERVER_SHARES_H

#include <stdbool.h>
#include <stdint.h>

#define SHARES_KEY 16u

struct shares_key {
    uint8_t bytes[SHARES_KEY];
};

struct sockaddr;
struct shares;

/* `limit`: of each key, at least 1. NULL: no memory. */
struct shares *shares_new(uint32_t limit);
void shares_free(struct shares *shares);

/* One more for this key. False: it has its share, or there is no memory. */
__attribute__((warn_unused_result)) bool shares_take(struct shares *shares,
                                                     const struct shares_key *key);
/* One that was taken is given back. */
void shares_give(struct shares *shares, const struct shares_key *key);
/* How many this key has. */
uint32_t shares_of(struct shares *shares, const struct shares_key *key);

/*
 * The key of an address: of IPv4 all of it; of IPv6 the first 64 bits, for whoever has one address
 * of such a network usually has all; of anything else zeros.
 */
void shares_address(const struct sockaddr *address, struct shares_key *key);

#endif
