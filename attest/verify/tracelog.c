/* SPDX-License-Identifier: MIT */
#include "cloister/tracelog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cloister/abi.h"
#include "verify/crypto.h"
#include "verify/json.h"
#include "verify/verification.h"

struct cloister_tracelog {
    struct crypto crypto;
    struct cloister_tracelog_summary summary;
    bool trusting;
    uint64_t trusted_boot;
    uint8_t trusted[32];
    bool awaiting;
    uint64_t awaited_boot;
    struct cloister_report awaited;
    /* Of the boot that the last line belongs to. */
    bool begun; /* `summary.next` is known */
    bool known; /* `head` is that of the `next` records, if the log is true */
    uint8_t head[32];
    struct cloister_report last; /* anchor; magic 0: none */
    bool is_record;
    struct cloister_trace_record record;
};

struct cloister_tracelog *cloister_tracelog_new(void)
{
    struct cloister_tracelog *log = calloc(1, sizeof(*log));

    if (log && !crypto_prepare(&log->crypto)) {
        cloister_tracelog_free(log);
        log = NULL;
    }
    return log;
}

void cloister_tracelog_free(struct cloister_tracelog *log)
{
    if (log) {
        crypto_release(&log->crypto);
        free(log);
    }
}

void cloister_tracelog_trust(struct cloister_tracelog *log, uint64_t boot_id,
                             const uint8_t record[32])
{
    log->trusting = true;
    log->trusted_boot = boot_id;
    memcpy(log->trusted, record, sizeof(log->trusted));
}

void cloister_tracelog_await(struct cloister_tracelog *log, uint64_t boot_id,
                             const struct cloister_report *heartbeat)
{
    log->awaiting = true;
    log->awaited_boot = boot_id;
    log->awaited = *heartbeat;
}

const struct cloister_trace_record *cloister_tracelog_record(const struct cloister_tracelog *log)
{
    return log->is_record ? &log->record : NULL;
}

struct cloister_tracelog_summary cloister_tracelog_summary(const struct cloister_tracelog *log)
{
    return log->summary;
}

/* --- members of a line -------------------------------------------------------------------------- */

struct members {
    struct json_reader json;
    json_object *object;
};

static json_object *find(struct members *in, const char *key, enum json_type type)
{
    json_object *value = NULL;

    if (!json_object_object_get_ex(in->object, key, &value)) {
        json_refuse(&in->json, key, "missing");
    } else if (!json_object_is_type(value, type)) {
        json_refuse(&in->json, key, "another type");
    }
    return in->json.rc ? NULL : value;
}

static bool has(struct members *in, const char *key)
{
    return json_object_object_get_ex(in->object, key, NULL);
}

static uint64_t number(struct members *in, const char *key, uint64_t most)
{
    json_object *value = find(in, key, json_type_int);

    if (value && (json_object_get_int64(value) < 0 || json_object_get_uint64(value) > most)) {
        json_refuse(&in->json, key, "out of range");
    }
    return in->json.rc ? 0 : json_object_get_uint64(value);
}

/* What is left out says nothing: `none`. */
static uint64_t number_or(struct members *in, const char *key, uint64_t most, uint64_t none)
{
    return has(in, key) ? number(in, key, most) : none;
}

static const char *text(struct members *in, const char *key)
{
    json_object *value = find(in, key, json_type_string);

    return value ? json_object_get_string(value) : "";
}

/* All of the text after `prefix` is a number in hexadecimal. */
static uint64_t hexadecimal(struct members *in, const char *key, const char *prefix)
{
    const char *digits = text(in, key);
    size_t skip = strlen(prefix);

    if (strncmp(digits, prefix, skip) != 0 || strlen(digits + skip) > 16 || !digits[skip] ||
        digits[skip + strspn(digits + skip, "0123456789abcdef")]) {
        json_refuse(&in->json, key, "hexadecimal digits expected");
        return 0;
    }
    return strtoull(digits + skip, NULL, 16);
}

static uint64_t address_or_none(struct members *in, const char *key)
{
    return has(in, key) ? hexadecimal(in, key, "0x") : 0;
}

static void bytes(struct members *in, const char *key, void *to, size_t size)
{
    json_object *value = find(in, key, json_type_string);

    if (value) {
        json_hex(&in->json, key, value, size, to);
    }
}

