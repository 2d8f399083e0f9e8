/* SPDX-License-Identifier: MIT */
/* Records, reports of enclaves and heartbeats, verified with OpenSSL; and whom they are refused. */
#include <stdio.h>

#include "vault/identity.h"
#include "proof.h"
#include "scene.h"
#include "suite.h"

#define BUFFER_SIZE 512u

static struct image *image;
static uint64_t handle[2];
static uint32_t enclave_id;
static struct thread *thread;
static uint32_t writable, readonly; /* pages of the image */

static void find_pages(void)
{
    bool have_writable = false, have_readonly = false;

    for (uint32_t i = 0; i < image->count; i++) {
        if (image->records[i].flags & CLOISTER_PAGE_W) {
            writable = image->records[i].page;
            have_writable = true;
        } else {
            readonly = image->records[i].page;
            have_readonly = true;
        }
    }
    ck_assert(have_writable && have_readonly);
}

static void start(void)
{
    scene_start();
    fake.flags = CLOISTER_INFO_SVM | CLOISTER_INFO_IOMMU_STRICT;
    image = scene_image();
    find_pages();
    enclave_id = scene_building(image, TENANT);
    ck_assert_int_eq(do_share(enclave_id, 0, SCENE_SHARED), 0);
    ck_assert_int_eq(do_init(enclave_id, handle), 0);
    thread = scene_enter(TENANT, 0, handle, 0);
}

static void end(void)
{
    struct thread_result result;

    ck_assert_int_eq(scene_exit(thread, CLOISTER_ENCLAVE_RETURN, 0, 0, &result), THREAD_LEAVE);
    scene_end();
}

static struct cloister_monitor_record get_record(void)
{
    struct cloister_record op = {.head = {.reason = 0}};

    ck_assert_int_eq(control(CLOISTER_OP_RECORD, &op, sizeof(op)), 0);
    return op.record;
}

/* The bytes of a page of the enclave, as it sees them. */
static uint8_t *page_of(uint32_t page, frame_t *frame)
{
    ck_assert(view_lookup(&thread->enclave->view, page, frame));
    return host_frame_map(*frame);
}

static void page_put(uint32_t page, uint32_t offset, const void *data, size_t size)
{
    frame_t frame;
    uint8_t *content = page_of(page, &frame);

    memcpy(content + offset, data, size);
    host_frame_unmap(content);
}

static void page_get(uint32_t page, uint32_t offset, void *data, size_t size)
{
    frame_t frame;
    uint8_t *content = page_of(page, &frame);

    memcpy(data, content + offset, size);
    host_frame_unmap(content);
}

static int64_t ask(uint64_t address, uint64_t zero)
{
    struct thread_result result = {.outcome = 99};

    ck_assert_int_eq(scene_exit(thread, CLOISTER_ENCLAVE_REPORT, address, zero, &result),
                     THREAD_ANSWER);
    return result.outcome;
}

static struct cloister_report report_of(uint32_t offset, uint8_t fill)
{
    struct cloister_report report;
    uint8_t data[64];

    memset(data, fill, sizeof(data));
    page_put(writable, offset, data, sizeof(data));
    ck_assert_int_eq(ask((uint64_t)writable * CLOISTER_PAGE_SIZE + offset, 0), 0);
    page_get(writable, offset, &report, sizeof(report));
    ck_assert_mem_eq(report.report_data, data, sizeof(data));
    return report;
}

START_TEST(record_says_what_is)
{
    static const uint8_t zero[sizeof(((struct cloister_monitor_record *)0)->public_key)];
    struct cloister_monitor_record record = get_record();

    ck_assert_uint_eq(record.magic, CLOISTER_RECORD_MAGIC);
    ck_assert_uint_eq(record.version, CLOISTER_RECORD_VERSION);
    ck_assert_uint_eq(record.size, sizeof(record));
    ck_assert_uint_eq(record.flags, 0); /* of the fake host when it started */
    ck_assert_uint_eq(record.abi_version, CLOISTER_ABI_VERSION);
    ck_assert_uint_eq(record.monitor_version, CLOISTER_MONITOR_VERSION);
    ck_assert_uint_eq(record.pcr, CLOISTER_RECORD_NO_TPM);
    ck_assert_uint_eq(record.boot_id, fake_ring(0)->boot_id);
    ck_assert_str_eq((const char *)record.xen_version, "4.17.5");
    ck_assert_uint_eq(record.reserved0, 0);
    ck_assert_mem_eq(record.reserved, zero, sizeof(record.reserved));
    ck_assert_mem_ne(record.public_key, zero, sizeof(record.public_key));
}
END_TEST

