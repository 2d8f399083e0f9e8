/* SPDX-License-Identifier: MIT */
/* The monitor as a whole: start, control operations, and the guards' questions. */
#ifndef CLOISTER_MONITOR_MONITOR_H
#define CLOISTER_MONITOR_MONITOR_H

#include "core/enclave.h"

/* Once, before the first domain exists. -ENOMEM, -EIO: without the monitor the machine must not
 * run. */
MUST_USE int monitor_init(void);

/* Serves one control operation; `arg` is in the caller's memory. -ERESTART: make the caller call
 * again. */
MUST_USE int monitor_control(uint32_t op, uint64_t arg, bool privileged, bool multicall);

/* May frames [first, first + count) appear in a table outside the monitor? A refusal is traced. */
MUST_USE int monitor_guard(enum cloister_reason rule, uint16_t target, uint64_t first,
                           uint64_t count);
/* The host refused `actor` (NULL: itself) a reference to a frame: traced if the frame is protected. Takes
 * no lock but the actor's, so that it can be called under any of the host's. */
void monitor_reference_refused(struct tenant *actor, frame_t frame);
/* The IOMMU stopped a device of `domain`. */
void monitor_dma_refused(uint16_t domain, uint32_t device, uint64_t address);
/* Traces a refusal of one of the host's own rules. */
void monitor_refused(enum cloister_trace_event event, enum cloister_reason reason, int error,
                     uint16_t target, uint32_t operation, uint64_t address);

#endif
