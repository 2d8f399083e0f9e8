/* SPDX-License-Identifier: MIT */
/* A host's evidence is judged: the reply to it, and what the store shall note. */
#ifndef CLOISTER_SERVICE_VERDICT_H
#define CLOISTER_SERVICE_VERDICT_H

#include "server/worker.h"
#include "service/store.h"

struct verdict {
    struct store_answer answer; /* its reply is freed by verdict_release() */
    bool attempt;               /* the rest is to be noted by verdict_note() */
    bool challenged;            /* nonce and expires are those of a good challenge */
    char host[STORE_ID_SIZE];
    uint8_t token_digest[STORE_DIGEST], nonce[STORE_DIGEST];
    int64_t expires, now;
    char reason[STORE_REASON_SIZE]; /* "" if it succeeded */
    char policy[STORE_POLICY_SIZE]; /* that the host named */
    char token[STORE_ID_SIZE];      /* the jti of the token, or "" */
    bool repeated;                  /* verdict_note() found that it was answered before */
};

/*
 * Judges the body of POST /v1/attest, of the host `id`, that came at `received`. token_digest:
 * of the token that it came with, or NULL where that has been looked at before. 0; -EIO: the store
 * or OpenSSL failed; -EACCES: no host has this token.
 */
__attribute__((warn_unused_result)) int verdict_reach(struct worker *worker, const char *id,
                                                      const uint8_t *token_digest, const char *text,
                                                      size_t size, int64_t received,
                                                      struct verdict *verdict);
/*
 * Notes the attempt in the store, inside a transaction. A challenge that turns out to be used
 * becomes the verdict; if it was used by the same request, what that was answered does. 0; -ENOENT:
 * the host was removed, or enrolled anew; -EIO.
 */
__attribute__((warn_unused_result)) int verdict_note(struct db *db, struct verdict *verdict);
/* Is the body well-formed, as far as can be said without the store? False: it is answered. */
bool verdict_can_be(struct request *request);
void verdict_release(void *verdict);

#endif
