/* SPDX-License-Identifier: MIT */
#include "vault/report.h"

#include "machine/bootorder.h"
#include "core/refuse.h"

static uint64_t reports; /* signed since boot */

/* What every report says. */
static void report_begin(struct cloister_report *report, enum cloister_report_kind kind)
{
    memset(report, 0, sizeof(*report));
    report->magic = CLOISTER_REPORT_MAGIC;
    report->version = CLOISTER_REPORT_VERSION;
    report->size = sizeof(*report);
    report->kind = kind;
    report->sequence = __atomic_add_fetch(&reports, 1, __ATOMIC_RELAXED);
    report->time = host_now();
    memcpy(report->record, identity_record_digest(), sizeof(report->record));
    report->flags = host_flags();
    report->refusals = trace_refusals();
}

/* --- of an enclave ---------------------------------------------------------------------------- */

static void describe(struct cloister_report *report, const struct enclave *enclave)
{
    const struct cloister_image_header *header = &enclave->header;

    report->image_flags = header->launch.flags;
    memcpy(report->measurement, header->measurement, sizeof(report->measurement));
    memcpy(report->author, enclave->author, sizeof(report->author));
    memcpy(report->family_id, header->family_id, sizeof(report->family_id));
    memcpy(report->image_id, header->image_id, sizeof(report->image_id));
    report->image_version = header->image_version;
    report->security_version = header->security_version;
    report->enclave = enclave->id;
    report->domain = enclave->tenant->id;
    host_domain_uuid(enclave->tenant->domain, report->domain_uuid);
}

int report_enclave(const struct enclave *enclave, void *buffer, enum cloister_reason *reason)
{
    struct cloister_report report;
    uint8_t data[sizeof(report.report_data)];

    if (!identity_record()) {
        *reason = identity_status()->reason;
        return -EOPNOTSUPP;
    }
    memcpy(data, buffer, sizeof(data));
    report_begin(&report, CLOISTER_REPORT_ENCLAVE);
    describe(&report, enclave);
    memcpy(report.report_data, data, sizeof(data));
    identity_sign(&report);
    memcpy(buffer, &report, sizeof(report));
    return 0;
}

/* --- of the monitor ------------------------------------------------------------------------- */

static int need_identity(struct cloister_head *head)
{
    return identity_record() ? 0 : refuse(head, -EOPNOTSUPP, identity_status()->reason, 0, 0);
}

int report_record(struct cloister_record *op)
{
    int rc = need_identity(&op->head);

    if (!rc) {
        op->record = *identity_record();
    }
    return rc;
}

int report_heartbeat(struct cloister_heartbeat *op)
{
    int rc = need_identity(&op->head);

    if (!rc) {
        struct trace_anchor anchor = trace_anchor();

        report_begin(&op->report, CLOISTER_REPORT_HEARTBEAT);
        memcpy(op->report.trace_head, anchor.head, sizeof(anchor.head));
        op->report.trace_records = anchor.records;
        op->report.trace_suppressed = anchor.suppressed;
        op->report.boot_changes = bootorder_changes();
        memcpy(op->report.report_data, op->data, sizeof(op->data));
        identity_sign(&op->report);
    }
    return rc;
}
