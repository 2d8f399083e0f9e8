/* SPDX-License-Identifier: MIT */
/*
 * What the service remembers, in a database that its instances share: hosts, enrolment tickets,
 * policies, used challenges, verifications that are answered later. Times are seconds since 1970.
 *
 * An action returns 0, -ENOENT where there is no such thing, or -EIO where the database failed (see
 * db.h); store_commit() also -EINPROGRESS: it may have been done. Those that change something run
 * inside a transaction: store_begin() ... store_commit(). After a failure nothing else is done in
 * it but store_rollback().
 */
#ifndef CLOISTER_SERVICE_STORE_H
#define CLOISTER_SERVICE_STORE_H

#include "cloister/verify.h"
#include "server/db.h"
#include "service/seal.h"

#define STORE_ID_SIZE 33u     /* of a host or job, 16 bytes as hexadecimal, with its zero */
#define STORE_POLICY_SIZE 65u /* of a policy's id, with its zero */
#define STORE_DIGEST 32u
#define STORE_REASON_SIZE 64u
#define STORE_ISSUER_SIZE 512u
#define STORE_KID_SIZE 64u

struct store_host {
    char id[STORE_ID_SIZE];
    uint8_t ek_digest[STORE_DIGEST];              /* credential_ek_digest() */
    uint8_t ak_digest[STORE_DIGEST];              /* SHA-256 of the AK's TPMT_PUBLIC */
    uint8_t token_digest[STORE_DIGEST];           /* SHA-256 of its bearer token's secret */
    int64_t enrolled, last_attempt, last_success; /* 0: never */
    char last_reason[STORE_REASON_SIZE];          /* of the last attempt: "" if it succeeded */
};

#define STORE_ACTION __attribute__((warn_unused_result)) int

STORE_ACTION store_begin(struct db *db);
STORE_ACTION store_commit(struct db *db);
void store_rollback(struct db *db);

/*
 * Makes the tables where there are none and the sealing key that all instances use. Also -EPROTO:
 * the tables are of another version of the service.
 */
STORE_ACTION store_prepare(struct db *db, uint8_t sealing_key[SEAL_KEY_SIZE]);

/*
 * Could it be used? Nothing is made or changed. 0; -EINVAL after `why`, which has said more in the
 * log where the database failed.
 */
STORE_ACTION store_check(const char *where, char *why, size_t why_size);

/* Hosts. */
STORE_ACTION store_host_get(struct db *db, const char *id, struct store_host *host);
/* The host, and the digest of the policy's text; -ENOENT: no host; *known: is there such a policy?
 */
STORE_ACTION store_host_and_policy(struct db *db, const char *id, const char *policy,
                                   struct store_host *host, uint8_t digest[STORE_DIGEST],
                                   bool *known);
typedef void store_host_row(void *context, const struct store_host *host);
/* At most `limit` hosts, by id, after `after` ("": from the first). */
STORE_ACTION store_host_list(struct db *db, const char *after, uint32_t limit, store_host_row *row,
                             void *context);
/*
 * Uses the ticket up and enters the host. A host with this EK is replaced but keeps its id, which
 * `host` gets. `former`: SHA-256 of the TPM2B_PUBLIC that it has sent, by which earlier versions knew
 * it; a second host that they made of this EK is removed. -ENOENT: the ticket is unknown, used, or
 * past `now`; but where the host stands there with the same keys and token, this was done before:
 * -EALREADY, and nothing changes.
 */
STORE_ACTION store_host_enrol(struct db *db, const uint8_t ticket[STORE_DIGEST], int64_t now,
                              const uint8_t former[STORE_DIGEST], struct store_host *host);
STORE_ACTION store_host_delete(struct db *db, const char *id);

/* Tickets. */
struct store_ticket {
    uint8_t digest[STORE_DIGEST];    /* SHA-256 of its text */
    uint8_t ek_digest[STORE_DIGEST]; /* zeros: any EK that has a certificate */
    int64_t expires;
};
/* One that is there stays as it is. */
STORE_ACTION store_ticket_add(struct db *db, const struct store_ticket *ticket);
STORE_ACTION store_ticket_get(struct db *db, const uint8_t digest[STORE_DIGEST], int64_t now,
                              uint8_t ek_digest[STORE_DIGEST]);
STORE_ACTION store_ticket_delete(struct db *db, const uint8_t digest[STORE_DIGEST]);
typedef void store_ticket_row(void *context, const struct store_ticket *ticket);
/* At most `limit` that can be used at `now`, by digest, after `after` (NULL: from the first). */
STORE_ACTION store_ticket_list(struct db *db, const uint8_t *after, int64_t now, uint32_t limit,
                               store_ticket_row *row, void *context);

