/* SPDX-License-Identifier: MIT */
/*
 * Credential activation (TPM 2.0 part 1, 24): proof that an attestation key lives in the TPM that
 * an endorsement key belongs to. A secret is wrapped so that only that TPM can unwrap it, and only
 * while it holds a key of that name. This is TPM2_MakeCredential in software.
 */
#ifndef CLOISTER_SERVICE_CREDENTIAL_H
#define CLOISTER_SERVICE_CREDENTIAL_H

#include <openssl/evp.h>
#include <stdbool.h>

#include "cloister/evidence.h"

#define CREDENTIAL_PUBLIC_MAX 1024u /* of a TPM2B_PUBLIC */
#define CREDENTIAL_SECRET 32u
#define CREDENTIAL_BLOB (2u + 2u + 32u + 2u + CREDENTIAL_SECRET) /* TPM2B_ID_OBJECT */
#define CREDENTIAL_ENCRYPTED_MAX (2u + 256u)                     /* TPM2B_ENCRYPTED_SECRET */

/*
 * The endorsement key in a TPM2B_PUBLIC: RSA-2048 or ECC P-256, name algorithm SHA-256, a
 * restricted decryption key that is fixed in its TPM, AES-128-CFB (TCG EK Credential Profile 2.5,
 * templates L-1, L-2, and those of the high range with these algorithms). NULL after `why`.
 */
EVP_PKEY *credential_ek(struct cloister_bytes public, const char **why);

/*
 * SHA-256 of the TPM2B_PUBLIC that template L-1 or L-2 gives with this key: what the host may send in
 * another way (attributes, authPolicy, zeros before a coordinate) does not change it. False: OpenSSL
 * failed.
 */
__attribute__((warn_unused_result)) bool credential_ek_digest(EVP_PKEY *ek, uint8_t digest[32]);

/*
 * The attestation key in a TPM2B_PUBLIC: a restricted signing key that was made in its TPM and is
 * fixed there, ECDSA P-256 with SHA-256. `digest` gets SHA-256 of its TPMT_PUBLIC: its Name without
 * the algorithm (part 1, 16). False after `why`.
 */
__attribute__((warn_unused_result)) bool credential_ak(struct cloister_bytes public,
                                                       uint8_t digest[32], const char **why);

/*
 * Wraps the secret for the TPM with key `ek` and an object of the name SHA-256 `ak_digest`.
 * 0 or -EIO: OpenSSL.
 */
__attribute__((warn_unused_result)) int credential_make(EVP_PKEY *ek, const uint8_t ak_digest[32],
                                                        const uint8_t secret[CREDENTIAL_SECRET],
                                                        uint8_t blob[CREDENTIAL_BLOB],
                                                        uint8_t encrypted[CREDENTIAL_ENCRYPTED_MAX],
                                                        size_t *encrypted_size);

#endif
