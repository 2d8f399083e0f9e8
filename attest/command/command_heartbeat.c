/* SPDX-License-Identifier: MIT */
/* cloister-verify heartbeat */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloister/verify.h"
#include "command/command.h"
#include "verify/flags.h"
#include "verify/refuse.h"

static const char help[] =
    "usage: cloister-verify heartbeat --heartbeat FILE --nonce HEX --evidence FILE\n"
    "           --evidence-nonce HEX --policy FILE [OPTION...]\n\n"
    "Judges a heartbeat that a host gave between two quotes: is the monitor that the evidence is\n"
    "about still running, in a way that the policy accepts? The evidence is judged, too.\n\n"
    "  --heartbeat FILE     what the host handed over now\n"
    "  --nonce HEX          the challenge that it was given now, 16 to 64 bytes\n"
    "  --evidence FILE      what the host handed over before\n"
    "  --evidence-nonce HEX the challenge that it was given then; another one\n"
    "  --policy FILE        what is accepted (JSON, see cloister-verify(1))\n"
    "  --after N            the sequence of the last heartbeat that was accepted: this one's must\n"
    "                       be greater\n"
    "  --earlier FILE       a heartbeat of the same boot from before: the trace must not have "
    "shrunk\n"
    "                       since, or be another one\n"
    "  --log FILE           a file of the host's trace log; repeated for several, oldest first. "
    "Their\n"
    "                       records must be those that the heartbeat signs, up to its count\n"
    "  --enrolled-key HEX   the host's TPM key, as for verify\n"
    "  --report-data HEX    64 bytes that each enclave's report in the evidence must carry\n"
    "  --json               one JSON object\n\n"
    "Exit status: 0 accepted; 1 refused; 2 usage; 3 an input cannot be read or is not valid.\n";

#define MAX_LOGS 4096u

struct inputs {
    const char *heartbeat_path, *evidence_path, *policy_path, *earlier_path;
    const char *logs[MAX_LOGS];
    size_t log_count;
    uint8_t nonce[CLOISTER_NONCE_MAX], evidence_nonce[CLOISTER_NONCE_MAX];
    uint8_t key[CLOISTER_DIGEST_SIZE], report_data[64];
    struct cloister_bytes challenge;              /* now */
    struct cloister_challenge evidence_challenge; /* then */
    uint64_t after;
    bool json;
    uint8_t *heartbeat, *evidence, *earlier;
    size_t heartbeat_size, evidence_size, earlier_size;
    struct cloister_policy *policy;
};

/* What is known, or which of the two inputs is refused and why. */
struct findings {
    const char *subject; /* "evidence", "heartbeat", "earlier", "log" */
    struct cloister_claims host;
    struct cloister_report report;
    struct cloister_tracelog_summary log;
    struct cloister_refusal refusal;
};

static int take_option(char **argv, int option, void *inputs)
{
    struct inputs *in = inputs;
    size_t size;

    switch (option) {
    case 'b':
        in->heartbeat_path = optarg;
        return 0;
    case 'n':
        in->challenge.data = in->nonce;
        return option_hex(argv[0], "--nonce", in->nonce, CLOISTER_NONCE_MIN, CLOISTER_NONCE_MAX,
                          &in->challenge.size);
    case 'e':
        in->evidence_path = optarg;
        return 0;
    case 'o':
        in->evidence_challenge.nonce.data = in->evidence_nonce;
        return option_hex(argv[0], "--evidence-nonce", in->evidence_nonce, CLOISTER_NONCE_MIN,
                          CLOISTER_NONCE_MAX, &in->evidence_challenge.nonce.size);
    case 'p':
        in->policy_path = optarg;
        return 0;
    case 'a':
        return option_number(argv[0], "--after", 0, UINT64_MAX, &in->after);
    case 'l':
        in->earlier_path = optarg;
        return 0;
    case 't':
        if (in->log_count == MAX_LOGS) {
            return complain_usage(argv[0], "--log: more than %u files", MAX_LOGS);
        }
        in->logs[in->log_count++] = optarg;
        return 0;
    case 'k':
        in->evidence_challenge.enrolled_key = in->key;
        return option_hex(argv[0], "--enrolled-key", in->key, sizeof(in->key), sizeof(in->key),
                          &size);
    case 'r':
        in->evidence_challenge.report_data = in->report_data;
        return option_hex(argv[0], "--report-data", in->report_data, sizeof(in->report_data),
                          sizeof(in->report_data), &size);
    default: /* 'j' */
        in->json = true;
        return 0;
    }
}

