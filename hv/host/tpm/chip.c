/* SPDX-License-Identifier: MIT */
#include "tpm/chip.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include "base/digest.h"
#include "tpm/internal.h"

#define QUOTE_TRIES 3

void chip_begin(struct chip *chip, const char *command)
{
    chip->command = command;
    fprintf(chip->progress, "command %s\n", command);
    fflush(chip->progress);
}

int chip_end(struct chip *chip, TSS2_RC rc)
{
    if (rc)
        snprintf(chip->why, sizeof(chip->why), "%s: %s (%#x)", chip->command, Tss2_RC_Decode(rc),
                 rc);
    return rc ? -EIO : 0;
}

int chip_fail(struct chip *chip, int error, const char *format, ...)
{
    va_list arguments;
    int used = snprintf(chip->why, sizeof(chip->why), "%s: ", chip->command);

    va_start(arguments, format);
    vsnprintf(chip->why + used, sizeof(chip->why) - (size_t)used, format, arguments);
    va_end(arguments);
    return error;
}

bool chip_is_absent(TSS2_RC rc)
{
    return (rc & ~(TSS2_RC)(TPM2_RC_P | TPM2_RC_N_MASK)) == TPM2_RC_HANDLE;
}

void chip_flush(struct chip *chip, ESYS_TR handle)
{
    chip_begin(chip, "TPM2_FlushContext");
    (void)Esys_FlushContext(chip->esys, handle);
}

int chip_open(struct chip *chip, const char *place, uint32_t key_handle, FILE *progress)
{
    *chip = (struct chip){.progress = progress, .key_handle = key_handle};
    chip_begin(chip, "open");
    TSS2_RC rc = Tss2_TctiLdr_Initialize(place, &chip->tcti);
    if (rc) {
        const char *device = strchr(place, '/');

        return chip_fail(chip, -ENODEV,
                         "no TPM can be opened at %s: switch it on in the firmware's "
                         "setup, or name another as 'tpm' in cloisterd.conf (%s)",
                         device ? device : place, Tss2_RC_Decode(rc));
    }
    return chip_end(chip, Esys_Initialize(&chip->esys, chip->tcti, NULL));
}

void chip_close(struct chip *chip)
{
    if (chip->esys)
        Esys_Finalize(&chip->esys);
    if (chip->tcti)
        Tss2_TctiLdr_Finalize(&chip->tcti);
}

void chip_release(struct chip *chip, struct chip_key *key)
{
    if (key->transient)
        chip_flush(chip, key->handle);
    key->transient = false;
}

/* --- the quote -------------------------------------------------------------------------------- */

static TPML_PCR_SELECTION selection(uint32_t pcrs)
{
    return (TPML_PCR_SELECTION){
        .count = 1,
        .pcrSelections = {{.hash = TPM2_ALG_SHA256,
                           .sizeofSelect = 3,
                           .pcrSelect = {(uint8_t)pcrs, (uint8_t)(pcrs >> 8),
                                         (uint8_t)(pcrs >> 16)}}},
    };
}

static uint32_t selected(const TPML_PCR_SELECTION *list)
{
    uint32_t pcrs = 0;

    if (list->count != 1 || list->pcrSelections[0].hash != TPM2_ALG_SHA256)
        return 0;
    for (unsigned int i = 0; i < list->pcrSelections[0].sizeofSelect && i < 3; i++)
        pcrs |= (uint32_t)list->pcrSelections[0].pcrSelect[i] << 8 * i;
    return pcrs;
}

/* The TPM gives some of the PCRs that were asked for, the lowest first (part 3, 22.4). *pcrs
 * becomes those that are left. */
static int read_some(struct chip *chip, uint32_t *pcrs, struct chip_quote *quote)
{
    TPML_PCR_SELECTION wanted = selection(*pcrs), *got = NULL;
    TPML_DIGEST *digests = NULL;
    UINT32 counter;

    chip_begin(chip, "TPM2_PCR_Read");
    int rc = chip_end(chip, Esys_PCR_Read(chip->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                          &wanted, &counter, &got, &digests));
    uint32_t given = rc ? 0 : selected(got);
    if (!rc && (!given || given & ~*pcrs || digests->count != (UINT32)__builtin_popcount(given)))
        rc = chip_fail(chip, -EIO,
                       "the TPM has no SHA-256 bank of PCRs: choose it in the "
                       "firmware's setup");
    for (uint32_t index = 0, i = 0; !rc && index < CLOISTER_EVIDENCE_PCRS; index++) {
        if (!(given & 1u << index))
            continue;
        if (digests->digests[i].size != 32) {
            rc = chip_fail(chip, -EIO, "PCR %u has %u bytes", index, digests->digests[i].size);
        } else {
            quote->pcrs[quote->pcr_count].index = index;
            memcpy(quote->pcrs[quote->pcr_count++].value, digests->digests[i++].buffer, 32);
        }
    }
    *pcrs &= ~given;
    Esys_Free(got);
    Esys_Free(digests);
    return rc;
}

static int by_index(const void *a, const void *b)
{
    const struct cloister_pcr *left = a, *right = b;

    return (int)left->index - (int)right->index;
}

