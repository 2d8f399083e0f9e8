/* SPDX-License-Identifier: MIT */
#include "service/policies.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "service/store.h"

#define KEPT 32u

/* Locking: `lock` protects `kept`, `oldest` and the users of each policy. */
struct policies {
    pthread_mutex_t lock;
    struct shared_policy *kept[KEPT];
    size_t oldest;
};

struct policies *policies_new(void)
{
    struct policies *policies = calloc(1, sizeof(*policies));

    if (policies) {
        pthread_mutex_init(&policies->lock, NULL);
    }
    return policies;
}

static void drop(struct shared_policy *policy)
{
    if (policy && --policy->users == 0) {
        cloister_policy_free(policy->policy);
        free(policy);
    }
}

void policies_free(struct policies *policies)
{
    if (policies) {
        for (size_t i = 0; i < KEPT; i++) {
            drop(policies->kept[i]);
        }
        pthread_mutex_destroy(&policies->lock);
        free(policies);
    }
}

static struct shared_policy *find(struct policies *policies, const uint8_t *digest)
{
    struct shared_policy *found = NULL;

    pthread_mutex_lock(&policies->lock);
    for (size_t i = 0; i < KEPT && !found; i++) {
        if (policies->kept[i] && !memcmp(policies->kept[i]->digest, digest, STORE_DIGEST)) {
            found = policies->kept[i];
            found->users++;
        }
    }
    pthread_mutex_unlock(&policies->lock);
    return found;
}

static int load(struct db *db, const char *id, struct shared_policy **policy)
{
    struct store_policy stored;
    struct shared_policy *made = calloc(1, sizeof(*made));
    int rc = made ? store_policy_get(db, id, &stored) : -EIO;

    if (rc) {
        free(made);
        return rc;
    }
    memcpy(made->digest, stored.digest, sizeof(made->digest));
    rc = cloister_policy_parse(stored.text, stored.size, &made->policy, NULL, 0);
    free(stored.text);
    if (rc) {
        say_error("policy %s in the store is not valid", id);
        free(made);
        return -EIO;
    }
    *policy = made;
    return 0;
}

int policies_get(struct policies *policies, struct db *db, const char *id,
                 const uint8_t digest[CLOISTER_DIGEST_SIZE], struct shared_policy **policy)
{
    int rc;

    *policy = find(policies, digest);
    if (*policy) {
        return 0;
    }
    rc = load(db, id, policy);
    if (!rc) {
        pthread_mutex_lock(&policies->lock);
        (*policy)->users = 2; /* the caller and `kept` */
        drop(policies->kept[policies->oldest]);
        policies->kept[policies->oldest] = *policy;
        policies->oldest = (policies->oldest + 1) % KEPT;
        pthread_mutex_unlock(&policies->lock);
    }
    return rc;
}

void policies_put(struct policies *policies, struct shared_policy *policy)
{
    pthread_mutex_lock(&policies->lock);
    drop(policy);
    pthread_mutex_unlock(&policies->lock);
}