START_TEST(version_is_the_project_s)
{
    char text[16];

    snprintf(text, sizeof(text), "%u.%u.%u", CLOISTER_MONITOR_VERSION >> 16,
             CLOISTER_MONITOR_VERSION >> 8 & 0xff, CLOISTER_MONITOR_VERSION & 0xff);
    ck_assert_str_eq(text, CLOISTER_VERSION);
}
END_TEST

START_TEST(enclave_s_report)
{
    static const uint8_t zero[160];
    struct cloister_monitor_record record = get_record();
    uint8_t uuid[16];

    ck_assert_uint_gt(trace_anchor().records, 0); /* yet an enclave's report says nothing of them */

    fake.now = 123456789;
    struct cloister_report report = report_of(_i * BUFFER_SIZE, 0x77);
    ck_assert(proof_report(&report, &record));
    ck_assert_uint_eq(report.magic, CLOISTER_REPORT_MAGIC);
    ck_assert_uint_eq(report.version, CLOISTER_REPORT_VERSION);
    ck_assert_uint_eq(report.size, sizeof(report));
    ck_assert_uint_eq(report.kind, CLOISTER_REPORT_ENCLAVE);
    ck_assert_uint_eq(report.sequence, 1);
    ck_assert_uint_eq(report.time, 123456789);
    ck_assert_uint_eq(report.flags, fake.flags);
    ck_assert_uint_eq(report.image_flags, image->header.launch.flags);
    ck_assert_mem_eq(report.measurement, image->header.measurement, sizeof(report.measurement));
    proof_sha256(image->header.author_key, 64, record.public_key);
    ck_assert_mem_eq(report.author, record.public_key, 32);
    ck_assert_mem_eq(report.family_id, image->header.family_id, 16);
    ck_assert_mem_eq(report.image_id, image->header.image_id, 16);
    ck_assert_uint_eq(report.image_version, image->header.image_version);
    ck_assert_uint_eq(report.security_version, image->header.security_version);
    ck_assert_uint_eq(report.enclave, enclave_id);
    ck_assert_uint_eq(report.domain, TENANT);
    host_domain_uuid(&fake.domains[TENANT], uuid);
    ck_assert_mem_eq(report.domain_uuid, uuid, sizeof(uuid));
    ck_assert_uint_eq(report.reserved0, 0);
    ck_assert_mem_eq(report.trace_head, zero, sizeof(report.trace_head));
    ck_assert_uint_eq(report.trace_records, 0);
    ck_assert_uint_eq(report.trace_suppressed, 0);
    ck_assert_mem_eq(report.reserved, zero, sizeof(report.reserved));
}
END_TEST

START_TEST(debug_shows)
{
    struct thread_result result;

    ck_assert_int_eq(scene_exit(thread, CLOISTER_ENCLAVE_RETURN, 0, 0, &result), THREAD_LEAVE);
    image->header.launch.flags = CLOISTER_IMAGE_DEBUG;
    image_measure(image);
    image_sign(image);
    scene_ready(image, OTHER_TENANT, handle);
    thread = scene_enter(OTHER_TENANT, 0, handle, 1);
    struct cloister_report report = report_of(0, 1);
    struct cloister_monitor_record record = get_record();
    ck_assert_uint_eq(report.image_flags, CLOISTER_IMAGE_DEBUG);
    ck_assert_uint_eq(report.domain, OTHER_TENANT);
    ck_assert(proof_report(&report, &record));
}
END_TEST

