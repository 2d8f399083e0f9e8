/* SPDX-License-Identifier: MIT */
/*
 * What cloisterd asks of cloister-tpm: one JSON object on its standard input, one on a line of its
 * own as the last thing on its standard output. Before that, lines "command NAME" (chip.h).
 *
 *   "tpm": as tpm2-tss names it; "key_handle": number, 0: none; "command", and with it:
 *
 *   identity                                    -> ek_public, ek_certificate (or null), ak_public
 *   evidence: nonce (hex), record (base64), reports ([base64]), event_log (a path or null)
 *                                               -> evidence, key (hex: SHA-256 of its TPMT_PUBLIC)
 *   activate: credential_blob, encrypted_secret -> secret
 *   counters: index (number), extend, expected   -> value, nonce_tpm, hmac
 *     asks back {"question": {"nonce_tpm"}} on a line of its own, and reads the line nonce_caller, space, hmac
 *     (base64) from descriptor 3
 *
 * ek_public and ak_public are TPM2B_PUBLIC, ek_certificate is DER with those of CAs behind it, credential_blob is a
 * TPM2B_ID_OBJECT, encrypted_secret a TPM2B_ENCRYPTED_SECRET, secret what was hidden in them; bytes are base64. extend to
 * hmac are 32 bytes each: cloister/abi.h, "Counters over power failures". An answer also has
 * "ok", and may have "warning"; where "ok" is false: "error" (an errno's name), "message".
 */
#ifndef CLOISTER_HOST_TPM_JOBS_H
#define CLOISTER_HOST_TPM_JOBS_H

#include <json-c/json.h>

#include "tpm/chip.h"

/* Each fills `answer`; 0, or a negative errno with chip->why. */
typedef int job(struct chip *chip, json_object *request, json_object *answer);
job job_identity;
job job_evidence;
job job_activate;
job job_counters;

/* The text at `key` of a request; NULL and chip->why: there is none. */
const char *job_text(struct chip *chip, json_object *request, const char *key);
/* The base64 at `key` as bytes. 0 or -EINVAL. */
__attribute__((warn_unused_result)) int job_bytes(struct chip *chip, json_object *request,
                                                  const char *key, uint8_t *data, size_t capacity,
                                                  size_t *size);

#endif
