/* SPDX-License-Identifier: MIT */
/*
 * A trace log (cloister-log(5)) as evidence: are its records those that the monitor wrote?
 *
 * The host keeps the log, and could write it anew. Two things it cannot make: the monitor's running hash over
 * all records of a boot (cloister/trace.h), and the signature under a heartbeat that has it. A line of kind
 * `anchor` holds such a heartbeat. Between two anchors, or the boot and the first, every record is there,
 * in its order and as the monitor wrote it, or the second does not fit.
 *
 * What this does not say: that the lines which are no records are true (the host's daemon wrote them), that
 * the log goes on to now (only a heartbeat which the host was just asked for says that:
 * cloister_tracelog_await), or, without cloister_tracelog_trust, that the anchors are a monitor's.
 */
#ifndef CLOISTER_TRACELOG_H
#define CLOISTER_TRACELOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloister/report.h"
#include "cloister/trace.h"

struct cloister_tracelog;

/* What the awaited heartbeat says about the log. */
enum cloister_tracelog_outcome {
    CLOISTER_TRACELOG_NOT_REACHED, /* the log ends before its records do: cut short, or not written yet */
    CLOISTER_TRACELOG_MATCHES, /* all its records that the log has are as the monitor wrote them */
    CLOISTER_TRACELOG_DIFFERS, /* they are not */
    CLOISTER_TRACELOG_UNKNOWN, /* records are missing before it, with no anchor behind them */
};

/* Numbers are over all boots in the log, except where it says otherwise. */
struct cloister_tracelog_summary {
    uint64_t records;  /* lines of kind trace */
    uint64_t anchored; /* of these, what an anchor or the awaited heartbeat vouches for */
    /* and what stands behind the last anchor of the last boot: a later one will */
    uint64_t waiting;
    uint64_t missing; /* records that there were and that have no line: lost, or taken out */
    uint64_t anchors;
    uint64_t boot_id; /* the last boot; 0: no line names one */
    /* of the last boot: the order of the first record that the log has, or could have */
    uint64_t first;
    uint64_t next;       /* of the last boot: the order of the record that would follow */
    bool has_monitor;    /* of the last boot: an anchor names its monitor's record */
    uint8_t monitor[32]; /* its SHA-256 */
    enum cloister_tracelog_outcome awaited;
};

/* NULL: no memory, or OpenSSL lacks an algorithm. */
struct cloister_tracelog *cloister_tracelog_new(void);
void cloister_tracelog_free(struct cloister_tracelog *log);

/* Anchors of the boot `boot_id` must be of the monitor record with this SHA-256. Before the first line. */
void cloister_tracelog_trust(struct cloister_tracelog *log, uint64_t boot_id,
                             const uint8_t record[32]);
/* What does this heartbeat, whose signature has been verified, say about the log? Before the first line. */
void cloister_tracelog_await(struct cloister_tracelog *log, uint64_t boot_id,
                             const struct cloister_report *heartbeat);

/*
 * The log's next line, without its newline; lines of other kinds than boot, trace and anchor say nothing here.
 * NULL, or what is wrong with it; the log is as before then.
 */
__attribute__((warn_unused_result)) const char *
cloister_tracelog_line(struct cloister_tracelog *log, const char *line, size_t size);

/* The record that the last line was, NULL if it was none. Its order is UINT64_MAX if the line has none. */
const struct cloister_trace_record *cloister_tracelog_record(const struct cloister_tracelog *log);

struct cloister_tracelog_summary cloister_tracelog_summary(const struct cloister_tracelog *log);

#endif
