/* SPDX-License-Identifier: MIT */
/* One verification, and its steps: the numbered list in cloister/verify.h. */
#ifndef CLOISTER_VERIFY_VERIFICATION_H
#define CLOISTER_VERIFY_VERIFICATION_H

#include "verify/crypto.h"
#include "verify/policy.h"
#include "verify/tpm.h"

struct verification {
    struct crypto *crypto;
    const struct cloister_policy *policy;
    const struct cloister_challenge *challenge;
    struct cloister_bytes encoded;
    struct cloister_claims *claims;
    struct cloister_refusal *refusal; /* or NULL */
    /* What steps found out, for those after them. */
    struct cloister_evidence evidence;
    uint8_t record[CLOISTER_DIGEST_SIZE];  /* SHA-256 of the record */
    uint8_t binding[CLOISTER_DIGEST_SIZE]; /* of the challenge and this record */
    struct tpm_key key;
    struct tpm_quote quote;
};

/* Each returns 0, -EACCES after having said why, or -EIO. */
typedef int verification_step(struct verification *v);

verification_step step_decode;           /*  1: step_evidence.c */
verification_step step_nonce;            /*  2 */
verification_step step_record;           /*  3 */
verification_step step_key;              /*  4: step_quote.c */
verification_step step_signature;        /*  5 */
verification_step step_quote;            /*  6 */
verification_step step_pcrs;             /*  7 */
verification_step step_binding;          /*  8: step_boot.c */
verification_step step_log;              /*  9: step_log.c */
verification_step step_boot;             /* 10: step_boot.c */
verification_step step_monitor;          /* 11: step_monitor.c */
verification_step step_report;           /* 12: step_report.c */
verification_step step_report_signature; /* 13 */
verification_step step_report_flags;     /* 14 */
verification_step step_enclave;          /* 15: step_enclave.c */
verification_step step_freshness;        /* 16 */

/*
 * Is there nothing to be found in a log that was replayed (cloister_log_judge)? `code` says that there
 * is. 0, -EACCES or -EIO.
 */
__attribute__((warn_unused_result)) int judge_log(struct verification *v, bool options,
                                                  enum cloister_refusal_code code);

/* Does the policy accept these flags (step 11 and 14)? `what` names them. */
__attribute__((warn_unused_result)) int accept_flags(struct verification *v, uint32_t flags,
                                                     enum cloister_refusal_code code,
                                                     const char *what);

/* Did this key sign the report? 0, -EACCES or -EIO; says nothing. */
__attribute__((warn_unused_result)) int report_verify(struct crypto *crypto,
                                                      const struct cloister_report *report,
                                                      const uint8_t monitor_key[64]);

/* Is it a heartbeat whose report data is this binding (evidence.h)? */
bool heartbeat_answers(const struct cloister_report *report,
                       const uint8_t binding[CLOISTER_DIGEST_SIZE]);

bool all_zero(const void *bytes, size_t size);

/* The quoted value, or NULL. */
const uint8_t *quoted_pcr(const struct cloister_evidence *evidence, uint32_t index);

#endif
