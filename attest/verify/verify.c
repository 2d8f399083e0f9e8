/* SPDX-License-Identifier: MIT */
#include "cloister/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verify/refuse.h"
#include "verify/verification.h"

struct cloister_verifier {
    struct crypto crypto;
    struct verification verification;
};

static verification_step *const steps[] = {
    step_decode,           /*  1 */
    step_nonce,            /*  2 */
    step_record,           /*  3 */
    step_key,              /*  4 */
    step_signature,        /*  5 */
    step_quote,            /*  6 */
    step_pcrs,             /*  7 */
    step_binding,          /*  8 */
    step_log,              /*  9 */
    step_boot,             /* 10 */
    step_monitor,          /* 11 */
    step_report,           /* 12 */
    step_report_signature, /* 13 */
    step_report_flags,     /* 14 */
    step_enclave,          /* 15 */
    step_freshness,        /* 16 */
};

_Static_assert(sizeof(steps) / sizeof(steps[0]) == CLOISTER_STEP_FRESHNESS, "all steps");

struct cloister_verifier *cloister_verifier_new(void)
{
    struct cloister_verifier *verifier = calloc(1, sizeof(*verifier));

    if (verifier && !crypto_prepare(&verifier->crypto)) {
        cloister_verifier_free(verifier);
        verifier = NULL;
    }
    return verifier;
}

void cloister_verifier_free(struct cloister_verifier *verifier)
{
    if (verifier) {
        crypto_release(&verifier->crypto);
        free(verifier);
    }
}

const char *cloister_settings_name(enum cloister_settings settings)
{
    static const char *const names[] = {
#define SETTINGS_NAME(name, text) text,
        CLOISTER_SETTINGS(SETTINGS_NAME)
#undef SETTINGS_NAME
    };

    return (size_t)settings < sizeof(names) / sizeof(names[0]) ? names[settings] : "unknown";
}

int cloister_verify_report(struct cloister_verifier *verifier, const struct cloister_report *report,
                           const uint8_t monitor_key[64])
{
    return report_verify(&verifier->crypto, report, monitor_key);
}

/* What is known from the policy alone; the steps add the rest. */
static void begin_claims(struct cloister_claims *claims, const struct cloister_policy *policy)
{
    memset(claims, 0, sizeof(*claims));
    memcpy(claims->policy, policy->name, sizeof(claims->policy));
    memcpy(claims->policy_digest, policy->digest, sizeof(claims->policy_digest));
    claims->insecure = policy->insecure;
}

int cloister_verify(struct cloister_verifier *verifier, const struct cloister_policy *policy,
                    const struct cloister_challenge *challenge, const uint8_t *evidence,
                    size_t size, struct cloister_claims *claims, struct cloister_refusal *refusal)
{
    struct verification *v = &verifier->verification;
    int rc = 0;

    if (challenge->nonce.size < CLOISTER_NONCE_MIN || challenge->nonce.size > CLOISTER_NONCE_MAX) {
        memset(claims, 0, sizeof(*claims));
        return -EINVAL;
    }
    begin_claims(claims, policy);
    v->crypto = &verifier->crypto;
    v->policy = policy;
    v->challenge = challenge;
    v->encoded = (struct cloister_bytes){evidence, size};
    v->claims = claims;
    v->refusal = refusal;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !rc; i++) {
        rc = steps[i](v);
    }
    if (rc) {
        memset(claims, 0, sizeof(*claims));
    }
    return rc;
}

/* The evidence of a heartbeat: this report, of that host's monitor. */
static void begin_heartbeat(struct verification *v, const struct cloister_claims *host,
                            const struct cloister_report *heartbeat)
{
    memcpy(v->record, host->record, sizeof(v->record));
    memcpy(v->evidence.record.public_key, host->monitor_key, sizeof(host->monitor_key));
    v->evidence.report_count = 1;
    v->evidence.reports[0] = *heartbeat;
}

/* A trace only grows, and of as many records there is one; what was changed of the boot order is counted up. */
static int trace_continues(const uint8_t head[32], uint64_t records, uint64_t suppressed,
                           uint64_t boot_changes, const struct cloister_report *later,
                           struct cloister_refusal *refusal)
{
    const enum cloister_refusal_code code = CLOISTER_REFUSED_TRACE_CONTRADICTS;

