/* SPDX-License-Identifier: MIT */
/*
 * What the host proves about itself: the commands of the socket (control.h) that the monitor's
 * identity or the TPM answer. Bytes are base64, nonces hexadecimal, 16 to 64 bytes. "Evidence" is
 * cloister/evidence.h's.
 *
 *   tpm        -> ek_public, ak_public (TPM2B_PUBLIC), ek_certificate (DER, CAs' behind it; or null): what a
 *                 service needs to enrol this host
 *   activate   -> secret: what that service hid in credential_blob (TPM2B_ID_OBJECT) and
 *                 encrypted_secret (TPM2B_ENCRYPTED_SECRET)
 *   evidence   -> evidence: quote, monitor record, event log if the kernel has one, up to 15
 *                 reports, and a heartbeat of the same challenge behind them; key: SHA-256 of the
 *                 attestation key's TPMT_PUBLIC
 *   heartbeat  -> report: signed by the monitor now; for cloister_verify_heartbeat()
 *
 * Main thread only.
 */
#ifndef CLOISTER_HOST_ATTESTATION_H
#define CLOISTER_HOST_ATTESTATION_H

#include <stdbool.h>

#include "proof/helper.h"
#include "monitor/hypercall.h"

/* Both must stay. */
void attestation_initialise(const struct config *config, struct hypercalls *monitor);
void attestation_finalise(void);

/* Is this command one of ours? */
bool attestation_serves(const char *command);

/* The answer to `request`, to be released. NULL: `done` gets it later, unless
 * helper_forget(context). */
json_object *attestation_answer(const char *command, json_object *request, helper_done *done,
                                void *context);

#endif
