/* SPDX-License-Identifier: MIT */
/*
 * The host's TPM 2.0, through tpm2-tss (ESAPI): what cloister-tpm asks of it. "Part 1, 2, 3" are
 * those of the TPM 2.0 Library; the EK templates are those of the TCG EK Credential Profile 2.3,
 * B.3.
 *
 * Before each command a line "command NAME" goes to `progress`: whoever started this process knows
 * by it what the TPM is doing, and how long. Nothing waits with a time-out of its own here: a
 * kernel that waits for a TPM can be interrupted by nothing in the process itself.
 *
 * Actions return 0 or a negative errno, and then chip->why is a sentence with the command and what
 * the TPM said:
 *   -ENODEV  there is no TPM at that place      -EIO     the TPM refused, or answered nonsense
 *   -EEXIST  the handle holds another key       -EAGAIN  the PCRs change while they are quoted
 */
#ifndef CLOISTER_HOST_TPM_CHIP_H
#define CLOISTER_HOST_TPM_CHIP_H

#include <stdbool.h>
#include <stdio.h>
#include <tss2/tss2_esys.h>

#include "cloister/evidence.h"

#define CHIP_CERTIFICATE_MAX 8192u

struct chip {
    TSS2_TCTI_CONTEXT *tcti;
    ESYS_CONTEXT *esys;
    FILE *progress;
    const char *command; /* under way, or the last one */
    uint32_t key_handle; /* where the attestation key is kept; 0: nowhere, it is made each time */
    char why[400];
    char warning[400]; /* what went wrong without being needed; "": nothing */
};

/* `place` is what tpm2-tss takes: "device:/dev/tpmrm0". */
__attribute__((warn_unused_result)) int chip_open(struct chip *chip, const char *place,
                                                  uint32_t key_handle, FILE *progress);
void chip_close(struct chip *chip);

/* A loaded key; to be released with chip_release(). */
struct chip_key {
    ESYS_TR handle;
    bool transient;
    TPM2B_PUBLIC public;
};
void chip_release(struct chip *chip, struct chip_key *key);

/*
 * The attestation key: ECDSA P-256, restricted, primary under the endorsement hierarchy with a
 * fixed template, so that this TPM makes the same one again when its handle is lost (part 1,
 * 14). TPM2_Clear does not change it.
 */
__attribute__((warn_unused_result)) int chip_attestation_key(struct chip *chip,
                                                             struct chip_key *key);

/* DER, without what fills up the TPM's indices. */
struct chip_certificate {
    size_t size; /* 0: the manufacturer left none */
    uint8_t der[CHIP_CERTIFICATE_MAX];
};
/* The endorsement key with its certificate: RSA 2048 (template L-1); P-256 (L-2) where only that
 * has one. */
__attribute__((warn_unused_result)) int
chip_endorsement_key(struct chip *chip, struct chip_key *key, struct chip_certificate *certificate);

/*
 * Puts the certificates of the CAs between that one and the manufacturer's root behind it, where the TPM
 * has them (0x01c00100 and so on). What is no certificate, or not for everybody, is left out, with a warning.
 */
__attribute__((warn_unused_result)) int
chip_certificate_chain(struct chip *chip, struct chip_certificate *certificate);

/* Quotes PCRs of the SHA-256 bank, bit n of `pcrs` is PCR n; the values are those quoted. */
struct chip_quote {
    TPM2B_ATTEST attest;
    uint8_t signature[CLOISTER_EVIDENCE_MAX_TPM]; /* TPMT_SIGNATURE */
    size_t signature_size;
    uint32_t pcr_count;
    struct cloister_pcr pcrs[CLOISTER_EVIDENCE_PCRS];
};
__attribute__((warn_unused_result)) int chip_quote(struct chip *chip, const struct chip_key *key,
                                                   uint32_t pcrs, const uint8_t data[32],
                                                   struct chip_quote *quote);

/* TPM2_ActivateCredential (part 3, 12.5): what an enrolling service hid for this very key. */
__attribute__((warn_unused_result)) int
chip_activate(struct chip *chip, const struct chip_key *attestation,
              const struct chip_key *endorsement, const TPM2B_ID_OBJECT *credential,
              const TPM2B_ENCRYPTED_SECRET *secret, TPM2B_DIGEST *out);

#endif
