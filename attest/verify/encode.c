/* SPDX-License-Identifier: MIT */
/* Writes evidence: deterministic CBOR (RFC 8949, 4.2.1), heads by libcbor. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <cbor/encoding.h>

#include "cloister/evidence.h"

struct output {
    uint8_t *data;
    size_t capacity;
    size_t used;
    bool full;
};

typedef size_t encode_head(size_t value, unsigned char *buffer, size_t capacity);

static void put_head(struct output *out, encode_head *encode, size_t value)
{
    size_t size = encode(value, out->data + out->used, out->capacity - out->used);

    out->full = out->full || size == 0;
    out->used += size;
}

static void put_raw(struct output *out, const uint8_t *data, size_t size)
{
    if (out->full || size > out->capacity - out->used) {
        out->full = true;
        return;
    }
    memcpy(out->data + out->used, data, size);
    out->used += size;
}

static void put_number(struct output *out, uint64_t value)
{
    put_head(out, cbor_encode_uint, value);
}

static void put_bytes(struct output *out, const void *data, size_t size)
{
    put_head(out, cbor_encode_bytestring_start, size);
    put_raw(out, data, size);
}

static void put_quote(struct output *out, const struct cloister_quote *quote)
{
    put_head(out, cbor_encode_map_start, 4);
    put_number(out, 1);
    put_bytes(out, quote->attest.data, quote->attest.size);
    put_number(out, 2);
    put_bytes(out, quote->signature.data, quote->signature.size);
    put_number(out, 3);
    put_bytes(out, quote->key.data, quote->key.size);
    put_number(out, 4);
    put_head(out, cbor_encode_array_start, quote->pcr_count);
    for (uint32_t i = 0; i < quote->pcr_count; i++) {
        put_head(out, cbor_encode_array_start, 2);
        put_number(out, quote->pcrs[i].index);
        put_bytes(out, quote->pcrs[i].value, sizeof(quote->pcrs[i].value));
    }
}

static void put_reports(struct output *out, const struct cloister_evidence *evidence)
{
    uint8_t cose[CLOISTER_COSE_REPORT_SIZE];

    put_head(out, cbor_encode_array_start, evidence->report_count);
    for (uint32_t i = 0; i < evidence->report_count; i++) {
        if (evidence->report_forms[i] == CLOISTER_REPORT_COSE) {
            cloister_report_to_cose(&evidence->reports[i], cose);
            put_raw(out, cose, sizeof(cose));
        } else {
            put_bytes(out, &evidence->reports[i], sizeof(evidence->reports[i]));
        }
    }
}

static bool within(struct cloister_bytes bytes, size_t least, size_t most)
{
    return bytes.size >= least && bytes.size <= most;
}

static bool quote_encodable(const struct cloister_quote *quote)
{
    if (!within(quote->attest, 1, CLOISTER_EVIDENCE_MAX_TPM) ||
        !within(quote->signature, 1, CLOISTER_EVIDENCE_MAX_TPM) ||
        !within(quote->key, 1, CLOISTER_EVIDENCE_MAX_TPM) || quote->pcr_count < 1 ||
        quote->pcr_count > CLOISTER_EVIDENCE_PCRS) {
        return false;
    }
    for (uint32_t i = 0; i < quote->pcr_count; i++) {
        if (quote->pcrs[i].index >= CLOISTER_EVIDENCE_PCRS ||
            (i && quote->pcrs[i].index <= quote->pcrs[i - 1].index)) {
            return false;
        }
    }
    return true;
}

static bool encodable(const struct cloister_evidence *evidence)
{
    if (!within(evidence->nonce, CLOISTER_NONCE_MIN, CLOISTER_NONCE_MAX) ||
        !within(evidence->log, 0, CLOISTER_EVIDENCE_MAX_LOG) ||
        evidence->report_count > CLOISTER_EVIDENCE_MAX_REPORTS ||
        (evidence->quote.attest.size && !quote_encodable(&evidence->quote))) {
        return false;
    }
    for (uint32_t i = 0; i < evidence->report_count; i++) {
        if (evidence->report_forms[i] > CLOISTER_REPORT_COSE) {
            return false;
        }
    }
    return true;
}

int cloister_evidence_encode(const struct cloister_evidence *evidence, uint8_t *buffer,
                             size_t capacity, size_t *size)
{
    struct output out = {.data = buffer, .capacity = capacity};
    bool quoted = evidence->quote.attest.size > 0, logged = evidence->log.size > 0;

    if (!encodable(evidence)) {
        return -EINVAL;
    }
    put_head(&out, cbor_encode_map_start, 4u + quoted + logged);
    put_number(&out, 1);
    put_number(&out, CLOISTER_EVIDENCE_VERSION);
    put_number(&out, 2);
    put_bytes(&out, evidence->nonce.data, evidence->nonce.size);
    if (quoted) {
        put_number(&out, 3);
        put_quote(&out, &evidence->quote);
    }
    if (logged) {
        put_number(&out, 4);
        put_bytes(&out, evidence->log.data, evidence->log.size);
    }
    put_number(&out, 5);
    put_bytes(&out, &evidence->record, sizeof(evidence->record));
    put_number(&out, 6);
    put_reports(&out, evidence);
    *size = out.used;
    return out.full ? -ENOSPC : 0;
}
