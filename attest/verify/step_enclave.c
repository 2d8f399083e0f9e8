/* SPDX-License-Identifier: MIT */
/* Steps 15 and 16: which enclave it is, and how old its report. */
#include <stdio.h>
#include <string.h>

#include "cloister/abi.h"
#include "verify/refuse.h"
#include "verify/verification.h"

#define NS_PER_SECOND UINT64_C(1000000000)

enum enclave_field {
    FIELD_NONE,
    FIELD_MEASUREMENT,
    FIELD_AUTHOR,
    FIELD_FAMILY,
    FIELD_IMAGE,
    FIELD_SECURITY_VERSION
};

static bool holds(const struct alternatives *alternatives, const uint8_t *value)
{
    return !alternatives->count || alternatives_contain(alternatives, value);
}

/* The first field by which the report differs from this entry. */
static enum enclave_field compare(const struct policy_enclave *entry,
                                  const struct cloister_report *report)
{
    return !holds(&entry->author, report->author)               ? FIELD_AUTHOR
           : !holds(&entry->family_id, report->family_id)       ? FIELD_FAMILY
           : !holds(&entry->image_id, report->image_id)         ? FIELD_IMAGE
           : !holds(&entry->measurement, report->measurement)   ? FIELD_MEASUREMENT
           : report->security_version < entry->security_version ? FIELD_SECURITY_VERSION
                                                                : FIELD_NONE;
}

static int refuse_enclave(struct verification *v, uint32_t i, const struct policy_enclave *entry,
                          enum enclave_field field)
{
    const struct cloister_report *report = &v->evidence.reports[i];
    const struct {
        const char *name;
        const struct alternatives *expected;
        const uint8_t *found;
    } fields[] = {
        [FIELD_MEASUREMENT] = {"measurement", &entry->measurement, report->measurement},
        [FIELD_AUTHOR] = {"author", &entry->author, report->author},
        [FIELD_FAMILY] = {"family_id", &entry->family_id, report->family_id},
        [FIELD_IMAGE] = {"image_id", &entry->image_id, report->image_id},
    };

    if (field == FIELD_SECURITY_VERSION) {
        return refuse_number(v->refusal, CLOISTER_REFUSED_ENCLAVE_SECURITY_VERSION,
                             entry->security_version, report->security_version,
                             "reports[%u].security_version", i);
    }
    return refuse_bytes(v->refusal, CLOISTER_REFUSED_ENCLAVE_NOT_ACCEPTED,
                        fields[field].expected->values, fields[field].found,
                        fields[field].expected->size, "reports[%u].%s", i, fields[field].name);
}

/*
 * Finds the entry that accepts the report. If there is none, the nearest tells what is wrong: the
 * one whose security version alone is too high, or the only one.
 */
static int match(struct verification *v, uint32_t i, const struct policy_enclave **accepted)
{
    const struct cloister_report *report = &v->evidence.reports[i];
    const struct policy_enclave *nearest = NULL;
    enum enclave_field differs = FIELD_NONE;

    for (size_t entry = 0; entry < v->policy->enclave_count; entry++) {
        enum enclave_field field = compare(&v->policy->enclaves[entry], report);

        if (field == FIELD_NONE) {
            *accepted = &v->policy->enclaves[entry];
            return 0;
        }
        if (field == FIELD_SECURITY_VERSION || v->policy->enclave_count == 1) {
            nearest = &v->policy->enclaves[entry];
            differs = field;
        }
    }
    if (nearest) {
        return refuse_enclave(v, i, nearest, differs);
    }
    char found[2 * CLOISTER_MEASUREMENT_SIZE + 1];

    hex_text(report->measurement, sizeof(report->measurement), found, sizeof(found));
    return refuse_text(v->refusal, CLOISTER_REFUSED_ENCLAVE_NOT_ACCEPTED,
                       v->policy->enclave_count ? "one of the policy's"
                                                : "nothing: the policy accepts no enclave",
                       found, "reports[%u].measurement", i);
}

static void claim(struct cloister_enclave_claims *claims, const struct cloister_report *report,
                  const struct policy_enclave *entry)
{
    if (entry) {
        memcpy(claims->name, entry->name, sizeof(claims->name));
    }
    memcpy(claims->measurement, report->measurement, sizeof(claims->measurement));
    memcpy(claims->author, report->author, sizeof(claims->author));
    memcpy(claims->family_id, report->family_id, sizeof(claims->family_id));
    memcpy(claims->image_id, report->image_id, sizeof(claims->image_id));
    memcpy(claims->domain_uuid, report->domain_uuid, sizeof(claims->domain_uuid));
    memcpy(claims->report_data, report->report_data, sizeof(claims->report_data));
    claims->image_version = report->image_version;
    claims->security_version = report->security_version;
    claims->enclave = report->enclave;
    claims->domain = report->domain;
    claims->debug = report->image_flags & CLOISTER_IMAGE_DEBUG;
    claims->sequence = report->sequence;
    claims->time = report->time;
}

