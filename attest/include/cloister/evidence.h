/* SPDX-License-Identifier: MIT */
/*
 * Evidence: what a host hands to a verifier, as one CBOR item (RFC 8949). Everything in it comes
 * from somebody who is not trusted; cloister_verify() (verify.h) finds out what it is worth.
 *
 * In CDDL (RFC 8610):
 *
 *   evidence = {
 *     1 => 1,                              ; version
 *     2 => bstr .size (16..64),            ; nonce: the challenge that is answered
 *     ? 3 => quote,                        ; absent only where the host has no TPM: always refused
 *     ? 4 => bstr .size (1..196608),       ; firmware event log
 *     5 => bstr .size 256,                 ; struct cloister_monitor_record (report.h)
 *     6 => [0*16 report],
 *   }
 *   quote = {
 *     1 => bstr .size (1..1024),           ; TPMS_ATTEST        TPM 2.0 part 2, 10.12.12
 *     2 => bstr .size (1..1024),           ; TPMT_SIGNATURE     TPM 2.0 part 2, 11.3.4
 *     3 => bstr .size (1..1024),           ; TPMT_PUBLIC of the attestation key, part 2, 12.2.4
 *     4 => [1*24 pcr],                     ; the quoted PCRs, ascending by index
 *   }
 *   pcr = [0..23, bstr .size 32]           ; index, value in the SHA-256 bank
 *   report = bstr .size 512                ; struct cloister_report
 *          / #6.18([                       ; or the same as COSE_Sign1 (RFC 9052, 4.2), alg ES256
 *              h'a10126', {}, bstr .size 448, bstr .size 64
 *            ])
 *
 * Encoded deterministically (RFC 8949, 4.2.1): shortest heads, definite lengths, map keys
 * ascending. The decoder refuses every other encoding, unknown or repeated keys, and trailing
 * bytes, so an evidence has one encoding only. It allocates nothing: what is large stays in the
 * caller's bytes.
 *
 * The event log is a TCG PC Client crypto-agile log (Platform Firmware Profile 1.05, 10.2) with a
 * SHA-256 digest in each event.
 */
#ifndef CLOISTER_EVIDENCE_H
#define CLOISTER_EVIDENCE_H

#include <stddef.h>
#include <stdint.h>

#include "cloister/report.h"

#define CLOISTER_EVIDENCE_VERSION 1u

/* Limits, inclusive; sizes in bytes. */
#define CLOISTER_EVIDENCE_MAX_SIZE (256u * 1024u) /* of the whole, encoded */
#define CLOISTER_EVIDENCE_MAX_LOG (192u * 1024u)
#define CLOISTER_EVIDENCE_MAX_TPM 1024u /* of each TPM structure */
#define CLOISTER_EVIDENCE_MAX_REPORTS 16u
#define CLOISTER_EVIDENCE_PCRS 24u

#define CLOISTER_COSE_REPORT_SIZE 524u /* of a report as COSE_Sign1, with its tag */

struct cloister_refusal; /* verify.h */

/* Bytes that belong to somebody else. `data` may be NULL where `size` is 0. */
struct cloister_bytes {
    const uint8_t *data;
    size_t size;
};

struct cloister_pcr {
    uint32_t index; /* 0 .. 23 */
    uint8_t value[32];
};

struct cloister_quote {
    struct cloister_bytes attest;    /* TPMS_ATTEST; size 0: there is no quote */
    struct cloister_bytes signature; /* TPMT_SIGNATURE */
    struct cloister_bytes key;       /* TPMT_PUBLIC */
    uint32_t pcr_count;
    struct cloister_pcr pcrs[CLOISTER_EVIDENCE_PCRS];
};

enum cloister_report_form {
    CLOISTER_REPORT_FIXED = 0,
    CLOISTER_REPORT_COSE = 1,
};

struct cloister_evidence {
    struct cloister_bytes nonce;
    struct cloister_quote quote;
    struct cloister_bytes log; /* size 0: none */
    struct cloister_monitor_record record;
    uint32_t report_count;
    uint8_t report_forms[CLOISTER_EVIDENCE_MAX_REPORTS]; /* enum cloister_report_form */
    struct cloister_report reports[CLOISTER_EVIDENCE_MAX_REPORTS];
};

/*
 * Reads evidence. Nonce, quote and log of *evidence point into `data`, which must live as long.
 * 0, or -EBADMSG with *refusal saying what is wrong (step CLOISTER_STEP_DECODE) and *evidence
 * undefined. `refusal` may be NULL.
 */
__attribute__((warn_unused_result)) int cloister_evidence_decode(const uint8_t *data, size_t size,
                                                                 struct cloister_evidence *evidence,
                                                                 struct cloister_refusal *refusal);

/*
 * Writes evidence into buffer[capacity]; *size becomes the number of bytes.
 * 0; -ENOSPC: the buffer is too small (CLOISTER_EVIDENCE_MAX_SIZE always suffices); -EINVAL:
 * something is outside its limits, the PCRs are not ascending, or a report form is unknown.
 */
__attribute__((warn_unused_result)) int
cloister_evidence_encode(const struct cloister_evidence *evidence, uint8_t *buffer, size_t capacity,
                         size_t *size);

/*
 * What ties evidence to a challenge: SHA-256(nonce || SHA-256(record)). The host daemon gives it to
 * TPM2_Quote as qualifyingData, and to the monitor as report_data[0 .. 31] of a heartbeat, whose
 * report_data[32 .. 63] is 0. 0, -EINVAL for a nonce outside its limits, -EIO if OpenSSL fails.
 */
__attribute__((warn_unused_result)) int
cloister_challenge_binding(struct cloister_bytes nonce,
                           const struct cloister_monitor_record *record, uint8_t binding[32]);

/* A report as COSE_Sign1, and back. The signature is the same in both forms (report.h). */
void cloister_report_to_cose(const struct cloister_report *report,
                             uint8_t cose[CLOISTER_COSE_REPORT_SIZE]);
/* 0, or -EBADMSG: not the one encoding of a report as COSE_Sign1. The signature is not verified. */
__attribute__((warn_unused_result)) int cloister_report_from_cose(const uint8_t *cose, size_t size,
                                                                  struct cloister_report *report);

#endif