static int read_inputs(struct inputs *in)
{
    int rc = policy_read(in->policy_path, &in->policy);

    if (!rc) {
        rc = file_read(in->evidence_path, CLOISTER_EVIDENCE_MAX_SIZE, &in->evidence,
                       &in->evidence_size);
    }
    if (!rc) {
        rc = file_read(in->heartbeat_path, CLOISTER_EVIDENCE_MAX_SIZE, &in->heartbeat,
                       &in->heartbeat_size);
    }
    if (!rc && in->earlier_path) {
        rc = file_read(in->earlier_path, CLOISTER_EVIDENCE_MAX_SIZE, &in->earlier,
                       &in->earlier_size);
    }
    return rc;
}

/* The report in the form that cloisterctl writes, or as COSE_Sign1. */
static int decode(const uint8_t *data, size_t data_size, struct cloister_report *report,
                  struct cloister_refusal *refusal)
{
    char expected[64], size[32];

    if (data_size == sizeof(*report)) {
        memcpy(report, data, sizeof(*report));
        return 0;
    }
    if (data_size == CLOISTER_COSE_REPORT_SIZE) {
        return cloister_report_from_cose(data, data_size, report)
                   ? refuse_text(refusal, CLOISTER_REFUSED_BAD_VALUE, "a report as COSE_Sign1",
                                 "something else of its size", "heartbeat")
                   : 0;
    }
    snprintf(expected, sizeof(expected), "%zu bytes, or %u as COSE_Sign1", sizeof(*report),
             CLOISTER_COSE_REPORT_SIZE);
    snprintf(size, sizeof(size), "%zu", data_size);
    return refuse_text(refusal, CLOISTER_REFUSED_BAD_SIZE, expected, size, "heartbeat");
}

static int refuse_sequence(const struct inputs *in, struct findings *found)
{
    char expected[40], sequence[32];

    snprintf(expected, sizeof(expected), "more than %" PRIu64, in->after);
    snprintf(sequence, sizeof(sequence), "%" PRIu64, found->report.sequence);
    return refuse_text(&found->refusal, CLOISTER_REFUSED_HEARTBEAT_OLD, expected, sequence,
                       "sequence");
}

/* With a heartbeat from before. */
static int compare_earlier(struct cloister_verifier *verifier, const struct inputs *in,
                           struct findings *found)
{
    struct cloister_report earlier;
    int rc = decode(in->earlier, in->earlier_size, &earlier, &found->refusal);

    if (!rc) {
        rc = cloister_verify_report(verifier, &earlier, found->host.monitor_key);
        if (rc == -EACCES || (!rc && earlier.kind != CLOISTER_REPORT_HEARTBEAT)) {
            return refuse_text(&found->refusal, CLOISTER_REFUSED_REPORT_SIGNATURE_WRONG,
                               "a heartbeat signed by record.public_key", "something else",
                               "heartbeat");
        }
    }
    return rc ? rc : cloister_heartbeat_follows(&earlier, &found->report, &found->refusal);
}

/* What the heartbeat says of the trace, beside what was said and written before. */
static int compare_trace(struct cloister_verifier *verifier, const struct inputs *in,
                         struct findings *found)
{
    int rc = 0;

    if (in->earlier) {
        found->subject = "earlier";
        rc = compare_earlier(verifier, in, found);
    }
    if (!rc && in->log_count) {
        found->subject = "log";
        rc = logs_compare(in->logs, in->log_count, &found->host, &found->report, &found->log,
                          &found->refusal);
    }
    return rc;
}

/* 0, -EACCES, STATUS_INPUT after having complained, or another error of the library. */
static int verify_both(struct cloister_verifier *verifier, const struct inputs *in,
                       struct findings *found)
{
    int rc;

    found->subject = "evidence";
    rc = cloister_verify(verifier, in->policy, &in->evidence_challenge, in->evidence,
                         in->evidence_size, &found->host, &found->refusal);
    if (rc) {
        return rc;
    }
    found->subject = "heartbeat";
    rc = decode(in->heartbeat, in->heartbeat_size, &found->report, &found->refusal);
    if (!rc) {
        rc = cloister_verify_heartbeat(verifier, in->policy, &found->host, in->challenge,
                                       &found->report, &found->refusal);
    }
    if (!rc && found->report.sequence <= in->after) {
        rc = refuse_sequence(in, found);
    }
    return rc ? rc : compare_trace(verifier, in, found);
}

static void add_trace(json_object *claims, const struct inputs *in, const struct findings *found)
{
    out_hex(claims, "trace_head", found->report.trace_head, sizeof(found->report.trace_head));
    out_count(claims, "trace_records", found->report.trace_records);
    out_count(claims, "trace_suppressed", found->report.trace_suppressed);
    if (in->log_count) {
        out_count(claims, "log_records", found->log.records);
        out_count(claims, "log_anchored", found->log.anchored);
        out_count(claims, "log_missing", found->log.missing);
    }
}

