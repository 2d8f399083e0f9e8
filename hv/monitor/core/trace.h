/* SPDX-License-Identifier: MIT */
/*
 * Writing the trace (cloister/trace.h): per-CPU rings, the running hash, and a rate limit for what a
 * guest can provoke.
 *
 * Locking: one leaf lock for all rings, because the hash goes over all of them. It is held for one
 * SHA-256 of 160 bytes (three blocks), so that a CPU waits for as many of these as there are others. It
 * may be taken under any lock, and nothing that writes a record runs in an interrupt.
 */
#ifndef CLOISTER_MONITOR_TRACE_H
#define CLOISTER_MONITOR_TRACE_H

#include "core/host.h"

/* How many records a domain may still write, and how many it was denied. All 0: a new domain. */
struct trace_budget {
    uint64_t second; /* since boot, counted from 1: `left` is as of this one */
    uint32_t left;
    uint64_t refusals;   /* since the domain came */
    uint64_t suppressed; /* of those, not written */
    uint64_t unreported; /* records of any kind not written since the last one that was */
};

/* The running hash over all records so far, how many they are, and how many refusals have none. */
struct trace_anchor {
    uint8_t head[32];
    uint64_t records;
    uint64_t suppressed;
};

/* -ENOMEM, -EIO (no randomness for the boot id). */
MUST_USE int trace_init(void);
uint64_t trace_boot_id(void);
uint64_t trace_refusals(void);
/* All three of one moment; the records are in the rings. */
struct trace_anchor trace_anchor(void);

/* A record with all fields that have a "none" set to it, and the actor filled in. */
struct cloister_trace_record trace_record(enum cloister_trace_event event);
/* Writes it on this CPU. With a budget (the actor's own, under its lock), at its rate; without,
 * always. */
void trace_write(struct cloister_trace_record *record, struct trace_budget *budget);

#endif
