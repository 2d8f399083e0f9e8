/* SPDX-License-Identifier: MIT */
/*
 * The firmware's event log, as far as a verifier needs it: which digests were extended into which
 * PCR.
 *
 * The format is the TCG PC Client crypto-agile log (Platform Firmware Profile 1.05, 10.2): one
 * event in the old format that names the digest algorithms, then TCG_PCR_EVENT2 events. Only the
 * SHA-256 bank is looked at; an event without a SHA-256 digest makes the log malformed. Only
 * digests are extended: descriptions, event types and other banks' digests are covered by no quote,
 * prove nothing, and may be another's words.
 */
#ifndef CLOISTER_EVENTLOG_H
#define CLOISTER_EVENTLOG_H

#include <stdbool.h>

#include "cloister/evidence.h"

#define CLOISTER_LOG_ALGORITHMS 8u /* digest algorithms in one log, at most */

struct cloister_log_event {
    uint32_t pcr;
    uint32_t type; /* EV_*: the profile, 10.4.1 */
    uint8_t digest[32];
    bool extended;              /* false for EV_NO_ACTION */
    struct cloister_bytes data; /* what the firmware or boot loader says it is */
};

/* A position in a log. */
struct cloister_log {
    struct cloister_bytes rest;
    size_t offset;     /* of the next event */
    uint32_t events;   /* taken so far */
    const char *wrong; /* after -EBADMSG: what is wrong there */
    uint32_t algorithm_count;
    struct {
        uint16_t algorithm; /* TPM_ALG_ID */
        uint16_t size;
    } algorithms[CLOISTER_LOG_ALGORITHMS];
};

/* The log stays the caller's. 0, or -EBADMSG: it does not start as such a log does. */
__attribute__((warn_unused_result)) int cloister_log_begin(struct cloister_log *log,
                                                           struct cloister_bytes bytes);
/* 1: *event is the next one; 0: the end; -EBADMSG. */
__attribute__((warn_unused_result)) int cloister_log_next(struct cloister_log *log,
                                                          struct cloister_log_event *event);

/* What the PCRs are after all events. */
struct cloister_replay {
    uint8_t pcrs[CLOISTER_EVIDENCE_PCRS][32];
    uint32_t events;
    size_t offset;     /* of the malformed event, after -EBADMSG */
    const char *wrong; /* what is wrong there */
};

/* 0, -EBADMSG, or -EIO if OpenSSL fails. */
__attribute__((warn_unused_result)) int cloister_log_replay(struct cloister_bytes bytes,
                                                            struct cloister_replay *replay);

#endif
