/* SPDX-License-Identifier: MIT */
/*
 * Writing the trace (cloister/trace.h): per-CPU rings, and a rate limit for what a guest can
 * provoke.
 *
 * Locking: each ring has its own leaf lock, because a record can be written with interrupts on.
 */
#ifndef CLOISTER_MONITOR_TRACE_H
#define CLOISTER_MONITOR_TRACE_H

#include "host.h"

/* How many records a domain may still write in this second, and how many it was denied. */
struct trace_budget {
    uint64_t second;     /* since boot, counted from 1 */
    uint32_t left;
    uint64_t refusals;   /* since the domain came */
    uint64_t suppressed; /* of those, not written */
    uint64_t unreported; /* records of any kind not written since the last one that was */
};

/* -ENOMEM, -EIO (no randomness for the boot id). */
MUST_USE int trace_init(void);
uint64_t trace_boot_id(void);
uint64_t trace_refusals(void);
uint64_t trace_suppressed(void);

/* A record with all fields that have a "none" set to it, and the actor filled in. */
struct cloister_trace_record trace_record(enum cloister_trace_event event);
/* Writes it on this CPU. With a budget (the actor's own, under its lock), at its rate; without,
 * always. */
void trace_write(struct cloister_trace_record *record, struct trace_budget *budget);

#endif