static int read_pcrs(struct chip *chip, uint32_t pcrs, struct chip_quote *quote)
{
    int rc = 0;

    quote->pcr_count = 0;
    while (!rc && pcrs)
        rc = read_some(chip, &pcrs, quote);
    qsort(quote->pcrs, quote->pcr_count, sizeof(quote->pcrs[0]), by_index);
    return rc;
}

static int sign_pcrs(struct chip *chip, const struct chip_key *key, uint32_t pcrs,
                     const uint8_t data[32], struct chip_quote *quote)
{
    const TPMT_SIG_SCHEME scheme = {.scheme = TPM2_ALG_NULL}; /* the key's */
    const TPML_PCR_SELECTION wanted = selection(pcrs);
    TPM2B_DATA qualifying = {.size = 32};
    TPMT_SIGNATURE *signature = NULL;
    TPM2B_ATTEST *attest = NULL;

    memcpy(qualifying.buffer, data, 32);
    chip_begin(chip, "TPM2_Quote");
    int rc = chip_end(chip,
                      Esys_Quote(chip->esys, key->handle, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                 ESYS_TR_NONE, &qualifying, &scheme, &wanted, &attest, &signature));
    quote->signature_size = 0;
    if (!rc)
        rc = chip_end(chip, Tss2_MU_TPMT_SIGNATURE_Marshal(signature, quote->signature,
                                                           sizeof(quote->signature),
                                                           &quote->signature_size));
    if (!rc)
        quote->attest = *attest;
    Esys_Free(signature);
    Esys_Free(attest);
    return rc;
}

/* Is it a quote of the values that were read? */
static int compare_digest(struct chip *chip, const struct chip_quote *quote, bool *same)
{
    uint8_t values[CLOISTER_EVIDENCE_PCRS * 32], digest[DIGEST_SIZE];
    TPMS_ATTEST said;
    size_t offset = 0;

    int rc = chip_end(chip, Tss2_MU_TPMS_ATTEST_Unmarshal(quote->attest.attestationData,
                                                          quote->attest.size, &offset, &said));
    if (rc)
        return rc;
    for (uint32_t i = 0; i < quote->pcr_count; i++)
        memcpy(values + 32 * i, quote->pcrs[i].value, 32);
    digest_sha256(values, 32 * quote->pcr_count, digest);
    *same = said.type == TPM2_ST_ATTEST_QUOTE && said.attested.quote.pcrDigest.size == 32 &&
            !memcmp(said.attested.quote.pcrDigest.buffer, digest, 32);
    return 0;
}

int chip_quote(struct chip *chip, const struct chip_key *key, uint32_t pcrs, const uint8_t data[32],
               struct chip_quote *quote)
{
    bool same = false;
    int rc = 0;

    for (int i = 0; !rc && !same && i < QUOTE_TRIES; i++) {
        rc = read_pcrs(chip, pcrs, quote);
        if (!rc)
            rc = sign_pcrs(chip, key, pcrs, data, quote);
        if (!rc)
            rc = compare_digest(chip, quote, &same);
    }
    if (!rc && !same)
        rc = chip_fail(chip, -EAGAIN,
                       "the quoted PCRs have other values than those read, %d times: "
                       "something extends them",
                       QUOTE_TRIES);
    return rc;
}

/* --- the credential --------------------------------------------------------------------------- */

/* A session that may use the endorsement key: its policy is PolicyA of the EK Credential Profile,
 * B.6.3. */
static int endorsement_session(struct chip *chip, ESYS_TR *session)
{
    const TPMT_SYM_DEF none = {.algorithm = TPM2_ALG_NULL};

    chip_begin(chip, "TPM2_StartAuthSession");
    int rc = chip_end(chip, Esys_StartAuthSession(chip->esys, ESYS_TR_NONE, ESYS_TR_NONE,
                                                  ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
                                                  TPM2_SE_POLICY, &none, TPM2_ALG_SHA256, session));
    if (rc)
        return rc;
    chip_begin(chip, "TPM2_PolicySecret");
    rc = chip_end(
        chip, Esys_TRSess_SetAttributes(chip->esys, *session, TPMA_SESSION_CONTINUESESSION, 0xff));
    if (!rc)
        rc = chip_end(chip, Esys_PolicySecret(chip->esys, ESYS_TR_RH_ENDORSEMENT, *session,
                                              ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
                                              NULL, NULL, 0, NULL, NULL));
    if (rc)
        chip_flush(chip, *session);
    return rc;
}

int chip_activate(struct chip *chip, const struct chip_key *attestation,
                  const struct chip_key *endorsement, const TPM2B_ID_OBJECT *credential,
                  const TPM2B_ENCRYPTED_SECRET *secret, TPM2B_DIGEST *out)
{
    TPM2B_DIGEST *found = NULL;
    ESYS_TR session;

    int rc = endorsement_session(chip, &session);
    if (rc)
        return rc;
    chip_begin(chip, "TPM2_ActivateCredential");
    rc = chip_end(chip, Esys_ActivateCredential(chip->esys, attestation->handle,
                                                endorsement->handle, ESYS_TR_PASSWORD, session,
                                                ESYS_TR_NONE, credential, secret, &found));
    if (!rc)
        *out = *found;
    Esys_Free(found);
    chip_flush(chip, session);
    return rc;
}