/* Policies. */
struct store_policy {
    uint8_t digest[STORE_DIGEST]; /* of the text */
    int64_t changed;
    char *text; /* the caller frees it */
    size_t size;
};
STORE_ACTION store_policy_get(struct db *db, const char *id, struct store_policy *policy);
STORE_ACTION store_policy_digest(struct db *db, const char *id, uint8_t digest[STORE_DIGEST]);
STORE_ACTION store_policy_put(struct db *db, const char *id, const char *text, size_t size,
                              const uint8_t digest[STORE_DIGEST], int64_t now);
STORE_ACTION store_policy_delete(struct db *db, const char *id);
typedef void store_policy_row(void *context, const char *id, const uint8_t *digest,
                              int64_t changed);
STORE_ACTION store_policy_list(struct db *db, store_policy_row *row, void *context);

/* What a host was answered. The same request is answered the same as long as its challenge lives.
 */
struct store_answer {
    uint8_t request[STORE_DIGEST]; /* SHA-256 of the request's body */
    int status;                    /* HTTP */
    char *reply;                   /* the owner frees it */
    size_t size;
};
struct store_attempt {
    const char *host;
    const uint8_t *token_digest;
    const uint8_t *nonce; /* of its challenge; NULL: there is none that could be used up */
    int64_t expires, now; /* the challenge's end; the attempt's time */
    const char *reason;   /* NULL: it succeeded */
};
/*
 * An attempt of a host: uses the challenge up, notes time and reason, keeps the answer.
 * -EALREADY: this request was answered before, nothing changes, and `answer` becomes what was
 * answered (its former reply is freed). -EEXIST: the challenge was used by another request, which
 * is noted as the reason. -ENOENT: there is no such host with this token any more.
 */
STORE_ACTION store_attempt(struct db *db, const struct store_attempt *attempt,
                           struct store_answer *answer);

/* Verifications that are answered later. */
struct store_job {
    char id[STORE_ID_SIZE], host[STORE_ID_SIZE];
    int64_t status; /* HTTP; 0: not done yet */
    char *content;  /* the request, or the reply; the caller frees it */
    size_t size;
};
/* One with this id stays as it is. -EDQUOT: this host waits for STORE_JOBS_PER_HOST already. */
#define STORE_JOBS_PER_HOST 4
STORE_ACTION store_job_add(struct db *db, const struct store_job *job, int64_t expires);
/*
 * One that nobody works on; it is then leased until `lease`, after which another may take it. Needs
 * no transaction.
 */
STORE_ACTION store_job_take(struct db *db, int64_t now, int64_t lease, struct store_job *job);
STORE_ACTION store_job_get(struct db *db, const char *id, const char *host, struct store_job *job);
/* -ENOENT: it was done, or is too old. */
STORE_ACTION store_job_finish(struct db *db, const char *id, int64_t status, const char *reply,
                              size_t size);

/*
 * What was done. Texts are "" where there is nothing to say: `host` is its id, `administrator` the
 * subject of a certificate, `address` the client's, `subject` a policy's id or an EK's SHA-256,
 * or what was forbidden, `result` "accepted", a refusal's reason, a policy's SHA-256, a ticket's id, or
 * the role that was not enough, `token` the jti of the token that was issued.
 */
struct store_event {
    const char *id; /* rises with time */
    int64_t time;   /* store_event_add() sets it */
    const char *event, *host, *administrator, *address, *subject, *result, *token;
};
/* A new id. 0 or -EIO: no random numbers. */
STORE_ACTION store_event_id(char id[STORE_ID_SIZE]);
/* One with this id stays as it is. */
STORE_ACTION store_event_add(struct db *db, const struct store_event *event);
typedef void store_event_row(void *context, const struct store_event *event);
/* At most `limit`, by id, after `after` ("": from the first). */
STORE_ACTION store_event_list(struct db *db, const char *after, uint32_t limit,
                              store_event_row *row, void *context);

/* An instance of the service. */
struct store_instance {
    char id[STORE_ID_SIZE];
    char issuer[STORE_ISSUER_SIZE];
    char key[STORE_KID_SIZE], next_key[STORE_KID_SIZE]; /* "kid"s; next_key: or "" */
    int64_t seen;                                       /* when it said so last */
};
/* What was not seen since `before` is forgotten. */
STORE_ACTION store_instance_put(struct db *db, const struct store_instance *instance,
                                int64_t before);
STORE_ACTION store_instance_delete(struct db *db, const char *id);
typedef void store_instance_row(void *context, const struct store_instance *instance);
/* Those that were seen since then. */
STORE_ACTION store_instance_list(struct db *db, int64_t since, store_instance_row *row,
                                 void *context);

/*
 * Forgets what has expired; used challenges only a day later, should the clock be set back; events
 * from before `events_before`.
 */
#define STORE_USED_MARGIN 86400
STORE_ACTION store_sweep(struct db *db, int64_t now, int64_t events_before);

/* Changes something that means nothing: can the store be written to? */
STORE_ACTION store_probe(struct db *db, int64_t now);

#endif
