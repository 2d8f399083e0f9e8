/* SPDX-License-Identifier: MIT */
/* Reports: what the monitor says about an enclave, or about itself, signed (cloister/report.h). */
#ifndef CLOISTER_MONITOR_REPORT_H
#define CLOISTER_MONITOR_REPORT_H

#include "core/enclave.h"
#include "vault/identity.h"

/*
 * CLOISTER_ENCLAVE_REPORT of a thread that is inside: `buffer` is in a page of the enclave's own, where its other
 * threads can change it. Returns what the enclave gets in RAX, with the reason of a refusal; -ERESTART: call again.
 */
MUST_USE int report_enclave(const struct thread *thread, void *buffer,
                            enum cloister_reason *reason);

/* The operations of abi.h, with their errors. */
MUST_USE int report_record(struct cloister_record *op);
MUST_USE int report_heartbeat(struct cloister_heartbeat *op);

/* The way down: no half-made signature stays. */
void report_wipe(void);

#endif
