/* SPDX-License-Identifier: MIT */
/* Policies that were parsed, by the digest of their text, so that a verification need not. */
#ifndef CLOISTER_SERVICE_POLICIES_H
#define CLOISTER_SERVICE_POLICIES_H

#include "cloister/verify.h"
#include "server/db.h"

struct policies;
struct shared_policy {
    struct cloister_policy *policy;
    uint8_t digest[CLOISTER_DIGEST_SIZE];
    unsigned int users; /* under the lock of `policies` */
};

struct policies *policies_new(void);
void policies_free(struct policies *policies);

/*
 * The policy with this id, whose text had this digest a moment ago. 0, and policies_put() is
 * needed; -ENOENT: it has just been deleted; -EIO: the store, or no memory.
 */
__attribute__((warn_unused_result)) int policies_get(struct policies *policies, struct db *db,
                                                     const char *id,
                                                     const uint8_t digest[CLOISTER_DIGEST_SIZE],
                                                     struct shared_policy **policy);
void policies_put(struct policies *policies, struct shared_policy *policy);

#endif
