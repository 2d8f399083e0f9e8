/* SPDX-License-Identifier: MIT */
/* The job `evidence`: what cloister/evidence.h describes, of this host. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#include "base/json.h"
#include "base/jsonbytes.h"
#include "base/digest.h"
#include "tpm/internal.h"
#include "tpm/jobs.h"
#include "base/textfile.h"

#define BOOT_PCRS 0x3ffu /* 0 to 9: firmware, boot loader, what it loaded */

struct draft {
    uint8_t nonce[CLOISTER_NONCE_MAX];
    struct chip_quote quote;
    uint8_t key[CLOISTER_EVIDENCE_MAX_TPM];
    size_t key_size;
    char *log;
    struct cloister_evidence evidence;
    uint8_t encoded[CLOISTER_EVIDENCE_MAX_SIZE];
    size_t size;
};

static int refuse(struct chip *chip, const char *why)
{
    snprintf(chip->why, sizeof(chip->why), "%s", why);
    return -EINVAL;
}

/* --- what the request gives ------------------------------------------------------------------- */

static int take_nonce(struct chip *chip, json_object *request, struct draft *draft)
{
    const char *text = job_text(chip, request, "nonce");
    size_t size = text ? strlen(text) / 2 : 0;

    if (!text)
        return -EINVAL;
    if (size < CLOISTER_NONCE_MIN || size > CLOISTER_NONCE_MAX || strlen(text) % 2 ||
        !hex_decode(text, draft->nonce, size))
        return refuse(chip, "a nonce has 16 to 64 bytes, as hexadecimal digits");
    draft->evidence.nonce = (struct cloister_bytes){draft->nonce, size};
    return 0;
}

static int take_record(struct chip *chip, json_object *request, struct draft *draft)
{
    struct cloister_monitor_record *record = &draft->evidence.record;
    size_t size = 0;

    int rc = job_bytes(chip, request, "record", (uint8_t *)record, sizeof(*record), &size);
    if (!rc && (size != sizeof(*record) || record->magic != CLOISTER_RECORD_MAGIC))
        rc = refuse(chip, "record is no monitor record");
    if (!rc && record->pcr >= CLOISTER_EVIDENCE_PCRS)
        rc = refuse(chip,
                    "no TPM vouches for the monitor's key: see what Xen said of the TPM when it "
                    "started (xl dmesg), and boot with cloister-tpm=required");
    return rc;
}

static int take_report(struct chip *chip, json_object *text, struct draft *draft)
{
    struct cloister_evidence *evidence = &draft->evidence;
    struct cloister_report *report = &evidence->reports[evidence->report_count];
    uint8_t bytes[CLOISTER_COSE_REPORT_SIZE];
    size_t size = 0;
    int rc = -EINVAL;

    if (json_object_is_type(text, json_type_string))
        rc = json_bytes_read(json_object_get_string(text), bytes, sizeof(bytes), &size);
    if (!rc && size == sizeof(*report))
        memcpy(report, bytes, size);
    else if (!rc)
        rc = cloister_report_from_cose(bytes, size, report);
    if (rc || report->magic != CLOISTER_REPORT_MAGIC)
        return refuse(chip, "a report has 512 bytes (struct cloister_report), or is the same as "
                            "COSE_Sign1");
    evidence->report_forms[evidence->report_count++] =
        size == sizeof(*report) ? CLOISTER_REPORT_FIXED : CLOISTER_REPORT_COSE;
    return 0;
}

static int take_reports(struct chip *chip, json_object *request, struct draft *draft)
{
    json_object *list;
    int rc = 0;

    if (!json_object_object_get_ex(request, "reports", &list) ||
        !json_object_is_type(list, json_type_array) ||
        json_object_array_length(list) > CLOISTER_EVIDENCE_MAX_REPORTS)
        return refuse(chip, "evidence has at most 16 reports, one of them the heartbeat");
    for (size_t i = 0; !rc && i < json_object_array_length(list); i++)
        rc = take_report(chip, json_object_array_get_idx(list, i), draft);
    return rc;
}

/* The kernel has one only where the firmware gave it one: a PV dom0 sees none. */
static int take_log(struct chip *chip, json_object *request, struct draft *draft)
{
    const char *path = json_member_text(request, "event_log");
    size_t size;

    if (!path)
        return 0;
    int rc = textfile_read(path, CLOISTER_EVIDENCE_MAX_LOG, &draft->log, &size);
    if (rc == -ENOENT)
        return 0;
    if (rc)
        snprintf(chip->warning, sizeof(chip->warning), "the event log %s is left out: %s", path,
                 strerror(-rc));
    else
        draft->evidence.log = (struct cloister_bytes){(const uint8_t *)draft->log, size};
    return 0;
}

/* --- what the TPM gives ----------------------------------------------------------------------- */

static int add_quote(struct chip *chip, struct draft *draft)
{
    struct cloister_evidence *evidence = &draft->evidence;
    struct chip_key key = {0};
    uint8_t binding[32];

    int rc = cloister_challenge_binding(evidence->nonce, &evidence->record, binding);
    if (rc)
        return refuse(chip, "the challenge cannot be hashed");
    rc = chip_attestation_key(chip, &key);
    if (!rc)
        rc = chip_quote(chip, &key, BOOT_PCRS | 1u << evidence->record.pcr, binding, &draft->quote);
    chip_release(chip, &key);
    if (!rc)
        rc = chip_end(chip, Tss2_MU_TPMT_PUBLIC_Marshal(&key.public.publicArea, draft->key,
                                                        sizeof(draft->key), &draft->key_size));
    if (rc)
        return rc;
    evidence->quote = (struct cloister_quote){
        .attest = {draft->quote.attest.attestationData, draft->quote.attest.size},
        .signature = {draft->quote.signature, draft->quote.signature_size},
        .key = {draft->key, draft->key_size},
        .pcr_count = draft->quote.pcr_count,
    };
    memcpy(evidence->quote.pcrs, draft->quote.pcrs, sizeof(draft->quote.pcrs));
    return 0;
}

static int encode(struct chip *chip, struct draft *draft)
{
    int rc = cloister_evidence_encode(&draft->evidence, draft->encoded, sizeof(draft->encoded),
                                      &draft->size);

    if (rc)
        snprintf(chip->why, sizeof(chip->why), "the evidence cannot be encoded: %s", strerror(-rc));
    return rc;
}

int job_evidence(struct chip *chip, json_object *request, json_object *answer)
{
    struct draft *draft = calloc(1, sizeof(*draft));
    char key[DIGEST_HEX + 1];

    if (!draft)
        return -ENOMEM;
    int rc = take_nonce(chip, request, draft);
    if (!rc)
        rc = take_record(chip, request, draft);
    if (!rc)
        rc = take_reports(chip, request, draft);
    if (!rc)
        rc = take_log(chip, request, draft);
    if (!rc)
        rc = add_quote(chip, draft);
    if (!rc)
        rc = encode(chip, draft);
    if (!rc) {
        digest_sha256_hex(draft->key, draft->key_size, key);
        json_object_object_add(answer, "evidence", json_bytes_new(draft->encoded, draft->size));
        json_object_object_add(answer, "key", json_object_new_string(key));
    }
    free(draft->log);
    free(draft);
    return rc;
}
