/* SPDX-License-Identifier: MIT */
/*
 * The monitor's identity: a P-256 key that is made at each boot and never leaves the monitor, the
 * monitor record that says what the key stands for, and the PCR that vouches for the record
 * (cloister/report.h).
 *
 * Everything here is written once, by monitor_init(), before the first domain exists, and only read
 * after: there is no lock.
 */
#ifndef CLOISTER_MONITOR_IDENTITY_H
#define CLOISTER_MONITOR_IDENTITY_H

#include <cloister/report.h>

#include "core/p256.h"

#define IDENTITY_DIGEST_SIZE 32u

/* How it went, for whoever tells the operator. */
struct identity_status {
    enum cloister_reason reason; /* as in struct cloister_info */
    int error;                   /* of the TPM; 0: none */
    uint32_t tpm_code;           /* TPM_FAILED: its last response code */
    bool tpm_started;            /* the firmware had not sent TPM2_Startup */
    bool pcr_used;               /* the PCR was not zero: no verifier will accept the record */
};

/* Makes the key and the record, and extends the PCR. Without entropy there is no identity. Secret (host.h). */
void identity_init(void);
const struct identity_status *identity_status(void);

/* The record and its SHA-256; NULL: there is no identity. */
const struct cloister_monitor_record *identity_record(void);
const uint8_t *identity_record_digest(void);

/*
 * A step of filling report->signature (cloister/report.h, "What is signed"). 0: it is there; -EAGAIN: it is not yet.
 * Needs an identity. Secret, as is the job.
 */
MUST_USE int identity_sign_step(struct cloister_report *report, struct p256_job *job);

/* The way down: there is no identity any more. */
void identity_wipe(void);

#ifdef CLOISTER_TEST
/* CLOISTER_TEST_SECRETS. */
void identity_test_secret(uint8_t inverted[32]);
/* 32 bytes of secrets that tests look for where they must not be; so in seal.h and counters.h. */
const uint8_t *identity_test_key(void);
#endif

#endif
