/* SPDX-License-Identifier: MIT */
#include "core/tenant.h"

#include "core/count.h"
#include "vault/counters.h"
#include "core/refuse.h"

static struct {
    struct host_lock lock;
    struct tenant *first;
    /* of the tenants that are gone */
    uint64_t entries;
    uint64_t fast_entries;
    uint64_t interruptions;
    uint64_t reentries;
} tenants;

void tenants_init(void)
{
    memset(&tenants, 0, sizeof(tenants));
    host_lock_init(&tenants.lock);
}

struct tenant *tenant_create(void *domain)
{
    struct tenant *tenant = host_alloc(sizeof(*tenant));

    if (!tenant) {
        return NULL;
    }
    host_lock_init(&tenant->lock);
    tenant->domain = domain;
    tenant->id = host_domain_id(domain);

    host_lock(&tenants.lock);
    tenant->next = tenants.first;
    tenants.first = tenant;
    host_unlock(&tenants.lock);
    return tenant;
}

int tenant_end(struct tenant *tenant)
{
    int rc;

    host_lock(&tenant->lock);
    bool first = !tenant->dying;
    uint32_t enclaves = tenant->enclaves;
    tenant->dying = true;
    host_unlock(&tenant->lock);

    if (first && enclaves) {
        struct cloister_trace_record record = trace_record(CLOISTER_EVENT_DOMAIN);
        record.target = tenant->id;
        record.found = enclaves;
        trace_write(&record, NULL);
    }
    do {
        rc = enclave_destroy_any(tenant);
    } while (!rc && !host_preempted());
    if (!rc) {
        return -ERESTART;
    }
    /* None in the list, yet one is counted: another CPU is making or freeing it. */
    if (rc == -ENOENT) {
        rc = tenant_has_enclaves(tenant) ? -ERESTART : 0;
    }
    return rc;
}

void tenant_destroy(struct tenant *tenant)
{
    host_lock(&tenants.lock);
    if (tenant->enclaves || tenant->used) {
        host_panic("a domain ends with enclaves");
    }
    struct tenant **link = &tenants.first;
    while (*link != tenant) {
        link = &(*link)->next;
    }
    *link = tenant->next;
    tenants.entries += count_read(&tenant->entries);
    tenants.fast_entries += count_read(&tenant->fast_entries);
    tenants.interruptions += count_read(&tenant->interruptions);
    tenants.reentries += count_read(&tenant->reentries);
    host_unlock(&tenants.lock);
    host_free(tenant);
}

struct tenant *tenant_get(uint16_t id)
{
    host_lock(&tenants.lock);
    for (struct tenant *tenant = tenants.first; tenant; tenant = tenant->next) {
        if (tenant->id == id) {
            return tenant;
        }
    }
    host_unlock(&tenants.lock);
    return NULL;
}

void tenant_put(struct tenant *tenant)
{
    (void)tenant;
    host_lock_expect(&tenants.lock);
    host_unlock(&tenants.lock);
}

int tenant_charge(struct tenant *tenant, uint64_t frames, uint64_t *left)
{
    int rc = 0;

    host_lock(&tenant->lock);
    *left = tenant->quota > tenant->used ? tenant->quota - tenant->used : 0;
    if (frames > *left) {
        rc = -EDQUOT;
    } else {
        tenant->used += frames;
    }
    host_unlock(&tenant->lock);
    return rc;
}

void tenant_uncharge(struct tenant *tenant, uint64_t frames)
{
    host_lock(&tenant->lock);
    tenant->used -= frames;
    host_unlock(&tenant->lock);
}

bool tenant_has_enclaves(struct tenant *tenant)
{
    host_lock(&tenant->lock);
    bool has = tenant->enclaves != 0;
    host_unlock(&tenant->lock);
    return has;
}

static bool has_uuid(const struct tenant *tenant, const uint8_t uuid[16])
{
    uint8_t own[16];

    host_domain_uuid(tenant->domain, own);
    return !memcmp(own, uuid, sizeof(own));
}

static bool is_taken(const uint8_t uuid[16])
{
    bool taken = false;

    host_lock(&tenants.lock);
    for (const struct tenant *tenant = tenants.first; tenant && !taken; tenant = tenant->next) {
        taken = has_uuid(tenant, uuid);
    }
    host_unlock(&tenants.lock);
    return taken;
}

enum cloister_reason tenant_uuid_refusal(struct tenant *tenant, const uint8_t uuid[16])
{
    uint8_t own[16];

    if (host_domain_refusal(tenant->domain) == CLOISTER_REASON_DOMAIN_BUILDING ||
        has_uuid(tenant, uuid)) {
        return CLOISTER_REASON_NONE;
    }
    if (tenant_has_enclaves(tenant)) {
        return CLOISTER_REASON_ENCLAVES_LIVE;
    }
    host_domain_uuid(tenant->domain, own);
    if (counters_has(own) || counters_has(uuid)) {
        return CLOISTER_REASON_DOMAIN_COUNTERS;
    }
    return is_taken(uuid) ? CLOISTER_REASON_DOMAIN_UUID : CLOISTER_REASON_NONE;
}

void tenant_trace(struct tenant *tenant, struct cloister_trace_record *record)
{
    host_lock(&tenant->lock);
    trace_write(record, &tenant->budget);
    host_unlock(&tenant->lock);
}

int tenant_quota(struct cloister_quota *op)
{
    struct tenant *tenant;

    if (op->reserved0 || op->set > 1) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_RESERVED_NOT_ZERO, op->set, 1);
    }
    tenant = tenant_get(op->domain);
    if (!tenant) {
        return refuse(&op->head, -ESRCH, CLOISTER_REASON_NO_SUCH_DOMAIN, op->domain, 0);
    }
    host_lock(&tenant->lock);
    int rc = 0;
    if (tenant->dying && op->set) {
        rc = refuse(&op->head, -ESRCH, CLOISTER_REASON_DOMAIN_DYING, op->domain, 0);
    } else {
        tenant->quota = op->set ? op->limit : tenant->quota;
        op->limit = tenant->quota;
        op->used = tenant->used;
    }
    host_unlock(&tenant->lock);
    tenant_put(tenant);
    return rc;
}

int tenant_statistics(struct cloister_domain *op)
{
    struct tenant *tenant = tenant_get(op->domain);

    if (!tenant) {
        return refuse(&op->head, -ESRCH, CLOISTER_REASON_NO_SUCH_DOMAIN, op->domain, 0);
    }
    host_lock(&tenant->lock);
    op->enclaves = tenant->enclaves;
    op->quota = tenant->quota;
    op->used = tenant->used;
    op->entries = tenant->entries;
    op->interruptions = count_read(&tenant->interruptions);
    op->refusals = tenant->budget.refusals;
    op->suppressed = tenant->budget.suppressed;
    host_unlock(&tenant->lock);
    op->create_reason = host_domain_refusal(tenant->domain);
    tenant_put(tenant);
    return 0;
}

void tenants_count(struct cloister_info *info)
{
    host_lock(&tenants.lock);
    info->entries = tenants.entries;
    info->fast_entries = tenants.fast_entries;
    info->interruptions = tenants.interruptions;
    info->reentries = tenants.reentries;
    for (const struct tenant *tenant = tenants.first; tenant; tenant = tenant->next) {
        info->entries += count_read(&tenant->entries);
        info->fast_entries += count_read(&tenant->fast_entries);
        info->interruptions += count_read(&tenant->interruptions);
        info->reentries += count_read(&tenant->reentries);
    }
    host_unlock(&tenants.lock);
}
