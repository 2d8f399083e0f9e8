/* SPDX-License-Identifier: MIT */
/*
 * What a token says: an Entity Attestation Token (RFC 9711) about a host, its enclaves as submods.
 *
 *   iss, iat, nbf, exp, jti    RFC 7519, 4.1
 *   aud         whom the token is for, where the host asked for one
 *   sub         the host's id
 *   ueid        0x01 || the host's id, 16 bytes       RFC 9711, 4.2.1: RAND
 *   eat_profile CLOISTER_TOKEN_PROFILE                  4.3.2
 *   eat_nonce   the challenge's nonce; where a relying party has one, a list of both
 *   bootcount   the TPM's reset count                   4.2.12
 *   cloister    host: policy, policy_sha256, insecure, boot, attestation_key, record,
 *               monitor_version, monitor_flags, xen_version, boot_id, tpm_reset_count, tpm_restart_count, refusals,
 *               boot_changes; pcrs: {"0": value, ...}, where they were asked for
 *   submods     {"enclave-0": {dbgstat, cloister: {name, measurement, author, family_id, image_id,
 *               image_version, security_version, debug, report_data, domain_uuid, age_ns}}, ...}
 *
 * A relying party that hands something to an enclave looks at `insecure` and the submod; a token
 * without submods says nothing about any enclave.
 */
#ifndef CLOISTER_SERVICE_CLAIMS_H
#define CLOISTER_SERVICE_CLAIMS_H

#include <json-c/json.h>

#include "cloister/verify.h"

#define CLAIMS_LEEWAY_S 60 /* nbf is so much before iat: other clocks are not exact */
#define CLAIMS_ID 16u      /* bytes of a host's id and of jti */

struct claims_frame {
    const char *issuer;
    const char *audience; /* NULL: none */
    uint8_t host[CLAIMS_ID];
    uint8_t token[CLAIMS_ID]; /* jti */
    uint8_t nonce[32];
    struct cloister_bytes relying_nonce; /* that a relying party has given to the host; or none */
    bool pcrs;                           /* they were asked for */
    int64_t now, expires;                /* s */
};

/* To be released by json_object_put(). NULL: no memory. */
/*
 * The same as an EAT Attestation Result (draft-ietf-rats-ear, and AR4SI): what Veraison's and Trustee's
 * clients read. eat_nonce is the relying party's, or the challenge's where there is none.
 */
json_object *claims_build_ear(const struct claims_frame *frame,
                              const struct cloister_claims *claims);
json_object *claims_build(const struct claims_frame *frame, const struct cloister_claims *claims);

#endif