    if (later->trace_records < records) {
        return refuse_number(refusal, code, records, later->trace_records,
                             "trace_records, at least");
    }
    if (later->trace_suppressed < suppressed) {
        return refuse_number(refusal, code, suppressed, later->trace_suppressed,
                             "trace_suppressed, at least");
    }
    if (later->boot_changes < boot_changes) {
        return refuse_number(refusal, code, boot_changes, later->boot_changes,
                             "boot_changes, at least");
    }
    if (later->trace_records == records && memcmp(later->trace_head, head, 32) != 0) {
        return refuse_bytes(refusal, code, head, later->trace_head, 32,
                            "trace_head, of as many records");
    }
    return 0;
}

static int refuse_time(struct cloister_refusal *refusal, uint64_t earlier, uint64_t later)
{
    char expected[40], found[32];

    snprintf(expected, sizeof(expected), "more than %" PRIu64, earlier);
    snprintf(found, sizeof(found), "%" PRIu64, later);
    return refuse_text(refusal, CLOISTER_REFUSED_HEARTBEAT_OLD, expected, found,
                       "time, in ns since boot");
}

int cloister_heartbeat_follows(const struct cloister_report *earlier,
                               const struct cloister_report *later,
                               struct cloister_refusal *refusal)
{
    if (memcmp(earlier->record, later->record, sizeof(later->record)) != 0) {
        return refuse_bytes(refusal, CLOISTER_REFUSED_TRACE_CONTRADICTS, earlier->record,
                            later->record, sizeof(later->record), "record");
    }
    if (later->time <= earlier->time) {
        return refuse_time(refusal, earlier->time, later->time);
    }
    return trace_continues(earlier->trace_head, earlier->trace_records, earlier->trace_suppressed,
                           earlier->boot_changes, later, refusal);
}

/* Asks that it is a heartbeat, for this challenge, and later than the host's claims. */
static int accept_heartbeat(struct verification *v, const struct cloister_claims *host,
                            const struct cloister_report *heartbeat)
{
    uint8_t answer[sizeof(heartbeat->report_data)] = {0};

    if (heartbeat->kind != CLOISTER_REPORT_HEARTBEAT) {
        return refuse_number(v->refusal, CLOISTER_REFUSED_HEARTBEAT_DIFFERS,
                             CLOISTER_REPORT_HEARTBEAT, heartbeat->kind, "kind");
    }
    if (!heartbeat_answers(heartbeat, v->binding)) {
        memcpy(answer, v->binding, sizeof(v->binding));
        return refuse_bytes(v->refusal, CLOISTER_REFUSED_HEARTBEAT_DIFFERS, answer,
                            heartbeat->report_data, sizeof(answer), "report_data");
    }
    if (!host->heartbeat) {
        return 0;
    }
    if (heartbeat->time <= host->heartbeat_time) {
        return refuse_time(v->refusal, host->heartbeat_time, heartbeat->time);
    }
    return trace_continues(host->trace_head, host->trace_records, host->trace_suppressed,
                           host->boot_changes, heartbeat, v->refusal);
}

int cloister_verify_heartbeat(struct cloister_verifier *verifier,
                              const struct cloister_policy *policy,
                              const struct cloister_claims *host, struct cloister_bytes nonce,
                              const struct cloister_report *heartbeat,
                              struct cloister_refusal *refusal)
{
    struct verification *v = &verifier->verification;
    const struct cloister_bytes content[] = {nonce, {v->record, sizeof(v->record)}};
    int rc;

    if (nonce.size < CLOISTER_NONCE_MIN || nonce.size > CLOISTER_NONCE_MAX) {
        return -EINVAL;
    }
    v->crypto = &verifier->crypto;
    v->policy = policy;
    v->refusal = refusal;
    begin_heartbeat(v, host, heartbeat);
    if (crypto_hash(v->crypto, content, 2, v->binding)) {
        return -EIO;
    }
    for (size_t step = CLOISTER_STEP_REPORT; step <= CLOISTER_STEP_REPORT_FLAGS; step++) {
        rc = steps[step - 1](v);
        if (rc) {
            return rc;
        }
    }
    return accept_heartbeat(v, host, heartbeat);
}
