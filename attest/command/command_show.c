/* SPDX-License-Identifier: MIT */
/* cloister-verify show */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cloister/eventlog.h"
#include "cloister/verify.h"
#include "command/command.h"
#include "verify/flags.h"
#include "verify/refuse.h"
#include "verify/tpm.h"

static const char help[] =
    "usage: cloister-verify show --evidence FILE\n\n"
    "Shows what evidence says. Nothing is verified: every line may be a lie.\n\n"
    "Exit status: 0 shown; 1 it is no evidence; 2 usage; 3 the file cannot be read.\n";

static void show_bytes(const char *name, const uint8_t *bytes, size_t size)
{
    char text[2 * 64 + 1];

    hex_text(bytes, size, text, sizeof(text));
    printf("  %-18s %s\n", name, text);
}

/* Text that ends with its size, or a zero; what is not printable as '?'. */
static void show_text(const char *name, const uint8_t *text, size_t size)
{
    printf("  %-18s ", name);
    for (size_t i = 0; i < size && text[i]; i++) {
        putchar(text[i] >= 0x20 && text[i] <= 0x7e ? text[i] : '?');
    }
    putchar('\n');
}

static void show_record(const struct cloister_monitor_record *record)
{
    char flags[FLAGS_TEXT_ROOM];

    printf("monitor record\n");
    if (record->magic != CLOISTER_RECORD_MAGIC || record->version != CLOISTER_RECORD_VERSION) {
        printf("  of an unknown form\n");
        return;
    }
    flags_text(record->flags, flags, sizeof(flags));
    printf("  %-18s %s%s\n", "flags", flags,
           flags_unknown(record->flags) ? " and unknown ones" : "");
    printf("  %-18s %u.%u.%u, ABI %u\n", "monitor", record->monitor_version >> 16,
           record->monitor_version >> 8 & 255, record->monitor_version & 255, record->abi_version);
    show_text("Xen", record->xen_version, sizeof(record->xen_version));
    show_text("Xen's source", record->xen_source, sizeof(record->xen_source));
    show_bytes("dom0's table", record->lockdown, sizeof(record->lockdown));
    if (record->pcr == CLOISTER_RECORD_NO_TPM) {
        printf("  %-18s none: no TPM\n", "PCR");
    } else {
        printf("  %-18s %u\n", "PCR", record->pcr);
    }
    printf("  %-18s %016" PRIx64 "\n", "boot", record->boot_id);
    show_bytes("public key", record->public_key, sizeof(record->public_key));
}

static void show_quote(const struct cloister_quote *quote)
{
    struct tpm_key key;
    struct tpm_quote attest;

    if (quote->attest.size == 0) {
        printf("no quote\n");
        return;
    }
    printf("quote\n");
    if (tpm_read_key(quote->key, &key)) {
        printf("  %-18s not one that is accepted\n", "key");
    } else {
        printf("  %-18s %s, attributes 0x%08x\n", "key",
               key.type == TPM_ALG_ECC ? "ECDSA P-256" : "RSASSA 2048", key.attributes);
    }
    if (tpm_read_quote(quote->attest, &attest)) {
        printf("  %-18s not one that is accepted\n", "attest");
    } else if (attest.magic != TPM_GENERATED_VALUE || attest.type != TPM_ST_ATTEST_QUOTE) {
        printf("  %-18s no quote: magic 0x%08x, type 0x%04x\n", "attest", attest.magic,
               attest.type);
    } else {
        show_bytes("extra data", attest.extra_data.data, attest.extra_data.size);
        printf("  %-18s %" PRIu64 " ms, reset %u, restart %u%s\n", "clock", attest.clock,
               attest.reset_count, attest.restart_count, attest.safe ? "" : ", not safe");
    }
    for (uint32_t i = 0; i < quote->pcr_count; i++) {
        char name[16];

        snprintf(name, sizeof(name), "PCR %u", quote->pcrs[i].index);
        show_bytes(name, quote->pcrs[i].value, sizeof(quote->pcrs[i].value));
    }
}