/* Any changed bit, the signature's included, and any other record. */
START_TEST(signature_covers_all)
{
    struct cloister_monitor_record record = get_record();
    struct cloister_report report = report_of(0, 0x12);
    uint8_t *bytes = (uint8_t *)&report;

    for (size_t i = 0; i < sizeof(report); i++) {
        bytes[i] ^= 1u << i % 8;
        ck_assert_msg(!proof_report(&report, &record), "byte %zu is not covered", i);
        bytes[i] ^= 1u << i % 8;
    }
    ck_assert(proof_report(&report, &record));
    for (size_t i = 0; i < sizeof(record); i++) {
        ((uint8_t *)&record)[i] ^= 1;
        ck_assert(!proof_report(&report, &record));
        ((uint8_t *)&record)[i] ^= 1;
    }
}
END_TEST

START_TEST(sequence_counts_all_reports)
{
    struct cloister_heartbeat op = {.head = {.reason = 0}};
    struct cloister_monitor_record record = get_record();

    for (uint64_t i = 1; i < 20; i += 2) {
        struct cloister_report report = report_of(0, (uint8_t)i);
        ck_assert_uint_eq(report.sequence, i);
        ck_assert(proof_report(&report, &record));
        ck_assert_int_eq(control(CLOISTER_OP_HEARTBEAT, &op, sizeof(op)), 0);
        ck_assert_uint_eq(op.report.sequence, i + 1);
        ck_assert(proof_report(&op.report, &record));
    }
}
END_TEST

START_TEST(heartbeat)
{
    struct cloister_monitor_record record = get_record();
    struct cloister_heartbeat op = {.head = {.reason = 0}};
    struct cloister_report empty = {.magic = 0};

    memset(op.data, 0x3c, sizeof(op.data));
    memset(&op.report, 0xee, sizeof(op.report)); /* what the caller left there is not in it */
    ck_assert_int_eq(control(CLOISTER_OP_HEARTBEAT, &op, sizeof(op)), 0);
    ck_assert(proof_report(&op.report, &record));
    ck_assert_uint_eq(op.report.kind, CLOISTER_REPORT_HEARTBEAT);
    ck_assert_mem_eq(op.report.report_data, op.data, sizeof(op.data));
    ck_assert_uint_eq(op.report.flags, fake.flags);
    ck_assert_uint_eq(op.report.refusals, trace_refusals());
    ck_assert_mem_eq(op.report.trace_head, trace_anchor().head, 32);
    ck_assert_uint_eq(op.report.trace_records, trace_anchor().records);
    ck_assert_uint_gt(op.report.trace_records, 0);
    ck_assert_uint_eq(op.report.trace_suppressed, 0);
    /* All that is an enclave's is zero. */
    empty.magic = op.report.magic;
    empty.version = op.report.version;
    empty.size = op.report.size;
    empty.kind = op.report.kind;
    empty.sequence = op.report.sequence;
    empty.time = op.report.time;
    memcpy(empty.record, op.report.record, sizeof(empty.record));
    empty.flags = op.report.flags;
    empty.refusals = op.report.refusals;
    memcpy(empty.report_data, op.data, sizeof(op.data));
    memcpy(empty.trace_head, op.report.trace_head, sizeof(empty.trace_head));
    empty.trace_records = op.report.trace_records;
    ck_assert_mem_eq(&empty, &op.report, CLOISTER_REPORT_SIGNED_SIZE);
}
END_TEST

/* --- refusals ------------------------------------------------------------------------------- */

/* Refused with this error, nothing written, traced, and the enclave goes on. */
static void refused(uint64_t address, uint64_t zero, int error, enum cloister_reason reason)
{
    uint8_t before[CLOISTER_PAGE_SIZE], after[CLOISTER_PAGE_SIZE];
    uint64_t refusals = trace_refusals();

    page_get(writable, 0, before, sizeof(before));
    ck_assert_int_eq(ask(address, zero), error);
    page_get(writable, 0, after, sizeof(after));
    ck_assert_mem_eq(before, after, sizeof(before));
    ck_assert_uint_eq(trace_refusals(), refusals + 1);
    const struct cloister_trace_record *record = fake_last_record();
    ck_assert_uint_eq(record->event, CLOISTER_EVENT_ENCLAVE);
    ck_assert_uint_eq(record->decision, CLOISTER_REFUSED);
    ck_assert_uint_eq(record->operation, CLOISTER_ENCLAVE_REPORT);
    ck_assert_uint_eq(record->reason, reason);
    ck_assert_int_eq(record->error, error);
    ck_assert_uint_eq(record->enclave, enclave_id);
    ck_assert_uint_eq(record->target, TENANT);
    ck_assert_uint_eq(record->address, address);
}