/* --- a record again, as the monitor wrote it (hv/host/log/record.c the other way round) ---------------- */

static uint16_t event_of(struct members *in)
{
    json_object *value = NULL;

    if (json_object_object_get_ex(in->object, "event", &value) &&
        json_object_is_type(value, json_type_int)) {
        return (uint16_t)number(in, "event", UINT16_MAX);
    }
#define EVENT_NAMED(code, name, word)                                                              \
    if (!strcmp(text(in, "event"), word)) {                                                        \
        return code;                                                                               \
    }
    CLOISTER_TRACE_EVENTS(EVENT_NAMED)
#undef EVENT_NAMED
    json_refuse(&in->json, "event", "unknown");
    return 0;
}

static uint16_t decision_of(struct members *in)
{
    const char *word = text(in, "decision");

    if (strcmp(word, "allowed") != 0 && strcmp(word, "refused") != 0) {
        json_refuse(&in->json, "decision", "unknown");
    }
    return *word == 'a' ? CLOISTER_ALLOWED : CLOISTER_REFUSED;
}

static int16_t error_of(struct members *in)
{
    json_object *value = find(in, "error", json_type_int);
    int64_t error = value ? json_object_get_int64(value) : 0;

    if (error < INT16_MIN || error > INT16_MAX) {
        json_refuse(&in->json, "error", "out of range");
    }
    return (int16_t)error;
}

static void take_instruction(struct members *in, struct cloister_trace_record *record)
{
    size_t size = has(in, "insn") ? strlen(text(in, "insn")) / 2 : 0;

    if (size > sizeof(record->insn)) {
        json_refuse(&in->json, "insn", "too long");
        return;
    }
    record->insn_size = (uint8_t)size;
    if (size) {
        bytes(in, "insn", record->insn, size);
    }
}

static struct cloister_trace_record record_of(struct members *in)
{
    struct cloister_trace_record record = {
        .sequence = number(in, "seq", UINT64_MAX),
        .order = number_or(in, "order", UINT64_MAX - 1, UINT64_MAX),
        .time = number(in, "time", UINT64_MAX),
        .event = event_of(in),
        .decision = decision_of(in),
        .reason = (uint16_t)number(in, "reason_code", UINT16_MAX),
        .error = error_of(in),
        .domain = (uint16_t)number_or(in, "domain", UINT16_MAX, CLOISTER_NO_DOMAIN),
        .vcpu = (uint16_t)number_or(in, "vcpu", UINT16_MAX, CLOISTER_NO_VCPU),
        .cpl = (uint8_t)number_or(in, "cpl", UINT8_MAX, 0xff),
        .pcpu = (uint16_t)number(in, "cpu", UINT16_MAX),
        .cr3 = address_or_none(in, "cr3"),
        .rip = address_or_none(in, "rip"),
        .operation = (uint32_t)number(in, "operation", UINT32_MAX),
        .target = (uint16_t)number_or(in, "target", UINT16_MAX, CLOISTER_NO_DOMAIN),
        .address = hexadecimal(in, "address", "0x"),
        .found = number(in, "found", UINT64_MAX),
        .allowed = number(in, "allowed", UINT64_MAX),
        .enclave = (uint32_t)number_or(in, "enclave", UINT32_MAX, CLOISTER_NO_ENCLAVE),
        .page = (uint32_t)number_or(in, "page", UINT32_MAX, CLOISTER_NO_PAGE),
        .suppressed = number_or(in, "suppressed", UINT64_MAX, 0),
    };

    take_instruction(in, &record);
    return record;
}

/* --- the running hash ----------------------------------------------------------------------------- */

/* What was not anchored when the run ends never will be. */
static void begin_boot(struct cloister_tracelog *log, uint64_t boot_id)
{
    if (log->begun && log->summary.boot_id == boot_id) {
        return;
    }
    log->begun = log->known = false;
    log->summary.waiting = 0;
    memset(&log->last, 0, sizeof(log->last));
    log->summary.boot_id = boot_id;
    log->summary.has_monitor = false;
    log->summary.first = log->summary.next = 0;
}