static void show_report(uint32_t i, const struct cloister_report *report, uint8_t form)
{
    char flags[FLAGS_TEXT_ROOM];

    printf("report %u%s\n", i, form == CLOISTER_REPORT_COSE ? ", as COSE_Sign1" : "");
    if (report->magic != CLOISTER_REPORT_MAGIC || report->version != CLOISTER_REPORT_VERSION) {
        printf("  of an unknown form\n");
        return;
    }
    flags_text(report->flags, flags, sizeof(flags));
    printf("  %-18s %s\n", "kind",
           report->kind == CLOISTER_REPORT_ENCLAVE     ? "enclave"
           : report->kind == CLOISTER_REPORT_HEARTBEAT ? "heartbeat"
                                                       : "unknown");
    printf("  %-18s %" PRIu64 ", %" PRIu64 " ns since boot\n", "sequence", report->sequence,
           report->time);
    printf("  %-18s %s; %" PRIu64 " refusals\n", "monitor", flags, report->refusals);
    if (report->kind == CLOISTER_REPORT_ENCLAVE) {
        show_bytes("measurement", report->measurement, sizeof(report->measurement));
        show_bytes("author", report->author, sizeof(report->author));
        show_bytes("family", report->family_id, sizeof(report->family_id));
        show_bytes("image", report->image_id, sizeof(report->image_id));
        printf("  %-18s %u, security version %u%s\n", "version", report->image_version,
               report->security_version,
               report->image_flags & CLOISTER_IMAGE_DEBUG ? ", debug" : "");
        printf("  %-18s %u in domain %u\n", "enclave", report->enclave, report->domain);
    }
    show_bytes("report data", report->report_data, sizeof(report->report_data));
}

static void show_event(const struct cloister_log_event *event)
{
    char digest[65];

    hex_text(event->digest, sizeof(event->digest), digest, sizeof(digest));
    printf("  PCR %-2u 0x%08x %s ", event->pcr, event->type, digest);
    for (size_t i = 0; i < event->data.size && i < 60; i++) {
        uint8_t c = event->data.data[i];

        putchar(c >= 0x20 && c <= 0x7e ? c : '.');
    }
    putchar('\n');
}

static void show_log(struct cloister_bytes bytes)
{
    struct cloister_log log;
    struct cloister_log_event event;
    int rc;

    if (bytes.size == 0) {
        printf("no event log\n");
        return;
    }
    printf("event log\n");
    rc = cloister_log_begin(&log, bytes);
    while (!rc && (rc = cloister_log_next(&log, &event)) == 1) {
        show_event(&event);
        rc = 0;
    }
    if (rc) {
        printf("  malformed at byte %zu: %s\n", log.offset, log.wrong);
    }
}

static int show(const char *path)
{
    static struct cloister_evidence evidence;
    struct cloister_refusal refusal;
    uint8_t *data;
    size_t size;
    int rc = file_read(path, CLOISTER_EVIDENCE_MAX_SIZE, &data, &size);

    if (rc) {
        return rc;
    }
    if (cloister_evidence_decode(data, size, &evidence, &refusal)) {
        complain("%s is no evidence: %s: %s: expected %s, found %s", path,
                 cloister_refusal_text(refusal.code), refusal.what, refusal.expected,
                 refusal.found);
        free(data);
        return STATUS_REFUSED;
    }
    printf("evidence, not verified\n");
    show_bytes("nonce", evidence.nonce.data, evidence.nonce.size);
    show_record(&evidence.record);
    show_quote(&evidence.quote);
    for (uint32_t i = 0; i < evidence.report_count; i++) {
        show_report(i, &evidence.reports[i], evidence.report_forms[i]);
    }
    show_log(evidence.log);
    free(data);
    return STATUS_ACCEPTED;
}

static int take_option(char **argv, int option, void *path)
{
    (void)argv;
    (void)option; /* there is one */
    *(const char **)path = optarg;
    return 0;
}

int command_show(int argc, char **argv)
{
    static const struct option options[] = {
        {"evidence", required_argument, NULL, 'e'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *path = NULL;
    int rc = command_options(argc, argv, options, help, take_option, &path);

    if (rc) {
        return rc == OPTIONS_DONE ? STATUS_ACCEPTED : rc;
    }
    return path ? show(path) : complain_usage(argv[0], "--evidence is needed");
}
