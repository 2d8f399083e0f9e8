/* SPDX-License-Identifier: MIT */
/* Step 1: reads like the CDDL in evidence.h. */
#include <stdio.h>
#include <string.h>

#include "verify/cose.h"
#include "verify/items.h"

static void read_pcrs(struct items *in, struct cloister_quote *quote)
{
    char what[32];

    quote->pcr_count = (uint32_t)items_array(in, 1, CLOISTER_EVIDENCE_PCRS, "quote.pcrs");
    for (uint32_t i = 0; i < quote->pcr_count && !in->rc; i++) {
        uint32_t least = i ? quote->pcrs[i - 1].index + 1 : 0;
        struct cloister_bytes value;

        snprintf(what, sizeof(what), "quote.pcrs[%u]", i);
        items_array(in, 2, 2, what);
        quote->pcrs[i].index = (uint32_t)items_number(in, least, CLOISTER_EVIDENCE_PCRS - 1, what);
        value = items_bytes(in, sizeof(quote->pcrs[i].value), sizeof(quote->pcrs[i].value), what);
        if (!in->rc) {
            memcpy(quote->pcrs[i].value, value.data, value.size);
        }
    }
}

static void read_quote(struct items *in, struct cloister_quote *quote)
{
    struct items_map map = items_map(in, 4, "quote");

    items_required(in, &map, 1);
    quote->attest = items_bytes(in, 1, CLOISTER_EVIDENCE_MAX_TPM, "quote.attest");
    items_required(in, &map, 2);
    quote->signature = items_bytes(in, 1, CLOISTER_EVIDENCE_MAX_TPM, "quote.signature");
    items_required(in, &map, 3);
    quote->key = items_bytes(in, 1, CLOISTER_EVIDENCE_MAX_TPM, "quote.key");
    items_required(in, &map, 4);
    read_pcrs(in, quote);
    items_map_end(in, &map);
}

static void read_reports(struct items *in, struct cloister_evidence *evidence)
{
    char what[32];

    evidence->report_count = (uint32_t)items_array(in, 0, CLOISTER_EVIDENCE_MAX_REPORTS, "reports");
    for (uint32_t i = 0; i < evidence->report_count && !in->rc; i++) {
        snprintf(what, sizeof(what), "reports[%u]", i);
        if (items_tag_next(in)) {
            evidence->report_forms[i] = CLOISTER_REPORT_COSE;
            cose_read(in, &evidence->reports[i], what);
        } else {
            struct cloister_bytes report =
                items_bytes(in, sizeof(evidence->reports[i]), sizeof(evidence->reports[i]), what);

            evidence->report_forms[i] = CLOISTER_REPORT_FIXED;
            if (!in->rc) {
                memcpy(&evidence->reports[i], report.data, report.size);
            }
        }
    }
}

static void read_evidence(struct items *in, struct cloister_evidence *evidence)
{
    struct items_map map = items_map(in, 6, "evidence");
    struct cloister_bytes record;

    items_required(in, &map, 1);
    items_number(in, CLOISTER_EVIDENCE_VERSION, CLOISTER_EVIDENCE_VERSION, "version");
    items_required(in, &map, 2);
    evidence->nonce = items_bytes(in, CLOISTER_NONCE_MIN, CLOISTER_NONCE_MAX, "nonce");
    if (items_optional(in, &map, 3)) {
        read_quote(in, &evidence->quote);
    }
    if (items_optional(in, &map, 4)) {
        evidence->log = items_bytes(in, 1, CLOISTER_EVIDENCE_MAX_LOG, "log");
    }
    items_required(in, &map, 5);
    record = items_bytes(in, sizeof(evidence->record), sizeof(evidence->record), "record");
    if (!in->rc) {
        memcpy(&evidence->record, record.data, record.size);
    }
    items_required(in, &map, 6);
    read_reports(in, evidence);
    items_map_end(in, &map);
}

int cloister_evidence_decode(const uint8_t *data, size_t size, struct cloister_evidence *evidence,
                             struct cloister_refusal *refusal)
{
    struct items in = items_begin(data, size, refusal);

    evidence->quote.attest.size = 0;
    evidence->log.size = 0;
    if (size > CLOISTER_EVIDENCE_MAX_SIZE) {
        char number[24];

        snprintf(number, sizeof(number), "%zu", size);
        items_refuse(&in, CLOISTER_REFUSED_TOO_LARGE, "at most 262144 bytes", number, "evidence");
    }
    read_evidence(&in, evidence);
    return items_end(&in);
}