static void know(struct cloister_tracelog *log, const uint8_t head[32])
{
    memcpy(log->head, head, sizeof(log->head));
    log->known = true;
    log->summary.waiting = 0;
}

/* The head before the first record of all. */
static void know_start(struct cloister_tracelog *log)
{
    uint8_t head[32] = {0};

    for (size_t i = 0; i < sizeof(uint64_t); i++) {
        head[i] = (uint8_t)(log->summary.boot_id >> (8 * i));
    }
    know(log, head);
}

/* The log goes on at record `order`: what lies between has no line. */
static void go_on(struct cloister_tracelog *log, uint64_t order)
{
    if (!log->begun) {
        log->begun = true;
        log->summary.first = log->summary.next = order;
        if (!order) {
            know_start(log);
        }
    }
    if (order != log->summary.next) {
        log->summary.missing += order - log->summary.next;
        log->summary.next = order;
        log->known = false;
        log->summary.waiting = 0;
    }
}

/* Are we where the awaited heartbeat was signed? */
static void compare_awaited(struct cloister_tracelog *log)
{
    struct cloister_tracelog_summary *summary = &log->summary;

    if (!log->awaiting || !log->begun || summary->boot_id != log->awaited_boot ||
        summary->awaited == CLOISTER_TRACELOG_MATCHES ||
        summary->awaited == CLOISTER_TRACELOG_DIFFERS) {
        return;
    }
    if (summary->next == log->awaited.trace_records && log->known) {
        bool same = !memcmp(log->head, log->awaited.trace_head, sizeof(log->head));

        summary->awaited = same ? CLOISTER_TRACELOG_MATCHES : CLOISTER_TRACELOG_DIFFERS;
        summary->anchored += same ? summary->waiting : 0;
        summary->waiting = same ? 0 : summary->waiting;
    } else if (summary->next >= log->awaited.trace_records) {
        summary->awaited = CLOISTER_TRACELOG_UNKNOWN;
    }
}

static const char *apply_record(struct cloister_tracelog *log, uint64_t boot_id,
                                const struct cloister_trace_record *record)
{
    const struct cloister_bytes pieces[] = {{log->head, sizeof(log->head)},
                                            {(const uint8_t *)record, sizeof(*record)}};
    bool same_boot = log->begun && log->summary.boot_id == boot_id;

    if (record->order == UINT64_MAX) {
        return NULL; /* of a monitor without a running hash */
    }
    if (same_boot && record->order < log->summary.next) {
        return "its record is not in its place in the monitor's order: it was moved, or is there "
               "twice";
    }
    begin_boot(log, boot_id);
    go_on(log, record->order);
    compare_awaited(log);
    if (log->known && crypto_hash(&log->crypto, pieces, 2, log->head)) {
        return "OpenSSL failed";
    }
    log->summary.next++;
    log->summary.waiting += log->known;
    compare_awaited(log);
    return NULL;
}

/* --- anchors ---------------------------------------------------------------------------------------- */

struct anchor {
    struct cloister_monitor_record record;
    struct cloister_report report;
    uint8_t digest[32]; /* of the record */
};

/* Is it a heartbeat, by the key of this record? */
static const char *check_signature(struct cloister_tracelog *log, struct anchor *anchor)
{
    const struct cloister_bytes content = {(const uint8_t *)&anchor->record,
                                           sizeof(anchor->record)};
    const struct cloister_report *report = &anchor->report;

    if (anchor->record.magic != CLOISTER_RECORD_MAGIC ||
        anchor->record.version != CLOISTER_RECORD_VERSION ||
        report->magic != CLOISTER_REPORT_MAGIC || report->version != CLOISTER_REPORT_VERSION ||
        report->size != sizeof(*report) || report->kind != CLOISTER_REPORT_HEARTBEAT) {
        return "its anchor is no heartbeat of a form that is known";
    }
    if (crypto_hash(&log->crypto, &content, 1, anchor->digest)) {
        return "OpenSSL failed";
    }
    if (memcmp(anchor->digest, report->record, sizeof(anchor->digest)) != 0 ||
        report_verify(&log->crypto, report, anchor->record.public_key)) {
        return "its anchor is not signed by the monitor whose record stands beside it";
    }
    return NULL;
}

