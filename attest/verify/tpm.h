/* SPDX-License-Identifier: MIT */
/*
 * The three TPM structures of a quote, in the forms that Cloister accepts. (libtss2-mu reads them,
 * too, but writes to standard error whenever a structure is malformed, which a library that reads
 * what strangers send must not.)
 */
#ifndef CLOISTER_VERIFY_TPM_H
#define CLOISTER_VERIFY_TPM_H

#include <stdbool.h>

#include "cloister/evidence.h"

/* TPM 2.0 part 2, 6.3: TPM_ALG_ID. */
#define TPM_ALG_RSA 0x0001u
#define TPM_ALG_SHA1 0x0004u
#define TPM_ALG_SHA256 0x000bu
#define TPM_ALG_NULL 0x0010u
#define TPM_ALG_RSASSA 0x0014u
#define TPM_ALG_ECDSA 0x0018u
#define TPM_ALG_ECC 0x0023u

#define TPM_GENERATED_VALUE 0xff544347u /* part 2, 6.2 */
#define TPM_ST_ATTEST_QUOTE 0x8018u     /* part 2, 6.9 */

/* Part 2, 8.3: TPMA_OBJECT. */
#define TPM_OBJECT_FIXED_TPM (1u << 1)
#define TPM_OBJECT_FIXED_PARENT (1u << 4)
#define TPM_OBJECT_SENSITIVE_DATA_ORIGIN (1u << 5)
#define TPM_OBJECT_ADMIN_WITH_POLICY (1u << 7)
#define TPM_OBJECT_RESTRICTED (1u << 16)
#define TPM_OBJECT_DECRYPT (1u << 17)
#define TPM_OBJECT_SIGN (1u << 18)

#define TPM_RSA_SIZE 256u
#define TPM_RSA_DEFAULT_EXPONENT 65537u

/* TPMT_PUBLIC, part 2, 12.2.4. */
struct tpm_key {
    uint16_t type; /* TPM_ALG_ECC or TPM_ALG_RSA */
    uint32_t attributes;
    uint8_t point[64];             /* ECC: X || Y on P-256 */
    struct cloister_bytes modulus; /* RSA: TPM_RSA_SIZE bytes */
    uint32_t exponent;
};

/* TPMT_SIGNATURE, part 2, 11.3.4. */
struct tpm_signature {
    uint16_t scheme;           /* TPM_ALG_ECDSA or TPM_ALG_RSASSA, with SHA-256 */
    uint8_t pair[64];          /* ECDSA: r || s */
    struct cloister_bytes rsa; /* RSASSA */
};

/* TPMS_ATTEST, part 2, 10.12.12, with a TPMS_QUOTE_INFO, 10.12.4. */
struct tpm_quote {
    uint32_t magic;
    uint16_t type;
    struct cloister_bytes extra_data;
    uint64_t clock;
    uint32_t reset_count;
    uint32_t restart_count;
    bool safe;
    uint64_t firmware_version;
    uint32_t selected; /* bit n: PCR n of the SHA-256 bank */
    struct cloister_bytes pcr_digest;
};

/* 0; -EBADMSG: malformed; -ENOTSUP: well-formed as far as it was read, but of another algorithm. */
__attribute__((warn_unused_result)) int tpm_read_key(struct cloister_bytes bytes,
                                                     struct tpm_key *key);
__attribute__((warn_unused_result)) int tpm_read_signature(struct cloister_bytes bytes,
                                                           struct tpm_signature *signature);
/*
 * 0; -EBADMSG: malformed. With another magic or type only those two are read. -ENOTSUP: another
 * bank, or more than one, is selected.
 */
__attribute__((warn_unused_result)) int tpm_read_quote(struct cloister_bytes bytes,
                                                       struct tpm_quote *quote);

#endif
