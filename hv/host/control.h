/* SPDX-License-Identifier: MIT */
/*
 * The daemon's socket, for root only: one JSON object per line each way.
 *
 *   {"command":"status"}                              -> {"ok":true, ...}
 *   {"command":"domains"}
 *   {"command":"enclaves"[,"domain":"NAME"]}
 *   {"command":"quota","domain":"NAME"[,"frames":N | "default":true]}
 *   {"command":"destroy","enclave":N}
 *   {"command":"trace"[,"lines":N][,"follow":true]}   -> {"ok":true}, then the log's lines as they
 *                                                        stand; then the end, unless following
 *
 * A refusal is {"ok":false,"error":"EPERM","message":"..."}. Main thread only.
 */
#ifndef CLOISTER_HOST_CONTROL_H
#define CLOISTER_HOST_CONTROL_H

#include "config.h"
#include "hypercall.h"

__attribute__((warn_unused_result)) int control_initialise(const struct config *config,
                                                           struct hypercalls *monitor, char *why,
                                                           size_t why_size);
void control_finalise(void);

#endif