/* Is it of this boot's monitor, and later than the last one? */
static const char *check_place(const struct cloister_tracelog *log, uint64_t boot_id,
                               const struct anchor *anchor)
{
    const struct cloister_tracelog_summary *summary = &log->summary;
    const struct cloister_report *report = &anchor->report;
    bool same_boot = log->begun && summary->boot_id == boot_id;

    if (anchor->record.boot_id != boot_id) {
        return "its anchor is of another boot";
    }
    if ((log->trusting && log->trusted_boot == boot_id &&
         memcmp(log->trusted, anchor->digest, 32) != 0) ||
        (same_boot && summary->has_monitor && memcmp(summary->monitor, anchor->digest, 32) != 0)) {
        return "its anchor is of another monitor than this boot's";
    }
    if (!same_boot) {
        return NULL;
    }
    if (report->trace_records < summary->next) {
        return "its anchor signs fewer records than stand before it: it is an older one, or "
               "records were inserted";
    }
    if (log->last.magic &&
        (report->sequence <= log->last.sequence || report->time < log->last.time ||
         report->trace_suppressed < log->last.trace_suppressed)) {
        return "its anchor is not later than the one before it";
    }
    if (log->known && report->trace_records == summary->next &&
        memcmp(report->trace_head, log->head, sizeof(log->head)) != 0) {
        return "the records since the anchor before, or since the boot, are not those that the "
               "monitor wrote";
    }
    return NULL;
}

static const char *apply_anchor(struct cloister_tracelog *log, uint64_t boot_id,
                                struct anchor *anchor)
{
    const char *wrong = check_signature(log, anchor);

    if (!wrong) {
        wrong = check_place(log, boot_id, anchor);
    }
    if (wrong) {
        return wrong;
    }
    begin_boot(log, boot_id);
    go_on(log, anchor->report.trace_records);
    log->summary.anchored += log->summary.waiting;
    know(log, anchor->report.trace_head);
    log->last = anchor->report;
    log->summary.anchors++;
    log->summary.has_monitor = true;
    memcpy(log->summary.monitor, anchor->digest, sizeof(anchor->digest));
    compare_awaited(log);
    return NULL;
}

/* --- lines ------------------------------------------------------------------------------------------- */

static const char *apply(struct cloister_tracelog *log, struct members *in)
{
    const char *kind = text(in, "kind"), *wrong;
    struct anchor anchor;
    uint64_t boot_id;

    if (strcmp(kind, "boot") != 0 && strcmp(kind, "trace") != 0 && strcmp(kind, "anchor") != 0) {
        return in->json.rc ? "it has no kind" : NULL;
    }
    boot_id = hexadecimal(in, "boot", "");
    if (*kind == 't') {
        log->record = record_of(in);
    } else if (*kind == 'a') {
        bytes(in, "record", &anchor.record, sizeof(anchor.record));
        bytes(in, "report", &anchor.report, sizeof(anchor.report));
        if (number(in, "records", UINT64_MAX) != anchor.report.trace_records ||
            number(in, "suppressed", UINT64_MAX) != anchor.report.trace_suppressed) {
            json_refuse(&in->json, "records", "not those of the report");
        }
    }
    if (in->json.rc) {
        return "a member of it is missing, or is not what a monitor's record can have";
    }
    if (*kind == 'a') {
        return apply_anchor(log, boot_id, &anchor);
    }
    if (*kind == 'b') {
        log->begun = false; /* the daemon may have begun to read the same boot again */
        begin_boot(log, boot_id);
        go_on(log, 0);
        compare_awaited(log);
        return NULL;
    }
    wrong = apply_record(log, boot_id, &log->record);
    log->is_record = !wrong;
    log->summary.records += !wrong;
    return wrong;
}

const char *cloister_tracelog_line(struct cloister_tracelog *log, const char *line, size_t size)
{
    struct members in = {.object = NULL};
    const char *wrong;

    log->is_record = false;
    in.object = json_document(&in.json, line, size);
    if (!in.object) {
        return in.json.rc == -ENOMEM ? "out of memory"
                                     : "it is no JSON object whose members occur once";
    }
    wrong = apply(log, &in);
    json_object_put(in.object);
    return wrong;
}
