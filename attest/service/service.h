/* SPDX-License-Identifier: MIT */
/* What all threads of the service share; it does not change while they run, but for the atomics. */
#ifndef CLOISTER_SERVICE_SERVICE_H
#define CLOISTER_SERVICE_SERVICE_H

#include <stdatomic.h>

#include "service/config.h"
#include "service/ekcert.h"
#include "service/policies.h"
#include "service/seal.h"
#include "service/signer.h"

struct service {
    struct config config;
    struct signer signer, next_signer; /* next_signer.key may be NULL */
    char *jwks, *discovery;
    X509_STORE *ek_roots; /* or NULL */
    struct policies *policies;
    uint8_t sealing_key[SEAL_KEY_SIZE]; /* once `ready` */
    _Atomic bool ready;                 /* the store has been prepared */
    _Atomic bool store_works;           /* the last change was committed */
    _Atomic bool stopping;
    _Atomic uint32_t in_flight; /* requests that are not answered yet */
    _Atomic int64_t mean_ns;    /* what a request has taken of a worker lately */
};

/* What the configuration names is read: keys, roots. 0, or -EINVAL after `why`. */
__attribute__((warn_unused_result)) int service_load(struct service *service, char *why,
                                                     size_t why_size);
void service_release(struct service *service);

int64_t service_seconds(void);     /* since 1970 */
int64_t service_nanoseconds(void); /* monotonic */

#endif