START_TEST(not_aligned)
{
    uint64_t base = (uint64_t)writable * CLOISTER_PAGE_SIZE;

    for (uint64_t offset = 1; offset < CLOISTER_PAGE_SIZE; offset += offset % 8 == 1 ? 7 : 24) {
        if (offset % BUFFER_SIZE) {
            refused(base + offset, 0, -EINVAL, CLOISTER_REASON_ENCLAVE_BUFFER);
            fake.now += 1000000000; /* the trace's rate limit */
        }
    }
    refused(base, 1, -EINVAL, CLOISTER_REASON_ENCLAVE_BUFFER);
    refused(base, UINT64_MAX, -EINVAL, CLOISTER_REASON_ENCLAVE_BUFFER);
}
END_TEST

START_TEST(not_an_own_writable_page)
{
    const uint64_t shared = CLOISTER_SHARED_GPFN * CLOISTER_PAGE_SIZE;
    const uint64_t page_count = image->header.launch.page_count;
    uint64_t hole = 0;
    frame_t frame;

    while (view_lookup(&thread->enclave->view, hole, &frame)) {
        hole++;
    }
    ck_assert_uint_lt(hole, page_count);
    ck_assert(view_lookup(&thread->enclave->view, CLOISTER_SHARED_GPFN, &frame));
    const uint64_t bad[] = {
        (uint64_t)readonly * CLOISTER_PAGE_SIZE,
        hole * CLOISTER_PAGE_SIZE,
        shared, /* mapped and writable, but the tenant's */
        shared + (SCENE_SHARED - 1) * CLOISTER_PAGE_SIZE,
        shared + SCENE_SHARED * CLOISTER_PAGE_SIZE,
        page_count * CLOISTER_PAGE_SIZE,
        CLOISTER_ENCLAVE_BASE + (uint64_t)writable * CLOISTER_PAGE_SIZE, /* linear */
        (UINT64_C(1) << 48) + (uint64_t)writable * CLOISTER_PAGE_SIZE,   /* the same slots */
        (UINT64_C(1) << 63) + (uint64_t)writable * CLOISTER_PAGE_SIZE,
        UINT64_C(0xffff800000000000),
        UINT64_MAX - 511,
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refused(bad[i], 0, -EFAULT, CLOISTER_REASON_ENCLAVE_BUFFER);
    }
    report_of(0, 5); /* and it still works */
}
END_TEST

/* --- the enclave's own page tables ---------------------------------------------------------- */

#define ROOT 1u /* CR3 of scene_image() */
#define ENTRY(page) ((uint64_t)(page) << 12 | 7)
#define LARGE 0x80u

static void entry_put(uint32_t table, uint32_t slot, uint64_t entry)
{
    page_put(table, slot * 8, &entry, sizeof(entry));
}

static void tables_clear(void)
{
    static const uint8_t zero[CLOISTER_PAGE_SIZE];

    page_put(ROOT, 0, zero, sizeof(zero));
    page_put(3, 0, zero, sizeof(zero));
    page_put(511, 0, zero, sizeof(zero));
}

static void no_report_into(uint32_t page)
{
    uint8_t before[CLOISTER_PAGE_SIZE], after[CLOISTER_PAGE_SIZE];

    page_get(page, 0, before, sizeof(before));
    refused((uint64_t)page * CLOISTER_PAGE_SIZE, 0, -EFAULT, CLOISTER_REASON_ENCLAVE_BUFFER);
    page_get(page, 0, after, sizeof(after));
    ck_assert_mem_eq(before, after, sizeof(before));
}

