/* SPDX-License-Identifier: MIT */
#include "server/shares.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/rand.h>

#define BUCKETS 4096u

struct entry {
    struct entry *next;
    struct shares_key key;
    uint32_t count; /* above 0 */
};

/* Locking: `lock` protects the lists. */
struct shares {
    pthread_mutex_t lock;
    uint32_t limit;
    uint64_t seed; /* so that nobody can choose addresses of one bucket */
    struct entry *buckets[BUCKETS];
};

struct shares *shares_new(uint32_t limit)
{
    struct shares *shares = calloc(1, sizeof(*shares));

    if (!shares || RAND_bytes((unsigned char *)&shares->seed, sizeof(shares->seed)) != 1) {
        free(shares);
        return NULL;
    }
    pthread_mutex_init(&shares->lock, NULL);
    shares->limit = limit;
    return shares;
}

void shares_free(struct shares *shares)
{
    if (!shares) {
        return;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        while (shares->buckets[i]) {
            struct entry *entry = shares->buckets[i];

            shares->buckets[i] = entry->next;
            free(entry);
        }
    }
    pthread_mutex_destroy(&shares->lock);
    free(shares);
}

/* The place of the key's entry in its list, where it is or would be. The caller has the lock. */
static struct entry **place(struct shares *shares, const struct shares_key *key)
{
    uint64_t hash = shares->seed;
    struct entry **entry;

    for (size_t i = 0; i < SHARES_KEY; i++) {
        hash = (hash ^ key->bytes[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    entry = &shares->buckets[hash % BUCKETS];
    while (*entry && memcmp(&(*entry)->key, key, sizeof(*key))) {
        entry = &(*entry)->next;
    }
    return entry;
}

bool shares_take(struct shares *shares, const struct shares_key *key)
{
    struct entry **entry;
    bool taken;

    pthread_mutex_lock(&shares->lock);
    entry = place(shares, key);
    if (!*entry) {
        *entry = calloc(1, sizeof(**entry));
        if (*entry) {
            (*entry)->key = *key;
        }
    }
    taken = *entry && (*entry)->count < shares->limit;
    if (taken) {
        (*entry)->count++;
    }
    pthread_mutex_unlock(&shares->lock);
    return taken;
}

void shares_give(struct shares *shares, const struct shares_key *key)
{
    struct entry **entry, *gone;

    pthread_mutex_lock(&shares->lock);
    entry = place(shares, key);
    gone = *entry;
    if (gone && --gone->count == 0) {
        *entry = gone->next;
        free(gone);
    }
    pthread_mutex_unlock(&shares->lock);
}

uint32_t shares_of(struct shares *shares, const struct shares_key *key)
{
    struct entry *entry;
    uint32_t count;

    pthread_mutex_lock(&shares->lock);
    entry = *place(shares, key);
    count = entry ? entry->count : 0;
    pthread_mutex_unlock(&shares->lock);
    return count;
}

void shares_address(const struct sockaddr *address, struct shares_key *key)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291, 2.5.5.2 */

    memset(key, 0, sizeof(*key));
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;

        memcpy(key->bytes, mapped, sizeof(mapped));
        memcpy(key->bytes + sizeof(mapped), &four->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
        bool four = !memcmp(&six->sin6_addr, mapped, sizeof(mapped));

        memcpy(key->bytes, &six->sin6_addr, four ? 16 : 8);
    }
}
