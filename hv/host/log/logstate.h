/* SPDX-License-Identifier: MIT */
/*
 * The trace log's lines, and what follows from them.
 *
 * ## Canonical form
 *
 * A file of the log is a sequence of lines, each one JSON object and a newline. The bytes as they
 * stand are the canonical form: nothing is parsed and printed again to check it. A line is
 *
 *     BODY ,"hash":"HASH"}
 *
 * (no space between), where HASH = SHA-256(BODY), 64 lower-case hexadecimal digits, and BODY starts
 *
 *     {"index":N,"prev":"HASH of the line before","at":"UTC time","kind":"..."
 *
 * The first line of all has index 0 and a prev of 64 zeros; the index counts over all files. So a
 * line's hash covers its own bytes and, through prev, every byte before it.
 *
 * ## Kinds
 *
 *   open       first line of every file: format, boot, next[]: per CPU the number of the next trace
 *              record to log. The last file alone is therefore enough to know where to continue.
 *   boot       another boot of the host: boot, cpus; every CPU starts at record 0
 *   trace      one trace record: boot, cpu, seq, and its fields by name (record.c)
 *   lost       boot, cpu, seq, count: records seq .. seq+count-1 were overwritten before being read
 *   anchor     a heartbeat of the monitor, behind the records that it signs (cloister/tracelog.h)
 *   recovered  a torn last line was removed: file, torn_bytes, torn_sha256
 *   others     what the daemon itself did or refused: daemon, domain, quota, admission, channel,
 *              counters
 *
 * Per boot and CPU the records seq of trace and lost follow each other without gap or overlap:
 * that is checked, too.
 */
#ifndef CLOISTER_HOST_LOGSTATE_H
#define CLOISTER_HOST_LOGSTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

#define LOG_FORMAT 1u
#define LOG_MAX_CPUS 4096u
#define LOG_MAX_LINE (128u * 1024u)
/* `,"hash":"` + 64 digits + `"}` */
#define LOG_SUFFIX (9u + DIGEST_HEX + 2u)
#define LOG_ZERO_HASH "0000000000000000000000000000000000000000000000000000000000000000"

/* What a reader knows after some line. Start with log_state_initialise. */
struct log_state {
    bool anchored;             /* a line was seen; else any index and prev are accepted */
    bool lenient;              /* believe every intact line wherever it stands (recovery only) */
    uint64_t index;            /* of the next line */
    char head[DIGEST_HEX + 1]; /* hash of the last line */
    bool booted;               /* the fields below are known */
    uint64_t boot_id;
    unsigned int cpus;
    uint64_t next[LOG_MAX_CPUS]; /* per CPU: number of the next record to log */
    uint64_t traces, lost;       /* records logged and lost, as far as this reader saw */
};

/* The state before the first line of a new log (anchored), or before an unknown line (not). */
void log_state_initialise(struct log_state *state, bool anchored);

/*
 * Checks `line` (without its newline) and moves the state behind it. Returns NULL, or what is wrong
 * with it, until the thread's next call; the state is unchanged then.
 */
const char *log_state_apply(struct log_state *state, const char *line, size_t size);

/* Is this a line whose own hash is right? Says nothing about its place in the chain. */
bool log_line_intact(const char *line, size_t size);

/* Another boot, or rings whose numbers the log does not know. */
void log_state_boot(struct log_state *state, uint64_t boot_id, unsigned int cpus);

#endif