START_TEST(a_page_table)
{
    ck_assert_uint_eq(writable, 512);
    tables_clear();
    no_report_into(ROOT);
    report_of(0, 1);
    for (uint32_t slot = 0; slot < 512; slot += 511) {
        entry_put(ROOT, slot, ENTRY(writable)); /* of the second level */
        no_report_into(writable);
        entry_put(ROOT, slot, ENTRY(3)); /* of the third */
        entry_put(3, 511 - slot, ENTRY(writable));
        no_report_into(writable);
        no_report_into(3);
        entry_put(3, 511 - slot, ENTRY(511)); /* of the last: it names pages, not tables */
        entry_put(511, slot, ENTRY(writable));
        no_report_into(writable);
        no_report_into(511);
        tables_clear();
        report_of(0, 1);
    }
    /* The deepest level's entries are pages. */
    entry_put(ROOT, 5, ENTRY(3));
    entry_put(3, 5, ENTRY(511));
    entry_put(511, 5, ENTRY(0) /* the GDT's page, read-only here */);
    report_of(0, 1);
}
END_TEST

START_TEST(entries_that_name_no_table)
{
    const uint64_t harmless[] = {
        ENTRY(writable) & ~UINT64_C(1),      /* not present */
        ENTRY(writable) | LARGE,             /* a large page */
        ENTRY(writable) | UINT64_C(1) << 40, /* elsewhere */
        ENTRY(CLOISTER_SHARED_GPFN),         /* the tenant's */
        ENTRY(SCENE_PAGE_COUNT),
        ENTRY(2000), /* no pages of its own; and none that exists */
        UINT64_MAX & ~UINT64_C(1),
    };

    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
        tables_clear();
        entry_put(ROOT, 7, harmless[i]);
        report_of(0, 1);
    }
    entry_put(ROOT, 7, ENTRY(writable) | UINT64_C(1) << 63 | 0xf60); /* ignored bits */
    no_report_into(writable);
}
END_TEST

/* Tables that name each other, and themselves: bounded, and refused. */
START_TEST(tables_in_a_circle)
{
    tables_clear();
    for (uint32_t slot = 0; slot < 512; slot++) {
        entry_put(ROOT, slot, ENTRY(slot % 2 ? ROOT : 3));
        entry_put(3, slot, ENTRY(slot % 2 ? 3 : ROOT));
    }
    no_report_into(writable);
    tables_clear();
    entry_put(ROOT, 0, ENTRY(ROOT)); /* the recursive slot that kernels like */
    report_of(0, 1);
    no_report_into(ROOT);
}
END_TEST

START_TEST(refusals_are_counted_in_reports)
{
    struct cloister_report before = report_of(0, 1);

    refused(UINT64_MAX - 511, 0, -EFAULT, CLOISTER_REASON_ENCLAVE_BUFFER);
    struct cloister_report after = report_of(0, 1);
    ck_assert_uint_eq(after.refusals, before.refusals + 1);
}
END_TEST

START_TEST(only_the_control_domain)
{
    struct cloister_heartbeat heartbeat_op = {.head = {.reason = 0}};
    uint64_t address = fake_user_put(&heartbeat_op, sizeof(heartbeat_op));

    ck_assert_int_eq(monitor_control(CLOISTER_OP_HEARTBEAT, address, false, false), -EPERM);
    ck_assert_int_eq(monitor_control(CLOISTER_OP_RECORD, address, false, false), -EPERM);
    ck_assert_int_eq(monitor_control(CLOISTER_OP_HEARTBEAT, address, true, true), -EBUSY);
    ck_assert_int_eq(monitor_control(CLOISTER_OP_HEARTBEAT, 0, true, false), -EFAULT);
    ck_assert_int_eq(monitor_control(CLOISTER_OP_HEARTBEAT, fake_user_readonly(), true, false),
                     -EFAULT);
    ck_assert_int_eq(monitor_control(CLOISTER_OP_RECORD, fake_user_readonly(), true, false),
                     -EFAULT);
    /* None of these was signed. */
    ck_assert_uint_eq(report_of(0, 1).sequence, 1);
}
END_TEST

