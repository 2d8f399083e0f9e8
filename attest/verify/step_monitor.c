/* SPDX-License-Identifier: MIT */
/* Step 11: what the monitor is and how it runs; its flags are judged in step 14 again. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cloister/abi.h"
#include "verify/flags.h"
#include "verify/refuse.h"
#include "verify/verification.h"

/*
 * What must be set. `lockdown` is not where something was opened; what the policy allows of that it
 * allows with this. A device that reaches all memory needs no interrupts.
 */
static uint32_t flags_required(const struct cloister_policy *policy, uint32_t flags)
{
    uint32_t opened = flags & (FLAGS_ROOMS | CLOISTER_INFO_LOCKDOWN_WATCH);
    uint32_t required = policy->require_flags;

    if (!policy->no_lockdown && !(opened & policy->open_allowed)) {
        required |= CLOISTER_INFO_LOCKDOWN;
    }
    if (!policy->no_intremap && !policy->allow_dma) {
        required |= CLOISTER_INFO_INTREMAP;
    }
    required |= policy->allow_dma ? 0 : CLOISTER_INFO_IOMMU_STRICT;
    required |= policy->tpm_optional ? 0 : CLOISTER_INFO_TPM_REQUIRED;
    required |= policy->accept_no_mor ? 0 : CLOISTER_INFO_MOR;
    return required;
}

static uint32_t flags_refused(const struct cloister_policy *policy)
{
    uint32_t refused = FLAGS_OPEN & ~policy->open_allowed;

    refused |= policy->allow_dma ? 0 : CLOISTER_INFO_INSECURE_DMA;
    refused |= policy->allow_smt ? 0 : CLOISTER_INFO_SMT;
    refused |= policy->allow_test ? 0 : CLOISTER_INFO_TEST;
    refused |= policy->allow_update_key ? 0 : CLOISTER_INFO_UPDATE_KEY;
    refused |= policy->accept_bmc ? 0 : CLOISTER_INFO_BMC;
    return refused;
}

int accept_flags(struct verification *v, uint32_t flags, enum cloister_refusal_code code,
                 const char *what)
{
    const uint32_t missing = flags_required(v->policy, flags) & ~flags;
    const uint32_t refused = flags_refused(v->policy) & flags;
    char expected[sizeof(v->refusal->expected)], names[FLAGS_TEXT_ROOM], found[FLAGS_TEXT_ROOM];

    if (!missing && !refused) {
        return 0;
    }
    flags_text(flags, found, sizeof(found));
    flags_text(refused ? refused : missing, names, sizeof(names));
    snprintf(expected, sizeof(expected), refused ? "without %s" : "with %s", names);
    return refuse_text(v->refusal, code, expected, *found ? found : "none", "%s", what);
}

/* What a record says of its Xen: the older of Xen's own word and of its source's. */
static bool xen_found(const struct cloister_monitor_record *record, struct xen_version *found)
{
    struct xen_version source;

    if (!xen_version_read(record->xen_version, sizeof(record->xen_version), found)) {
        return false;
    }
    if (!*record->xen_source) {
        return true;
    }
    if (!xen_version_read(record->xen_source, sizeof(record->xen_source), &source) ||
        !xen_same_series(&source, found)) {
        return false;
    }
    if (source.patch < found->patch) {
        *found = source;
    }
    return true;
}

/* `least`: what is demanded of this series; NULL: the series is not listed, or not known. */
static int refuse_xen(struct verification *v, const struct xen_version *least)
{
    const struct cloister_monitor_record *record = &v->evidence.record;
    char expected[sizeof(v->refusal->expected)] = "", found[sizeof(v->refusal->found)];
    const struct xen_version *xens = least ? least : v->policy->xens;
    const size_t count = least ? 1 : v->policy->xen_count;
    size_t used = 0;

    for (size_t i = 0; i < count && used < sizeof(expected); i++) {
        used += (size_t)snprintf(expected + used, sizeof(expected) - used, "%s%u.%u.%d or later",
                                 i ? ", " : "", xens[i].major, xens[i].minor, xens[i].patch);
    }
    snprintf(found, sizeof(found), "%.32s, source: %.48s", (const char *)record->xen_version,
             *record->xen_source ? (const char *)record->xen_source : "not said");
    return refuse_text(v->refusal, CLOISTER_REFUSED_XEN_VERSION, expected, found,
                       "record.xen_version");
}

static int accept_xen(struct verification *v)
{
    struct xen_version found;
    bool known = xen_found(&v->evidence.record, &found);

    for (size_t i = 0; known && i < v->policy->xen_count; i++) {
        const struct xen_version *least = &v->policy->xens[i];

        if (xen_same_series(least, &found)) {
            return found.patch >= least->patch ? 0 : refuse_xen(v, least);
        }
    }
    return v->policy->xen_count ? refuse_xen(v, NULL) : 0;
}

static int accept_table(struct verification *v)
{
    const struct alternatives *tables = &v->policy->tables;
    const uint8_t *found = v->evidence.record.lockdown;

    if (!tables->count || alternatives_contain(tables, found)) {
        return 0;
    }
    return refuse_bytes(v->refusal, CLOISTER_REFUSED_LOCKDOWN_TABLE, tables->values, found,
                        CLOISTER_DIGEST_SIZE, "record.lockdown, one of %zu tables", tables->count);
}

int step_monitor(struct verification *v)
{
    const struct cloister_monitor_record *record = &v->evidence.record;
    const uint32_t least = v->policy->minimum_version, found = record->monitor_version;
    char expected_text[32], found_text[32];
    int rc;

    if (found < least) {
        snprintf(expected_text, sizeof(expected_text), "%u.%u.%u or later", least >> 16,
                 least >> 8 & 255, least & 255);
        snprintf(found_text, sizeof(found_text), "%u.%u.%u", found >> 16, found >> 8 & 255,
                 found & 255);
        return refuse_text(v->refusal, CLOISTER_REFUSED_MONITOR_VERSION, expected_text, found_text,
                           "record.monitor_version");
    }
    rc = accept_xen(v);
    if (!rc) {
        rc = accept_flags(v, record->flags, CLOISTER_REFUSED_MONITOR_FLAGS, "record.flags");
    }
    return rc ? rc : accept_table(v);
}
