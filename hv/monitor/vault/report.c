/* SPDX-License-Identifier: MIT */
#include "vault/report.h"

#include "machine/bootorder.h"
#include "core/refuse.h"
#include "core/wipe.h"

/* A report on its way to its signature; zeros: none. */
struct report_job {
    struct cloister_report report;
    struct p256_job signature;
};

_Static_assert(sizeof(struct report_job) <= CLOISTER_PAGE_SIZE, "a thread's job has a frame");

static uint64_t reports; /* begun since boot */

/* The heartbeat's, and whether a CPU is at it. */
static struct report_job heartbeat;
static bool heartbeat_busy;

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

/* This job is about `data`. One that was not can be forgotten: nobody waits for it any more. */
static bool is_begun(const struct report_job *job, const uint8_t data[64])
{
    return job->report.magic && !memcmp(job->report.report_data, data, 64);
}

static void report_about(struct report_job *job, const uint8_t data[64])
{
    memcpy(job->report.report_data, data, 64);
    wipe(&job->signature, sizeof(job->signature));
}

/* 0: signed; -ERESTART: others wait for this CPU. */
static int report_finish(struct report_job *job)
{
    int rc;

    do {
        host_secret_begin();
        rc = identity_sign_step(&job->report, &job->signature);
        host_secret_end();
    } while (rc && !host_preempted());
    return rc ? -ERESTART : 0;
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

static int finish_for(const struct thread *thread, struct report_job *job, void *buffer)
{
    uint8_t data[sizeof(job->report.report_data)];

    memcpy(data, buffer, sizeof(data));
    if (!is_begun(job, data)) {
        report_begin(&job->report, CLOISTER_REPORT_ENCLAVE);
        describe(&job->report, thread->enclave);
        report_about(job, data);
    }
    int rc = report_finish(job);
    if (!rc) {
        memcpy(buffer, &job->report, sizeof(job->report));
        wipe(job, sizeof(*job));
    }
    return rc;
}

int report_enclave(const struct thread *thread, void *buffer, enum cloister_reason *reason)
{
    if (!identity_record()) {
        *reason = identity_status()->reason;
        return -EOPNOTSUPP;
    }
    struct report_job *job = host_frame_map(thread->context[WORLD_FRAMES]);
    int rc = finish_for(thread, job, buffer);
    host_frame_unmap(job);
    return rc;
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

static void heartbeat_begin(const uint8_t data[64])
{
    struct trace_anchor anchor = trace_anchor();
    struct cloister_report *report = &heartbeat.report;

    report_begin(report, CLOISTER_REPORT_HEARTBEAT);
    memcpy(report->trace_head, anchor.head, sizeof(anchor.head));
    report->trace_records = anchor.records;
    report->trace_suppressed = anchor.suppressed;
    report->boot_changes = bootorder_changes();
    report_about(&heartbeat, data);
}

int report_heartbeat(struct cloister_heartbeat *op)
{
    int rc = need_identity(&op->head);

    if (rc) {
        return rc;
    }
    if (__atomic_exchange_n(&heartbeat_busy, true, __ATOMIC_ACQUIRE)) {
        return -ERESTART;
    }
    if (!is_begun(&heartbeat, op->data)) {
        heartbeat_begin(op->data);
    }
    rc = report_finish(&heartbeat);
    if (!rc) {
        op->report = heartbeat.report;
        report_wipe();
    }
    __atomic_store_n(&heartbeat_busy, false, __ATOMIC_RELEASE);
    return rc;
}

void report_wipe(void)
{
    wipe(&heartbeat, sizeof(heartbeat));
}