/* --- without an identity -------------------------------------------------------------------- */

START_TEST(no_entropy_no_identity)
{
    struct cloister_record record = {.head = {.reason = 0}};
    struct cloister_heartbeat beat = {.head = {.reason = 0}};
    struct cloister_info info = {.abi_version = 0};

    fake_fail(FAKE_RANDOM, 1);
    fake_identity_init();
    ck_assert(fake_failed());
    fake_fail(FAKE_RANDOM, 0);
    ck_assert_ptr_null(identity_record());
    REFUSES(CLOISTER_OP_RECORD, record, -EOPNOTSUPP, HOST_ENTROPY);
    REFUSES(CLOISTER_OP_HEARTBEAT, beat, -EOPNOTSUPP, HOST_ENTROPY);
    refused((uint64_t)writable * CLOISTER_PAGE_SIZE, 0, -EOPNOTSUPP, CLOISTER_REASON_HOST_ENTROPY);
    ck_assert_int_eq(control(CLOISTER_OP_INFO, &info, sizeof(info)), 0);
    ck_assert_uint_eq(info.identity_reason, CLOISTER_REASON_HOST_ENTROPY);
}
END_TEST

/* --- in steps ------------------------------------------------------------------------------- */

#define CHECKS 66 /* behind each step of a signature but the last */

/* Asks once, to be preempted at the n-th check. */
static enum thread_next ask_once(struct thread *who, uint64_t address, unsigned long n,
                                 int64_t *outcome)
{
    const struct thread_exit exit = {.kind = THREAD_EXIT_CALL,
                                     .number = CLOISTER_ENCLAVE_REPORT,
                                     .value = {address, 0},
                                     .kernel = true};
    struct thread_result result = {.outcome = 99};

    fake_preempt_at(n);
    enum thread_next next = thread_exit(who, &exit, &result);
    fake_preempt_at(0);
    *outcome = result.outcome;
    return next;
}

START_TEST(report_preempted_at_each_step)
{
    const struct cloister_monitor_record record = get_record();
    uint64_t sequence = report_of(0, 0x11).sequence;

    for (unsigned long n = 1; n <= CHECKS + 1; n++) {
        struct cloister_report report, before;
        uint8_t data[64];
        int64_t outcome;

        memset(data, (int)n, sizeof(data));
        page_put(writable, 512, data, sizeof(data));
        page_get(writable, 512, &before, sizeof(before));
        uint64_t address = (uint64_t)writable * CLOISTER_PAGE_SIZE + 512;
        enum thread_next next = ask_once(thread, address, n, &outcome);
        if (n <= CHECKS) {
            ck_assert_int_eq(next, THREAD_AGAIN);
            page_get(writable, 512, &report, sizeof(report));
            ck_assert_mem_eq(&report, &before, sizeof(report));
            next = ask_once(thread, address, 0, &outcome);
        }
        ck_assert_int_eq(next, THREAD_ANSWER);
        ck_assert_int_eq(outcome, 0);
        page_get(writable, 512, &report, sizeof(report));
        ck_assert(proof_report(&report, &record));
        ck_assert_mem_eq(report.report_data, data, sizeof(data));
        ck_assert_uint_eq(report.sequence, ++sequence);
    }
}
END_TEST

/* An enclave that changes what it asks for begins again; the report is about what it asked for last. */
START_TEST(report_about_something_else)
{
    const struct cloister_monitor_record record = get_record();
    uint64_t address = (uint64_t)writable * CLOISTER_PAGE_SIZE;
    struct cloister_report report;
    uint8_t first[64] = {1}, second[64] = {2};
    int64_t outcome;

    page_put(writable, 0, first, sizeof(first));
    ck_assert_int_eq(ask_once(thread, address, 20, &outcome), THREAD_AGAIN);
    page_put(writable, 0, second, sizeof(second));
    ck_assert_int_eq(ask_once(thread, address, CHECKS, &outcome), THREAD_AGAIN);
    ck_assert_int_eq(ask_once(thread, address, 0, &outcome), THREAD_ANSWER);
    page_get(writable, 0, &report, sizeof(report));
    ck_assert(proof_report(&report, &record));
    ck_assert_mem_eq(report.report_data, second, sizeof(second));
}
END_TEST

