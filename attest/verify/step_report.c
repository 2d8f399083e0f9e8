/* SPDX-License-Identifier: MIT */
/* Steps 12 to 14: the monitor's reports, of enclaves and of itself. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cloister/abi.h"
#include "verify/flags.h"
#include "verify/refuse.h"
#include "verify/verification.h"

/* A heartbeat has nothing to say about an enclave: report.h. */
static bool enclave_fields_zero(const struct cloister_report *report)
{
    return !report->image_flags && all_zero(report->measurement, sizeof(report->measurement)) &&
           all_zero(report->author, sizeof(report->author)) &&
           all_zero(report->family_id, sizeof(report->family_id)) &&
           all_zero(report->image_id, sizeof(report->image_id)) && !report->image_version &&
           !report->security_version && !report->enclave && !report->domain &&
           all_zero(report->domain_uuid, sizeof(report->domain_uuid));
}

/* An enclave's report has nothing to say about the trace and the boot order. */
static bool heartbeat_fields_zero(const struct cloister_report *report)
{
    return all_zero(report->trace_head, sizeof(report->trace_head)) && !report->trace_records &&
           !report->trace_suppressed && !report->boot_changes;
}

static int check_form(struct verification *v, uint32_t i)
{
    const enum cloister_refusal_code code = CLOISTER_REFUSED_REPORT_UNKNOWN;
    const struct cloister_report *report = &v->evidence.reports[i];

    if (report->magic != CLOISTER_REPORT_MAGIC) {
        return refuse_number(v->refusal, code, CLOISTER_REPORT_MAGIC, report->magic,
                             "reports[%u].magic", i);
    }
    if (report->version != CLOISTER_REPORT_VERSION) {
        return refuse_number(v->refusal, code, CLOISTER_REPORT_VERSION, report->version,
                             "reports[%u].version", i);
    }
    if (report->size != sizeof(*report)) {
        return refuse_number(v->refusal, code, sizeof(*report), report->size, "reports[%u].size",
                             i);
    }
    if (report->kind != CLOISTER_REPORT_ENCLAVE && report->kind != CLOISTER_REPORT_HEARTBEAT) {
        return refuse_number(v->refusal, code, CLOISTER_REPORT_ENCLAVE, report->kind,
                             "reports[%u].kind", i);
    }
    if (report->reserved0 || !all_zero(report->reserved, sizeof(report->reserved))) {
        return refuse_text(v->refusal, code, "zeros", "something else", "reports[%u].reserved", i);
    }
    if (flags_unknown(report->flags)) {
        return refuse_number(v->refusal, code, 0, report->flags,
                             "reports[%u].flags, those that are unknown", i);
    }
    if (report->image_flags & ~CLOISTER_IMAGE_DEBUG) {
        return refuse_number(v->refusal, code, 0, report->image_flags,
                             "reports[%u].image_flags, those that are unknown", i);
    }
    if (report->kind == CLOISTER_REPORT_ENCLAVE && !heartbeat_fields_zero(report)) {
        return refuse_text(v->refusal, code, "zeros", "something else",
                           "reports[%u], an enclave's: a heartbeat's fields", i);
    }
    if (report->kind == CLOISTER_REPORT_HEARTBEAT && !enclave_fields_zero(report)) {
        return refuse_text(v->refusal, code, "zeros", "something else",
                           "reports[%u], a heartbeat: its enclave's fields", i);
    }
    return 0;
}

static int check_one(struct verification *v, uint32_t i)
{
    const struct cloister_report *reports = v->evidence.reports;
    int rc = check_form(v, i);

    if (rc) {
        return rc;
    }
    if (memcmp(reports[i].record, v->record, sizeof(v->record)) != 0) {
        return refuse_bytes(v->refusal, CLOISTER_REFUSED_REPORT_RECORD, v->record,
                            reports[i].record, sizeof(v->record), "reports[%u].record", i);
    }
    for (uint32_t j = 0; j < i; j++) {
        if (reports[j].sequence == reports[i].sequence) {
            return refuse_number(v->refusal, CLOISTER_REFUSED_REPORT_REPEATED, 0,
                                 reports[i].sequence, "reports[%u].sequence, as reports[%u]'s", i,
                                 j);
        }
    }
    return 0;
}

int step_report(struct verification *v)
{
    int rc = 0;

    for (uint32_t i = 0; i < v->evidence.report_count && !rc; i++) {
        rc = check_one(v, i);
    }
    return rc;
}

int report_verify(struct crypto *crypto, const struct cloister_report *report,
                  const uint8_t monitor_key[64])
{
    static const uint8_t prefix[] = CLOISTER_REPORT_SIGNED_PREFIX;
    const struct cloister_bytes content[] = {
        {prefix, sizeof(prefix)},
        {(const uint8_t *)report, CLOISTER_REPORT_SIGNED_SIZE},
    };
    uint8_t digest[CLOISTER_DIGEST_SIZE];

    _Static_assert(sizeof(prefix) == CLOISTER_REPORT_SIGNED_PREFIX_SIZE, "as it says");
    if (crypto_hash(crypto, content, 2, digest)) {
        return -EIO;
    }
    return crypto_p256_verify(crypto, monitor_key, report->signature, digest) ? 0 : -EACCES;
}

int step_report_signature(struct verification *v)
{
    int rc = 0;

    for (uint32_t i = 0; i < v->evidence.report_count && !rc; i++) {
        rc = report_verify(v->crypto, &v->evidence.reports[i], v->evidence.record.public_key);
        if (rc == -EACCES) {
            refuse_text(v->refusal, CLOISTER_REFUSED_REPORT_SIGNATURE_WRONG,
                        "a signature by record.public_key", "something else",
                        "reports[%u].signature", i);
        }
    }
    return rc;
}

int step_report_flags(struct verification *v)
{
    char what[32];
    int rc = 0;

    for (uint32_t i = 0; i < v->evidence.report_count && !rc; i++) {
        snprintf(what, sizeof(what), "reports[%u].flags", i);
        rc = accept_flags(v, v->evidence.reports[i].flags, CLOISTER_REFUSED_REPORT_FLAGS, what);
    }
    return rc;
}
