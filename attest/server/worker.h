/* SPDX-License-Identifier: MIT */
/*
 * Workers take requests from a queue, in order, and call their routes' handlers. Whatever takes
 * time happens here: cryptography, reading the store.
 */
#ifndef CLOISTER_SERVICE_WORKER_H
#define CLOISTER_SERVICE_WORKER_H

#include "cloister/verify.h"
#include "server/request.h"
#include "service/service.h"

struct writer;

/* What a thread needs for itself. */
struct worker {
    struct service *service;
    struct db *db;
    struct cloister_verifier *verifier;
    struct material *material; /* what its present request uses, */
    EVP_PKEY_CTX *signing;     /* of its signer */
};

__attribute__((warn_unused_result)) bool worker_prepare(struct worker *worker,
                                                        struct service *service);
void worker_release(struct worker *worker);
/* Before each request: what the service was given meanwhile. False: no memory. */
__attribute__((warn_unused_result)) bool worker_refresh(struct worker *worker);

struct workers;

/* NULL: no memory or no threads. */
struct workers *workers_start(struct service *service, struct writer *writer);
/* After the last request was answered. */
void workers_stop(struct workers *workers);
/* Has no worker been at one request since before then (s, monotonic)? */
bool workers_are_alive(const struct workers *workers, int64_t since);
void workers_submit(struct workers *workers, struct request *request);

#endif
