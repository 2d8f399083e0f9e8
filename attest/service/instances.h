/* SPDX-License-Identifier: MIT */
/*
 * The instances that share a store: each says in it, every INSTANCES_PERIOD_S, by which issuer and
 * keys it signs. Relying parties see one service, so that each instance must announce the key by which
 * another signs, and all have one issuer. One that does not fit to those that are there ends.
 */
#ifndef CLOISTER_SERVICE_INSTANCES_H
#define CLOISTER_SERVICE_INSTANCES_H

#include "service/service.h"
#include "service/store.h"

#define INSTANCES_PERIOD_S 30
#define INSTANCES_GONE_S 75 /* one that has said nothing for so long is not there any more */

struct instances {
    char id[STORE_ID_SIZE]; /* ours; "": not made yet */
    bool joined, misfits;
    int64_t next; /* s, monotonic: when it is time again */
};

/* Do two instances fit together? NULL, or what differs. */
const char *instances_differ(const struct store_instance *ours, const struct store_instance *other);

/*
 * Where it is time: looks at the others, and says that we are here. If we are new and do not fit,
 * service->misfit is set, and the log has why; later on the log alone. While the store is away
 * nothing happens.
 */
void instances_tick(struct instances *instances, struct service *service, struct db *db);
/* We end. */
void instances_leave(struct instances *instances, struct db *db);

#endif
