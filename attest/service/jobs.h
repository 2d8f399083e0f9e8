/* SPDX-License-Identifier: MIT */
/*
 * Verifications that are answered later: they wait in the store, and one thread of each instance
 * takes one after the other. If its instance ends meanwhile, another one's takes it again after
 * JOBS_LEASE_S. What is noted and answered is committed at once, so each is judged once.
 */
#ifndef CLOISTER_SERVICE_JOBS_H
#define CLOISTER_SERVICE_JOBS_H

#include "service/service.h"

#define JOBS_LEASE_S 20
#define JOBS_LIFETIME_S 3600 /* of the result */

struct jobs;

/* NULL: no memory or no thread. */
struct jobs *jobs_start(struct service *service);
void jobs_stop(struct jobs *jobs);

#endif
