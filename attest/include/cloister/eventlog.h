/* SPDX-License-Identifier: MIT */
/*
 * The firmware's event log, as far as a verifier needs it: which digests were extended into which
 * PCR.
 *
 * The format is the TCG PC Client crypto-agile log (Platform Firmware Profile 1.05, 10.2): one
 * event in the old format that names the digest algorithms, then TCG_PCR_EVENT2 events. Only the
 * SHA-256 bank is looked at. An event may lack the digests of other banks, as on machines that have
 * banks switched off; one that is extended without a SHA-256 digest makes the log malformed. Only
 * digests are extended: descriptions, event types and other banks' digests are covered by no quote,
 * prove nothing, and may be another's words.
 *
 * ## Judged by content
 *
 * PCRs 1 and 5 differ from machine to machine, and change with a memory module, a disk, a boot entry,
 * so that no policy can fix them for all machines. Of what stands in them, this matters: what the
 * firmware starts before the boot loader, and the options that it hands to Xen's unified image.
 * cloister_log_judge() looks for it.
 *
 * What that is worth: an event's type is nobody's signature, so who hands over a log can call an event
 * another name, and it is not found. A driver or program that was started is in PCR 2 or 4 all the
 * same, under its own digest, whatever the log calls it: a boot configuration that has both refuses
 * it. The log says it in words, also where PCR 2 is not looked at. Options of a boot entry stand in
 * PCR 1 alone: where they must be sure, a boot configuration has PCR 1.
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
    const char *wrong; /* what is wrong there: a static text */
    uint8_t locality;  /* of TPM2_Startup, which PCR 0 starts with; 0 unless the log says another */
};

/* 0, -EBADMSG, or -EIO if OpenSSL fails. */
__attribute__((warn_unused_result)) int cloister_log_replay(struct cloister_bytes bytes,
                                                            struct cloister_replay *replay);

/* What there is to be found, X(KIND, "meaning"). */
#define CLOISTER_LOG_FINDINGS(X)                                                                   \
    X(VARIABLE,                                                                                    \
      "a variable that has the firmware start a driver or program before the boot loader")         \
    X(DRIVER, "a driver that the firmware took from a disk or the network")                        \
    X(OPTIONS, "a boot entry that hands options to what it starts")                                \
    X(WORDS, "a boot variable whose words are not what was measured")                              \
    X(FORM, "an event whose data does not have the form of its type")

#define CLOISTER_FINDING_ENUM(kind, text) CLOISTER_FINDING_##kind,
enum cloister_log_finding_kind { CLOISTER_LOG_FINDINGS(CLOISTER_FINDING_ENUM) };
#undef CLOISTER_FINDING_ENUM

struct cloister_log_finding {
    enum cloister_log_finding_kind kind;
    const char *meaning; /* above */
    uint32_t event;      /* counted from 0, the log's first */
    uint32_t pcr;
    char said[96]; /* the variable's name, or the driver's path; printable, perhaps cut off */
};

/*
 * The first event that has a driver or program started before the boot loader, or, with `options`, is
 * a boot entry with options (VARIABLE: Driver####, DriverOrder, SysPrep####, SysPrepOrder with a
 * value, whatever the event's type; DRIVER: an image of EV_EFI_BOOT_SERVICES_DRIVER or
 * EV_EFI_RUNTIME_SERVICES_DRIVER whose device path has a disk, a file or a URI; OPTIONS: Boot#### with
 * optional data, but for what EDK2 marks as its own and hands over to nobody). Events of the types
 * EV_EFI_VARIABLE_BOOT and EV_EFI_VARIABLE_BOOT2 must be variables (else FORM) whose SHA-256 is the
 * event's digest, by value or as a whole (else WORDS).
 *
 * 1: *finding is that event; 0: there is none; -EBADMSG: the log is malformed; -EIO if OpenSSL fails.
 */
__attribute__((warn_unused_result)) int
cloister_log_judge(struct cloister_bytes bytes, bool options, struct cloister_log_finding *finding);

#endif
