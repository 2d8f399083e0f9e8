/* SPDX-License-Identifier: MIT */
#include "verify/tpm.h"

#include <errno.h>
#include <string.h>

#include "verify/reader.h"

#define TPM_ECC_NIST_P256 0x0003u /* part 2, 6.4 */
#define MAX_DIGEST 64u            /* TPM2B_DIGEST, TPM2B_DATA */
#define MAX_NAME 68u              /* TPM2B_NAME */

/* A scalar or coordinate, which may lack its leading zeros (part 1, 11.2.5.1). */
static void take_scalar(struct reader *in, uint8_t scalar[32])
{
    struct cloister_bytes bytes = reader_sized(in, 32);

    memset(scalar, 0, 32);
    if (bytes.size) {
        memcpy(scalar + 32 - bytes.size, bytes.data, bytes.size);
    }
}

/* TPMS_ECC_PARMS and TPMS_ECC_POINT: part 2, 12.2.3.6 and 11.2.5.2. */
static int read_ecc(struct reader *in, struct tpm_key *key)
{
    uint64_t symmetric = reader_big(in, 2), scheme = reader_big(in, 2);

    if (symmetric != TPM_ALG_NULL || scheme != TPM_ALG_ECDSA ||
        reader_big(in, 2) != TPM_ALG_SHA256 || reader_big(in, 2) != TPM_ECC_NIST_P256 ||
        reader_big(in, 2) != TPM_ALG_NULL) {
        return in->bad ? -EBADMSG : -ENOTSUP;
    }
    take_scalar(in, key->point);
    take_scalar(in, key->point + 32);
    return 0;
}

/* TPMS_RSA_PARMS and TPM2B_PUBLIC_KEY_RSA: part 2, 12.2.3.5 and 11.2.4.5. */
static int read_rsa(struct reader *in, struct tpm_key *key)
{
    uint64_t symmetric = reader_big(in, 2), scheme = reader_big(in, 2);

    if (symmetric != TPM_ALG_NULL || scheme != TPM_ALG_RSASSA ||
        reader_big(in, 2) != TPM_ALG_SHA256 || reader_big(in, 2) != 8 * TPM_RSA_SIZE) {
        return in->bad ? -EBADMSG : -ENOTSUP;
    }
    key->exponent = (uint32_t)reader_big(in, 4);
    key->modulus = reader_sized(in, TPM_RSA_SIZE);
    if (key->exponent == 0) {
        key->exponent = TPM_RSA_DEFAULT_EXPONENT;
    }
    if (key->exponent != TPM_RSA_DEFAULT_EXPONENT) {
        return -ENOTSUP;
    }
    return key->modulus.size == TPM_RSA_SIZE ? 0 : -EBADMSG;
}

int tpm_read_key(struct cloister_bytes bytes, struct tpm_key *key)
{
    struct reader in = reader_begin(bytes);
    uint64_t name_algorithm;
    int rc = -ENOTSUP;

    key->type = (uint16_t)reader_big(&in, 2);
    name_algorithm = reader_big(&in, 2);
    key->attributes = (uint32_t)reader_big(&in, 4);
    reader_sized(&in, MAX_DIGEST); /* authPolicy */
    if (!in.bad && name_algorithm == TPM_ALG_SHA256) {
        rc = key->type == TPM_ALG_ECC   ? read_ecc(&in, key)
             : key->type == TPM_ALG_RSA ? read_rsa(&in, key)
                                        : -ENOTSUP;
    }
    if (in.bad || (!rc && !reader_complete(&in))) {
        return -EBADMSG;
    }
    return rc;
}

int tpm_read_signature(struct cloister_bytes bytes, struct tpm_signature *signature)
{
    struct reader in = reader_begin(bytes);
    uint64_t hash;

    signature->scheme = (uint16_t)reader_big(&in, 2);
    hash = reader_big(&in, 2);
    if (!in.bad && (hash != TPM_ALG_SHA256 ||
                    (signature->scheme != TPM_ALG_ECDSA && signature->scheme != TPM_ALG_RSASSA))) {
        return -ENOTSUP;
    }
    if (signature->scheme == TPM_ALG_ECDSA) { /* TPMS_SIGNATURE_ECC, part 2, 11.3.2 */
        take_scalar(&in, signature->pair);
        take_scalar(&in, signature->pair + 32);
    } else { /* TPMS_SIGNATURE_RSA, part 2, 11.3.1 */
        signature->rsa = reader_sized(&in, TPM_RSA_SIZE);
    }
    return reader_complete(&in) ? 0 : -EBADMSG;
}

/* TPML_PCR_SELECTION with exactly one TPMS_PCR_SELECTION: part 2, 10.9.7 and 10.6.2. */
static int read_selection(struct reader *in, uint32_t *selected)
{
    uint64_t count = reader_big(in, 4), bank = reader_big(in, 2), size = reader_big(in, 1);
    struct cloister_bytes bits;

    if (!in->bad && (count != 1 || bank != TPM_ALG_SHA256)) {
        return -ENOTSUP;
    }
    bits = reader_bytes(in, (size_t)size);
    *selected = 0;
    for (size_t i = 0; i < bits.size; i++) {
        if (i >= CLOISTER_EVIDENCE_PCRS / 8 && bits.data[i]) {
            return -ENOTSUP;
        }
        if (i < CLOISTER_EVIDENCE_PCRS / 8) {
            *selected |= (uint32_t)bits.data[i] << (8 * i);
        }
    }
    return 0;
}

int tpm_read_quote(struct cloister_bytes bytes, struct tpm_quote *quote)
{
    struct reader in = reader_begin(bytes);
    uint64_t safe;
    int rc;

    quote->magic = (uint32_t)reader_big(&in, 4);
    quote->type = (uint16_t)reader_big(&in, 2);
    if (!in.bad && (quote->magic != TPM_GENERATED_VALUE || quote->type != TPM_ST_ATTEST_QUOTE)) {
        return 0;
    }
    reader_sized(&in, MAX_NAME); /* qualifiedSigner */
    quote->extra_data = reader_sized(&in, MAX_DIGEST);
    quote->clock = reader_big(&in, 8); /* TPMS_CLOCK_INFO, part 2, 10.11.1 */
    quote->reset_count = (uint32_t)reader_big(&in, 4);
    quote->restart_count = (uint32_t)reader_big(&in, 4);
    safe = reader_big(&in, 1); /* TPMI_YES_NO */
    quote->safe = safe == 1;
    quote->firmware_version = reader_big(&in, 8);
    rc = read_selection(&in, &quote->selected);
    if (rc) {
        return rc;
    }
    quote->pcr_digest = reader_sized(&in, MAX_DIGEST);
    return reader_complete(&in) && safe <= 1 ? 0 : -EBADMSG;
}
