/* SPDX-License-Identifier: MIT */
/*
 * The daemon's socket, for root only: one JSON object per line each way.
 *
 *   {"command":"status"}                              -> {"ok":true, ...}
 *   {"command":"domains"}
 *   {"command":"enclaves"[,"domain":"NAME"]}
 *   {"command":"quota","domain":"NAME"[,"frames":N | "default":true]}
 *   {"command":"destroy","enclave":N}
 *   {"command":"tpm"}
 *   {"command":"activate","credential_blob":BASE64,"encrypted_secret":BASE64}
 *   {"command":"evidence","nonce":HEX[,"reports":[BASE64, ...]]}
 *   {"command":"heartbeat","nonce":HEX}
 *   {"command":"trace"[,"lines":N][,"follow":true]}   -> {"ok":true}, then the log's lines as they
 *                                                        stand; then the end, unless following
 *
 * Those from "tpm" to "heartbeat" are explained in attestation.h. An answer that needs the TPM takes its
 * time; the client's next request waits for it, nobody else's does.
 *
 * A refusal is {"ok":false,"error":"EPERM","message":"..."}. Main thread only.
 */
#ifndef CLOISTER_HOST_CONTROL_H
#define CLOISTER_HOST_CONTROL_H

#include "settings/config.h"
#include "monitor/hypercall.h"

__attribute__((warn_unused_result)) int control_initialise(const struct config *config,
                                                           struct hypercalls *monitor, char *why,
                                                           size_t why_size);
void control_finalise(void);

#endif
