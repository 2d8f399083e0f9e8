/* SPDX-License-Identifier: MIT */
/*
 * A tenant: what the monitor keeps for one domain: its quota, its enclaves by handle, its trace
 * budget.
 *
 * Every domain that can have enclaves gets one when it is created and loses it when it is
 * destroyed, after tenant_end() has been called to the end.
 *
 * Lock order: tenants.lock (the list) -> enclaves.lock -> tenant.lock -> ring and frame-table
 * locks. `quota`, `used`, `enclaves`, `slots`, `dying` and `budget` are protected by tenant.lock;
 * `entries` and `fast_entries` are changed under it and, like `interruptions` and `reentries`, read without (count.h).
 */
#ifndef CLOISTER_MONITOR_TENANT_H
#define CLOISTER_MONITOR_TENANT_H

#include "core/trace.h"

/* A slot number stands in the low bits of the handle, so that ENTER needs no search. */
#define TENANT_SLOT_BITS 8u
#define TENANT_MAX_ENCLAVES (1u << TENANT_SLOT_BITS)

struct enclave;

struct tenant {
    struct host_lock lock;
    void *domain; /* the host's object */
    uint16_t id;
    bool dying;
    uint64_t quota; /* frames */
    uint64_t used;
    uint32_t enclaves;
    uint64_t entries;
    uint64_t fast_entries; /* of those, by thread_call_try() */
    uint64_t interruptions;
    uint64_t reentries;
    struct trace_budget budget;
    struct enclave *slots[TENANT_MAX_ENCLAVES];
    struct tenant *next;
};

void tenants_init(void);

/* NULL: no memory. */
struct tenant *tenant_create(void *domain);
/* The domain is dying: destroys its enclaves. -ERESTART: call again. */
MUST_USE int tenant_end(struct tenant *tenant);
/* Nothing refers to the domain any more. */
void tenant_destroy(struct tenant *tenant);

/* Finds a tenant by domain id and keeps it until tenant_put(); NULL: none. */
struct tenant *tenant_get(uint16_t id);
void tenant_put(struct tenant *tenant);

/* Charges frames to the quota. -EDQUOT, with *left = frames it could still have. */
MUST_USE int tenant_charge(struct tenant *tenant, uint64_t frames, uint64_t *left);
void tenant_uncharge(struct tenant *tenant, uint64_t frames);

/* The operations of abi.h, with its errors. */
MUST_USE int tenant_quota(struct cloister_quota *op);
MUST_USE int tenant_statistics(struct cloister_domain *op);
/* Adds the entries and interruptions of all tenants since boot. */
void tenants_count(struct cloister_info *info);

/*
 * The domain has enclaves now, or one is being made. CREATE counts its enclave under tenant.lock before it asks
 * host_domain_refusal(). So whoever brings about what that refuses either asks here after it is brought about,
 * and undoes it, or keeps CREATE out from the question until it is brought about: of the two, one sees the other.
 */
bool tenant_has_enclaves(struct tenant *tenant);

/*
 * Why the domain cannot take this UUID now: NONE; ENCLAVES_LIVE; DOMAIN_COUNTERS, under the UUID it has or the one it
 * takes; DOMAIN_UUID, which is another domain's. While it is being built it may take any. CREATE, and others that
 * change UUIDs, are kept out from the question until it is changed.
 */
enum cloister_reason tenant_uuid_refusal(struct tenant *tenant, const uint8_t uuid[16]);

/* Writes a record at the tenant's rate. */
void tenant_trace(struct tenant *tenant, struct cloister_trace_record *record);

#endif