static void print_json(int rc, const struct inputs *in, const struct findings *found)
{
    json_object *object = out_new(), *claims;
    char boot[20];

    out_truth(object, "accepted", rc == 0);
    if (rc) {
        out_text(object, "refused", found->subject);
        out_refusal(object, &found->refusal);
    } else {
        claims = out_new();
        out_text(claims, "policy", found->host.policy);
        out_hex(claims, "policy_digest", found->host.policy_digest,
                sizeof(found->host.policy_digest));
        out_truth(claims, "insecure", found->host.insecure);
        out_hex(claims, "attestation_key", found->host.attestation_key,
                sizeof(found->host.attestation_key));
        out_hex(claims, "record", found->host.record, sizeof(found->host.record));
        snprintf(boot, sizeof(boot), "%016" PRIx64, found->host.boot_id);
        out_text(claims, "boot_id", boot);
        out_flags(claims, "monitor_flags", found->report.flags);
        out_count(claims, "sequence", found->report.sequence);
        out_count(claims, "time_ns", found->report.time);
        out_count(claims, "refusals", found->report.refusals);
        out_count(claims, "boot_changes", found->report.boot_changes);
        add_trace(claims, in, found);
        out_add(object, "claims", claims);
    }
    out_print(object);
}

static void print_text(int rc, const struct inputs *in, const struct findings *found)
{
    char flags[FLAGS_TEXT_ROOM], head[65];

    if (rc) {
        printf("%s ", found->subject);
        refusal_print(&found->refusal);
        return;
    }
    flags_text(found->report.flags, flags, sizeof(flags));
    printf("accepted%s\n  boot      %016" PRIx64 "\n  sequence  %" PRIu64 ", %" PRIu64
           " ns since boot\n  monitor   %s; %" PRIu64 " refusals\n",
           found->host.insecure ? ", by a policy with a bypass (insecure)" : "",
           found->host.boot_id, found->report.sequence, found->report.time, flags,
           found->report.refusals);
    hex_text(found->report.trace_head, sizeof(found->report.trace_head), head, sizeof(head));
    printf("  trace     %" PRIu64 " records, %" PRIu64
           " refusals only counted\n            head %s\n",
           found->report.trace_records, found->report.trace_suppressed, head);
    printf("  boot      %" PRIu64 " changes of the boot order or the next boot by dom0\n",
           found->report.boot_changes);
    if (in->log_count) {
        printf("  log       the monitor vouches for %" PRIu64 " of %" PRIu64 " records; %" PRIu64
               " are missing\n",
               found->log.anchored, found->log.records, found->log.missing);
    }
}

static int judge(const struct inputs *in)
{
    struct cloister_verifier *verifier = cloister_verifier_new();
    struct findings found;
    int rc;

    if (!verifier) {
        complain("OpenSSL cannot be used");
        return STATUS_INPUT;
    }
    rc = verify_both(verifier, in, &found);
    cloister_verifier_free(verifier);
    if (rc == STATUS_INPUT) {
        return rc;
    }
    if (rc && rc != -EACCES) {
        complain("OpenSSL failed");
        return STATUS_INPUT;
    }
    (in->json ? print_json : print_text)(rc, in, &found);
    return rc ? STATUS_REFUSED : STATUS_ACCEPTED;
}

/* A nonce that was used twice proves nothing about now. */
static bool is_same_nonce(const struct inputs *in)
{
    const struct cloister_bytes *then = &in->evidence_challenge.nonce;

    return in->challenge.size == then->size && !memcmp(in->nonce, in->evidence_nonce, then->size);
}

int command_heartbeat(int argc, char **argv)
{
    static const struct option options[] = {
        {"heartbeat", required_argument, NULL, 'b'},
        {"nonce", required_argument, NULL, 'n'},
        {"evidence", required_argument, NULL, 'e'},
        {"evidence-nonce", required_argument, NULL, 'o'},
        {"policy", required_argument, NULL, 'p'},
        {"after", required_argument, NULL, 'a'},
        {"earlier", required_argument, NULL, 'l'},
        {"log", required_argument, NULL, 't'},
        {"enrolled-key", required_argument, NULL, 'k'},
        {"report-data", required_argument, NULL, 'r'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    static struct inputs in;
    int rc = command_options(argc, argv, options, help, take_option, &in);

    if (rc == OPTIONS_DONE) {
        return STATUS_ACCEPTED;
    }
    if (!rc && (!in.heartbeat_path || !in.challenge.data || !in.evidence_path ||
                !in.evidence_challenge.nonce.data || !in.policy_path)) {
        rc = complain_usage(argv[0], "--heartbeat, --nonce, --evidence, --evidence-nonce and "
                                     "--policy are needed");
    }
    if (!rc && is_same_nonce(&in)) {
        rc = complain_usage(argv[0], "--nonce is --evidence-nonce, and must be a new one");
    }
    if (!rc) {
        rc = read_inputs(&in);
    }
    if (!rc) {
        rc = judge(&in);
    }
    free(in.heartbeat);
    free(in.evidence);
    free(in.earlier);
    cloister_policy_free(in.policy);
    return rc;
}