static struct cloister_heartbeat heartbeat_of(uint8_t fill)
{
    struct cloister_heartbeat op = {.head = {.reason = 0}};

    memset(op.data, fill, sizeof(op.data));
    return op;
}

START_TEST(heartbeat_preempted_at_each_step)
{
    const struct cloister_monitor_record record = get_record();

    for (unsigned long n = 1; n <= CHECKS + 1; n++) {
        struct cloister_heartbeat op = heartbeat_of((uint8_t)n);

        fake_preempt_at(n);
        int rc = control_once(CLOISTER_OP_HEARTBEAT, &op, sizeof(op));
        fake_preempt_at(0);
        ck_assert_int_eq(rc, n <= CHECKS ? -ERESTART : 0);
        if (rc) {
            ck_assert(!op.report.magic);
            rc = control_once(CLOISTER_OP_HEARTBEAT, &op, sizeof(op));
        }
        ck_assert_int_eq(rc, 0);
        ck_assert(proof_report(&op.report, &record));
        ck_assert_mem_eq(op.report.report_data, op.data, sizeof(op.data));
    }
}
END_TEST

/* Whoever is overtaken begins again; each gets the one that he asked for. */
START_TEST(heartbeats_that_overtake)
{
    const struct cloister_monitor_record record = get_record();
    struct cloister_heartbeat first = heartbeat_of(1), second = heartbeat_of(2);

    for (unsigned int i = 0; i < 6; i++) {
        struct cloister_heartbeat *op = i % 2 ? &second : &first;

        fake_preempt_at(CHECKS - i);
        ck_assert_int_eq(control_once(CLOISTER_OP_HEARTBEAT, op, sizeof(*op)), -ERESTART);
    }
    fake_preempt_at(0);
    ck_assert_int_eq(control(CLOISTER_OP_HEARTBEAT, &first, sizeof(first)), 0);
    ck_assert_int_eq(control(CLOISTER_OP_HEARTBEAT, &second, sizeof(second)), 0);
    ck_assert(proof_report(&first.report, &record));
    ck_assert(proof_report(&second.report, &record));
    ck_assert_mem_eq(first.report.report_data, first.data, sizeof(first.data));
    ck_assert_mem_eq(second.report.report_data, second.data, sizeof(second.data));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("report");
    TCase *cases = suite_case(suite, "reports", 120);

    tcase_add_checked_fixture(cases, start, end);
    tcase_add_test(cases, record_says_what_is);
    tcase_add_test(cases, version_is_the_project_s);
    tcase_add_loop_test(cases, enclave_s_report, 0, CLOISTER_PAGE_SIZE / BUFFER_SIZE);
    tcase_add_test(cases, debug_shows);
    tcase_add_test(cases, signature_covers_all);
    tcase_add_test(cases, sequence_counts_all_reports);
    tcase_add_test(cases, heartbeat);

    cases = suite_case(suite, "refusals", 60);
    tcase_add_checked_fixture(cases, start, end);
    tcase_add_test(cases, not_aligned);
    tcase_add_test(cases, not_an_own_writable_page);
    tcase_add_test(cases, a_page_table);
    tcase_add_test(cases, entries_that_name_no_table);
    tcase_add_test(cases, tables_in_a_circle);
    tcase_add_test(cases, refusals_are_counted_in_reports);
    tcase_add_test(cases, only_the_control_domain);
    tcase_add_test(cases, no_entropy_no_identity);

    cases = suite_case(suite, "in steps", 300);
    tcase_add_checked_fixture(cases, start, end);
    tcase_add_test(cases, report_preempted_at_each_step);
    tcase_add_test(cases, report_about_something_else);
    tcase_add_test(cases, heartbeat_preempted_at_each_step);
    tcase_add_test(cases, heartbeats_that_overtake);
    return suite_run(suite);
}