static int accept_enclave(struct verification *v, uint32_t i)
{
    const struct cloister_report *report = &v->evidence.reports[i];
    const struct policy_enclave *entry = NULL;
    int rc;

    if ((report->image_flags & CLOISTER_IMAGE_DEBUG) && !v->policy->allow_debug) {
        return refuse_text(v->refusal, CLOISTER_REFUSED_ENCLAVE_DEBUG, "no debug enclave",
                           "a debug enclave", "reports[%u].image_flags", i);
    }
    rc = v->policy->any_enclave ? 0 : match(v, i, &entry);
    if (!rc) {
        claim(&v->claims->enclaves[v->claims->enclave_count++], report, entry);
    }
    return rc;
}

int step_enclave(struct verification *v)
{
    int rc = 0;

    for (uint32_t i = 0; i < v->evidence.report_count && !rc; i++) {
        if (v->evidence.reports[i].kind == CLOISTER_REPORT_ENCLAVE) {
            rc = accept_enclave(v, i);
        }
    }
    if (!rc && !v->claims->enclave_count && !v->policy->host_only) {
        return refuse_text(v->refusal, CLOISTER_REFUSED_ENCLAVE_MISSING, "an enclave's report",
                           "none", "reports");
    }
    return rc;
}

bool heartbeat_answers(const struct cloister_report *report,
                       const uint8_t binding[CLOISTER_DIGEST_SIZE])
{
    return report->kind == CLOISTER_REPORT_HEARTBEAT &&
           !memcmp(report->report_data, binding, CLOISTER_DIGEST_SIZE) &&
           all_zero(report->report_data + CLOISTER_DIGEST_SIZE,
                    sizeof(report->report_data) - CLOISTER_DIGEST_SIZE);
}

/* The latest of them, for the claims. */
static void find_heartbeat(struct verification *v)
{
    struct cloister_claims *claims = v->claims;

    for (uint32_t i = 0; i < v->evidence.report_count; i++) {
        const struct cloister_report *report = &v->evidence.reports[i];

        if (heartbeat_answers(report, v->binding) &&
            (!claims->heartbeat || report->time > claims->heartbeat_time)) {
            claims->heartbeat = true;
            claims->heartbeat_time = report->time;
            claims->refusals = report->refusals;
            memcpy(claims->trace_head, report->trace_head, sizeof(claims->trace_head));
            claims->trace_records = report->trace_records;
            claims->trace_suppressed = report->trace_suppressed;
            claims->boot_changes = report->boot_changes;
        }
    }
}

static int accept_age(struct verification *v, const struct cloister_enclave_claims *enclave,
                      uint32_t i)
{
    const uint8_t *expected = v->challenge->report_data;
    const uint64_t limit = v->policy->maximum_age * NS_PER_SECOND;

    if (expected) {
        return memcmp(enclave->report_data, expected, sizeof(enclave->report_data))
                   ? refuse_bytes(v->refusal, CLOISTER_REFUSED_REPORT_DATA_DIFFERS, expected,
                                  enclave->report_data, sizeof(enclave->report_data),
                                  "report_data of enclave %u", i)
                   : 0;
    }
    if (v->policy->any_age) {
        return 0;
    }
    if (!limit || !enclave->age_known) {
        return refuse_text(v->refusal, CLOISTER_REFUSED_AGE_UNKNOWN,
                           limit ? "a heartbeat that answers the challenge"
                                 : "report data to compare, or a maximum age in the policy",
                           "none", "report of enclave %u", i);
    }
    if (enclave->age > limit) {
        return refuse_number(v->refusal, CLOISTER_REFUSED_TOO_OLD, limit, enclave->age,
                             "age of enclave %u's report, in ns", i);
    }
    return 0;
}

int step_freshness(struct verification *v)
{
    struct cloister_claims *claims = v->claims;
    int rc = 0;

    find_heartbeat(v);
    for (uint32_t i = 0; i < claims->enclave_count && !rc; i++) {
        struct cloister_enclave_claims *enclave = &claims->enclaves[i];

        enclave->age_known = claims->heartbeat;
        if (claims->heartbeat && claims->heartbeat_time > enclave->time) {
            enclave->age = claims->heartbeat_time - enclave->time;
        }
        rc = accept_age(v, enclave, i);
    }
    return rc;
}
