/* SPDX-License-Identifier: MIT */
#include "server/known.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SETS 8192u
#define WAYS 4u /* of a full set the oldest is forgotten */

/* Locking: `lock` protects the sets. Digests of secrets that nobody can choose are spread well. */
struct known {
    pthread_mutex_t lock;
    struct set {
        uint8_t digests[WAYS][KNOWN_DIGEST];
        uint8_t next;
    } sets[SETS];
};

static const uint8_t nothing[KNOWN_DIGEST];

struct known *known_new(void)
{
    struct known *known = calloc(1, sizeof(*known));

    if (known) {
        pthread_mutex_init(&known->lock, NULL);
    }
    return known;
}

void known_free(struct known *known)
{
    if (known) {
        pthread_mutex_destroy(&known->lock);
        free(known);
    }
}

static struct set *set_of(struct known *known, const uint8_t *digest)
{
    return &known->sets[(digest[0] | digest[1] << 8) % SETS];
}

/* The caller has the lock. WAYS: it is not there. */
static unsigned int find(const struct set *set, const uint8_t *digest)
{
    unsigned int way = 0;

    while (way < WAYS && memcmp(set->digests[way], digest, KNOWN_DIGEST)) {
        way++;
    }
    return way;
}

void known_add(struct known *known, const uint8_t digest[KNOWN_DIGEST])
{
    struct set *set = set_of(known, digest);

    pthread_mutex_lock(&known->lock);
    if (find(set, digest) == WAYS) {
        memcpy(set->digests[set->next], digest, KNOWN_DIGEST);
        set->next = (uint8_t)((set->next + 1) % WAYS);
    }
    pthread_mutex_unlock(&known->lock);
}

bool known_has(struct known *known, const uint8_t digest[KNOWN_DIGEST])
{
    bool found;

    pthread_mutex_lock(&known->lock);
    found = find(set_of(known, digest), digest) < WAYS && memcmp(digest, nothing, KNOWN_DIGEST);
    pthread_mutex_unlock(&known->lock);
    return found;
}

void known_forget(struct known *known, const uint8_t digest[KNOWN_DIGEST])
{
    struct set *set = set_of(known, digest);
    unsigned int way;

    pthread_mutex_lock(&known->lock);
    way = find(set, digest);
    if (way < WAYS) {
        memset(set->digests[way], 0, KNOWN_DIGEST);
    }
    pthread_mutex_unlock(&known->lock);
}
