/* SPDX-License-Identifier: MIT */
/* What all threads of the service share; it does not change while they run, but for the atomics
 * and `material`. */
#ifndef CLOISTER_SERVICE_SERVICE_H
#define CLOISTER_SERVICE_SERVICE_H

#include <pthread.h>
#include <stdatomic.h>

#include "server/clock.h"
#include "server/known.h"
#include "service/config.h"
#include "service/material.h"
#include "service/policies.h"
#include "service/seal.h"

/* Since the service was started. */
struct service_counts {
    _Atomic uint64_t replies[6];  /* by the first digit of their status */
    _Atomic uint64_t turned_away; /* 429 */
    _Atomic uint64_t crowded;     /* connections beyond their address's share */
};

/* Locking: `lock` protects `material`, the pointer. */
struct service {
    struct config config;
    pthread_mutex_t lock;
    struct material *material;
    struct policies *policies;
    struct known *known;                /* bearer tokens */
    uint8_t sealing_key[SEAL_KEY_SIZE]; /* once `ready` */
    _Atomic bool ready;                 /* the store has been prepared */
    _Atomic bool store_works;           /* the last change was committed */
    _Atomic bool stopping;
    _Atomic bool misfit;        /* instances.h: it must not serve */
    _Atomic uint32_t in_flight; /* requests that are not answered yet, */
    _Atomic uint32_t strangers; /* of them those without a token that is known */
    _Atomic int64_t mean_ns;    /* what a request has taken of a worker lately */
    struct service_counts counts;
};

/* What the configuration names is read. 0, or -EINVAL after `why`. */
__attribute__((warn_unused_result)) int service_load(struct service *service, char *why,
                                                     size_t why_size);
/* Its files are read again. False after `why`: what was read before is used on. */
__attribute__((warn_unused_result)) bool
service_reload(struct service *service, const struct config *config, char *why, size_t why_size);
void service_release(struct service *service);

/* What is used now; material_put() is needed. */
struct material *service_material(struct service *service);
/* A TLS session's server side. NULL: no memory. */
SSL *service_new_tls(struct service *service);
/* What the administrator with this subject may do now. */
enum role service_role(struct service *service, const char *subject);
/* Was this session begun with the certificates and lists that are used now? */
bool service_is_current(struct service *service, const SSL *ssl);
void service_count_reply(struct service *service, int status);

#endif
