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
    EVP_PKEY_CTX *signing;
};

__attribute__((warn_unused_result)) bool worker_prepare(struct worker *worker,
                                                        struct service *service);
void worker_release(struct worker *worker);

struct workers;

/* NULL: no memory or no threads. */
struct workers *workers_start(struct service *service, struct writer *writer);
/* After the last request was answered. */
void workers_stop(struct workers *workers);
void workers_submit(struct workers *workers, struct request *request);

#endif
