/* SPDX-License-Identifier: MIT */
/*
 * A simulation of a host: a monitor and a TPM whose keys the tests hold, so that they can say and
 * sign anything. scene_start() makes a host that `scene_policy` accepts; a test changes one thing,
 * then scene_verify().
 */
#ifndef CLOISTER_TEST_ATTEST_SCENE_H
#define CLOISTER_TEST_ATTEST_SCENE_H

#include <openssl/evp.h>
#include <stdbool.h>

#include "cloister/evidence.h"
#include "cloister/verify.h"

/* A closed host's. */
#define SCENE_FLAGS                                                                                \
    (CLOISTER_INFO_SVM | CLOISTER_INFO_IOMMU_STRICT | CLOISTER_INFO_IBPB |                         \
     CLOISTER_INFO_TPM_REQUIRED | CLOISTER_INFO_LOCKDOWN | CLOISTER_INFO_INTREMAP |                \
     CLOISTER_INFO_MOR)
#define SCENE_PCRS 7u /* 0, 2, 4, 7, 8, 9 and the record's */
#define SCENE_PCR_NUMBERS                                                                          \
    {                                                                                              \
        0, 2, 4, 7, 8, 9, CLOISTER_RECORD_PCR                                                      \
    }

/* Where each stands in scene.pcrs. */
enum { SCENE_PCR0, SCENE_PCR2, SCENE_PCR4, SCENE_PCR7, SCENE_PCR8, SCENE_PCR9, SCENE_RECORD_PCR };

enum scene_key { SCENE_ECC, SCENE_RSA };

struct scene {
    enum scene_key kind;
    uint8_t nonce[CLOISTER_NONCE_MAX];
    size_t nonce_size;
    struct cloister_monitor_record record;
    /* The TPM's public area and quote, before they are made into bytes. */
    uint32_t attributes;
    uint16_t key_type, name_algorithm, symmetric, scheme, hash, curve, rsa_bits;
    uint32_t exponent;
    uint32_t magic;
    uint16_t type;
    uint16_t bank;
    uint32_t selection_count;
    uint32_t selected;
    uint8_t extra[64];
    size_t extra_size;
    uint32_t pcr_count;
    struct cloister_pcr pcrs[CLOISTER_EVIDENCE_PCRS];
    uint8_t pcr_digest[32];
    /* The same as bytes. */
    uint8_t attest[1024], signature[1024], key[1024];
    size_t attest_size, signature_size, key_size;
    uint8_t log[8192];
    size_t log_size;
    uint32_t report_count;
    struct cloister_report reports[CLOISTER_EVIDENCE_MAX_REPORTS];
    uint8_t report_forms[CLOISTER_EVIDENCE_MAX_REPORTS];
    /* What is handed over. */
    uint8_t encoded[CLOISTER_EVIDENCE_MAX_SIZE + 4096];
    size_t size;
    /* The verifier's side. */
    char policy[8192];
    uint8_t challenge_nonce[CLOISTER_NONCE_MAX];
    size_t challenge_nonce_size;
    uint8_t enrolled[CLOISTER_DIGEST_SIZE];
    const uint8_t *report_data;
    struct cloister_claims claims;
    struct cloister_refusal refusal;
};

extern struct scene scene;

/* Once, before anything else: the keys. */
void scene_prepare(void);

/*
 * A good host with one enclave's report and a heartbeat, and its policy. Everything below is done.
 */
void scene_start(enum scene_key kind);

/* Do again what follows from changed fields. Each does also what stands below it. */
void scene_record(void);  /* the record's PCR, the reports' record digest */
void scene_reports(void); /* signs the reports, the heartbeat's binding included */
void scene_key(void);     /* the public area, enrolled */
void scene_bind(void);    /* extraData and pcrDigest */
void scene_quote(void);   /* makes the bytes of the quote */
void scene_sign(void);    /* signs them */
void scene_encode(void);  /* the evidence */

/* Signs reports[i] as the monitor. */
void scene_sign_report(uint32_t i);
void scene_evidence(struct cloister_evidence *evidence);
/* Encodes and verifies. */
int scene_verify(void);
/* Verifies what stands in `encoded`. */
int scene_verify_encoded(void);
/* Replaces a text in the policy; it must be there. */
void scene_policy_replace(const char *from, const char *to);
/* Appends an event to a crypto-agile log, which begins with the first. */
void scene_log_event(uint32_t pcr, uint32_t type, const uint8_t digest[32], const char *text);
/* The same with any bytes. */
void scene_log_bytes(uint32_t pcr, uint32_t type, const uint8_t digest[32], const void *data,
                     size_t size);
void scene_sha256(const void *data, size_t size, uint8_t digest[32]);

#endif
