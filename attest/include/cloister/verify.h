/* SPDX-License-Identifier: MIT */
/*
 * libcloister-verify: evidence and a policy in, claims or the first broken link out.
 *
 * ## The steps
 *
 * cloister_verify() takes these steps in this order and stops at the first that fails. Each is one
 * function.
 *
 *    1  decode     the evidence is the one encoding of what evidence.h describes, within its limits
 *    2  nonce      it answers this challenge
 *    3  record     the monitor record has a known form: magic, version, size, known flags, zeros
 *                  elsewhere
 *    4  key        the TPM key is an attestation key: a restricted signing key that was made in its
 *                  TPM and cannot leave it (fixedTPM, fixedParent, sensitiveDataOrigin), ECDSA
 *                  P-256 or RSASSA 2048, SHA-256; and it is one that the policy accepts
 *    5  signature  that key signed the quote
 *    6  quote      what is signed was made by a TPM (TPM_GENERATED), is a quote, and its extraData
 *                  is the challenge's binding: SHA-256(nonce || SHA-256(record))
 *    7  pcrs       it covers exactly the PCRs listed, in the SHA-256 bank, and its pcrDigest is
 *                  their hash
 *    8  binding    the record's PCR is the policy's, was quoted, and is SHA-256(0^32 ||
 *                  SHA-256(record)): it was extended once, with this record
 *    9  log        the event log, if there is one, replays to the quoted values, and does not tell of
 *                  a driver or program that was started before the boot loader
 *   10  boot       the quoted values are those of a boot configuration that the policy accepts; of a
 *                  unified image the event log, if there is one, tells of no options
 *   11  monitor    version and flags of the monitor, Xen's version and the table of what dom0 may are
 *                  accepted
 *   12  report     each report has a known form, belongs to this record, and occurs once
 *   13  report-signature  each report is signed by the record's key
 *   14  report-flags      the monitor's flags when it signed are accepted, too
 *   15  enclave    each enclave is one that the policy accepts; none is a debug enclave
 *   16  freshness  each enclave's report is as young as policy and challenge ask
 *
 * ## Threads and memory
 *
 * A policy never changes and can be shared. A verifier holds what is worth keeping between
 * verifications (cryptographic contexts, work space); each thread needs its own. There are no
 * globals. Apart from OpenSSL nothing allocates during a verification.
 */
#ifndef CLOISTER_VERIFY_H
#define CLOISTER_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloister/evidence.h"
#include "cloister/report.h"

#define CLOISTER_DIGEST_SIZE 32u /* SHA-256 */
#define CLOISTER_POLICY_MAX_SIZE (1024u * 1024u)
#define CLOISTER_NAME_SIZE 64u /* of a boot configuration or enclave in a policy, with its zero */

enum cloister_step {
    CLOISTER_STEP_DECODE = 1,
    CLOISTER_STEP_NONCE = 2,
    CLOISTER_STEP_RECORD = 3,
    CLOISTER_STEP_KEY = 4,
    CLOISTER_STEP_SIGNATURE = 5,
    CLOISTER_STEP_QUOTE = 6,
    CLOISTER_STEP_PCRS = 7,
    CLOISTER_STEP_BINDING = 8,
    CLOISTER_STEP_LOG = 9,
    CLOISTER_STEP_BOOT = 10,
    CLOISTER_STEP_MONITOR = 11,
    CLOISTER_STEP_REPORT = 12,
    CLOISTER_STEP_REPORT_SIGNATURE = 13,
    CLOISTER_STEP_REPORT_FLAGS = 14,
    CLOISTER_STEP_ENCLAVE = 15,
    CLOISTER_STEP_FRESHNESS = 16,
};

/*
 * Why evidence is refused: the step, the code, its name, and what it means.
 */
#define CLOISTER_REFUSALS(X)                                                                       \
    X(DECODE, TOO_LARGE, "too-large", "the evidence, or an item of it, is larger than allowed")    \
    X(DECODE, TRUNCATED, "truncated", "the evidence ends in the middle of an item")                \
    X(DECODE, TRAILING_BYTES, "trailing-bytes", "bytes follow the evidence")                       \
    X(DECODE, NOT_DETERMINISTIC, "not-deterministic",                                              \
      "a head is not the shortest, or a length is indefinite")                                     \
    X(DECODE, BAD_TYPE, "bad-type", "an item has another type than evidence.h says")               \
    X(DECODE, BAD_SIZE, "bad-size",                                                                \
      "an item has another size, or number of elements, than allowed")                             \
    X(DECODE, BAD_KEY, "bad-key",                                                                  \
      "a map's key is unknown, repeated, out of order, or one is missing")                         \
    X(DECODE, BAD_VALUE, "bad-value", "a value is not among those that are possible")              \
    X(NONCE, NONCE_DIFFERS, "nonce-differs", "the evidence answers another challenge")             \
    X(RECORD, RECORD_UNKNOWN, "record-unknown", "the monitor record has a form that is not known") \
    X(RECORD, RECORD_FLAGS, "record-flags", "the monitor record has flags that are not known")     \
    X(KEY, NO_QUOTE, "no-quote", "the host has no TPM, or gave no quote")                          \
    X(KEY, KEY_MALFORMED, "key-malformed", "the TPM key's public area cannot be read")             \
    X(KEY, KEY_ALGORITHM, "key-algorithm",                                                         \
      "the TPM key is neither ECDSA P-256 nor RSASSA 2048, with SHA-256")                          \
    X(KEY, KEY_ATTRIBUTES, "key-attributes", "the TPM key is no attestation key")                  \
    X(KEY, KEY_NOT_ACCEPTED, "key-not-accepted", "the TPM key is not one that the policy accepts") \
    X(SIGNATURE, SIGNATURE_MALFORMED, "signature-malformed",                                       \
      "the quote's signature cannot be read")                                                      \
    X(SIGNATURE, SIGNATURE_ALGORITHM, "signature-algorithm",                                       \
      "the quote's signature is not of the key's scheme")                                          \
    X(SIGNATURE, SIGNATURE_WRONG, "signature-wrong", "the quote is not signed by the TPM key")     \
    X(QUOTE, QUOTE_MALFORMED, "quote-malformed", "what the TPM signed cannot be read")             \
    X(QUOTE, QUOTE_NOT_BY_TPM, "quote-not-by-tpm",                                                 \
      "what is signed does not start with TPM_GENERATED")                                          \
    X(QUOTE, QUOTE_TYPE, "quote-type", "what the TPM signed is no quote")                          \
    X(QUOTE, QUOTE_CHALLENGE, "quote-challenge",                                                   \
      "the quote is for another challenge or another record")                                      \
    X(QUOTE, QUOTE_BANK, "quote-bank", "the quote covers another bank than SHA-256, or several")   \
    X(PCRS, PCR_SELECTION, "pcr-selection", "the quote covers other PCRs than those listed")       \
    X(PCRS, PCR_DIGEST, "pcr-digest", "the PCR values listed are not those quoted")                \
    X(BINDING, RECORD_PCR, "record-pcr", "the record is bound to another PCR than the policy's")   \
    X(BINDING, RECORD_PCR_NOT_QUOTED, "record-pcr-not-quoted",                                     \
      "the quote does not cover the record's PCR")                                                 \
    X(BINDING, RECORD_NOT_MEASURED, "record-not-measured",                                         \
      "the record's PCR was not extended with this record only")                                   \
    X(LOG, LOG_MISSING, "log-missing", "the policy requires an event log")                         \
    X(LOG, LOG_MALFORMED, "log-malformed", "the event log cannot be read")                         \
    X(LOG, LOG_DIFFERS, "log-differs", "the event log does not replay to the quoted values")       \
    X(LOG, LOG_WORDS, "log-words",                                                                 \
      "a boot variable in the event log has other words than what was measured")                   \
    X(LOG, LOG_DRIVER, "log-driver",                                                               \
      "the firmware starts a driver or program before the boot loader")                            \
    X(BOOT, BOOT_NOT_ACCEPTED, "boot-not-accepted",                                                \
      "no boot configuration of the policy has these PCR values")                                  \
    X(BOOT, BOOT_OPTIONS, "boot-options", "the firmware hands options to the unified image")       \
    X(MONITOR, MONITOR_VERSION, "monitor-version", "the monitor is older than the policy accepts") \
    X(MONITOR, XEN_VERSION, "xen-version",                                                         \
      "Xen is older than the policy accepts, or of a series that it does not name")                \
    X(MONITOR, MONITOR_FLAGS, "monitor-flags",                                                     \
      "the monitor runs in a way that the policy does not accept")                                 \
    X(MONITOR, LOCKDOWN_TABLE, "lockdown-table",                                                   \
      "what dom0 may is none of the tables that the policy accepts")                               \
    X(REPORT, REPORT_UNKNOWN, "report-unknown", "a report has a form that is not known")           \
    X(REPORT, REPORT_RECORD, "report-record", "a report belongs to another monitor record")        \
    X(REPORT, REPORT_REPEATED, "report-repeated", "a report occurs twice")                         \
    X(REPORT_SIGNATURE, REPORT_SIGNATURE_WRONG, "report-signature-wrong",                          \
      "a report is not signed by the record's key")                                                \
    X(REPORT_FLAGS, REPORT_FLAGS, "report-flags",                                                  \
      "when the report was signed, the monitor ran in a way that the policy does not accept")      \
    X(ENCLAVE, ENCLAVE_MISSING, "enclave-missing",                                                 \
      "no enclave's report, and the policy is not for hosts alone")                                \
    X(ENCLAVE, ENCLAVE_DEBUG, "enclave-debug", "a debug enclave")                                  \
    X(ENCLAVE, ENCLAVE_NOT_ACCEPTED, "enclave-not-accepted",                                       \
      "the enclave is none of those that the policy accepts")                                      \
    X(ENCLAVE, ENCLAVE_SECURITY_VERSION, "enclave-security-version",                               \
      "the enclave's security version is too low")                                                 \
    X(FRESHNESS, HEARTBEAT_DIFFERS, "heartbeat-differs",                                           \
      "this is no heartbeat, or one for another challenge")                                        \
    X(FRESHNESS, REPORT_DATA_DIFFERS, "report-data-differs",                                       \
      "the enclave's report carries other data than expected")                                     \
    X(FRESHNESS, AGE_UNKNOWN, "age-unknown", "nothing says how old the enclave's report is")       \
    X(FRESHNESS, TOO_OLD, "too-old", "the enclave's report is older than the policy allows")       \
    X(FRESHNESS, HEARTBEAT_OLD, "heartbeat-old",                                                   \
      "the heartbeat is not later than one that is known already")                                 \
    X(FRESHNESS, TRACE_CONTRADICTS, "trace-contradicts",                                           \
      "an earlier heartbeat said of the monitor's trace what this one excludes")                   \
    X(FRESHNESS, TRACE_DIFFERS, "trace-differs",                                                   \
      "the log's records are not those that the monitor wrote")                                    \
    X(FRESHNESS, TRACE_SHORT, "trace-short",                                                       \
      "the log ends before the records that the heartbeat signs: cut short, or not yet written")   \
    X(FRESHNESS, TRACE_UNKNOWN, "trace-unknown",                                                   \
      "records are missing from the log, so that nothing can be said about those behind them")

enum cloister_refusal_code {
    CLOISTER_ACCEPTED = 0,
#define CLOISTER_REFUSAL_ENUM(step, code, name, text) CLOISTER_REFUSED_##code,
    CLOISTER_REFUSALS(CLOISTER_REFUSAL_ENUM)
#undef CLOISTER_REFUSAL_ENUM
};

/*
 * The first broken link. Texts are ASCII without control characters, whatever the evidence holds.
 */
struct cloister_refusal {
    enum cloister_step step;
    enum cloister_refusal_code code;
    char what[96];      /* the item: "PCR 9", "reports[1].measurement" */
    char expected[256]; /* bytes in lower-case hexadecimal */
    char found[256];
};

const char *cloister_step_name(enum cloister_step step);            /* "report-signature" */
const char *cloister_refusal_name(enum cloister_refusal_code code); /* "pcr-digest" */
const char *cloister_refusal_text(enum cloister_refusal_code code); /* the meaning, above */

/*
 * ## The policy
 *
 * A JSON object (RFC 8259); unknown or repeated members, wrong types and values out of range are
 * refused. What is not said is not accepted: {} accepts nothing. Digests and identities are
 * hexadecimal; where one stands, an array of alternatives can stand.
 *
 *   "name"                 text, at most 63 bytes
 *   "attestation-keys"     which TPM keys: digests (SHA-256 of TPMT_PUBLIC: the digest part of the
 *                          key's Name, TPM 2.0 part 1, 16), or "enrolled": the one that the
 *                          challenge names
 *   "boot"                 [{"name": text, "loader": "grub", "pcrs": {"0": digest, ...}}, ...]: the
 *                          configurations that are accepted. Each must have PCRs 0, 2, 4 and 7, and
 *                          8 and 9 too unless "loader" is "unified" (Xen's unified image; "grub" is
 *                          the default), and cannot have the record's PCR. Values that prove nothing
 *                          are refused (predict.h, "Values that prove nothing").
 *   "record-pcr"           the PCR of the monitor record, 0 .. 15; 13 by default
 *   "require-event-log"    true: refuse evidence without one
 *   "minimum-monitor-version"  "MAJOR.MINOR.PATCH"; any by default (the PCRs pin the binary)
 *   "least-xen"            {"4.17": "4.17.7", "4.20": "4.20.3"}: of each series that is accepted the
 *                          least version; a series that is not listed is refused. Any by default.
 *                          Compared are the numbers at the start of the record's xen_version and, where
 *                          it is said, xen_source ("4.17.7+13-g1a2b3c4d5e-1" is 4.17.7): the older
 *                          of both counts, both must be of one series, and what was built before a
 *                          release ("4.17.6-pre", "4.20.0-rc2") counts as the patch level before it.
 *   "require-flags"        of "iommu-strict", "tpm-required", "lockdown", "intremap", "mor", "ibpb", "svm",
 *                          "vmx"; the first five are required anyway, as far as no other member says
 *                          otherwise. What stands here is required whatever other members say.
 *   "lockdown-tables"      [digest, ...]: the tables of what dom0 may (SHA-256, lockdown.h) that are
 *                          accepted; any by default, for the PCRs pin the binary that holds the table
 *   "accept-no-mor"        true: the firmware was not told to clear memory at a reset ("mor" is
 *                          missing). A reset that Xen does not see then leaves secrets in RAM to what
 *                          is booted next. A word of its own, for many machines have no such firmware.
 *   "accept-bmc"           true: a management controller that dom0 talks to (IPMI) can reset the machine
 *                          without Xen, and so without Xen's clearing of secrets ("bmc"). Needed with
 *                          "mor", too: what a controller does is not the firmware's to see.
 *   "enclaves"             [{"name": text, "measurement": digest, "author": digest, "family-id":
 *                          hex, "image-id": hex, "minimum-security-version": number}, ...]: each
 *                          needs measurement or author; all members of an entry must hold
 *   "host-only"            true: evidence without an enclave's report is accepted. Such claims say
 *                          nothing about any enclave.
 *   "allow-update-key"     true: booted with cloister-update-key= (cloister/update.h). Whoever has that key
 *                          can give what enclaves seal on this host to another Xen, also to one that
 *                          "boot" does not name. Whose key it is, the command line in PCR 8 says.
 *   "maximum-report-age"   seconds, 1 .. 31622400: an enclave's report that does not itself answer
 *                          the challenge is accepted up to this age, measured against a heartbeat
 *                          in the same evidence that answers the challenge
 *   "insecure-any-attestation-key"  true: any TPM-like key. Whoever has software can make one.
 *   "insecure-any-boot"             true: "boot" is not looked at
 *   "insecure-incomplete-boot"      true: "boot" need not have all those PCRs
 *   "insecure-empty-pcrs"           true: "boot" may have values that prove nothing
 *   "insecure-allow-boot-drivers"   true: an event log may tell of Driver####, SysPrep#### and of drivers
 *                                   from a disk (eventlog.h, "Judged by content")
 *   "insecure-allow-boot-options"   true: it may tell of options for a unified image. They are not looked
 *                                   at either where the accepted configuration has PCR 1.
 *   "insecure-allow-open"           of "open-ports", "open-memory", "open-pci", "open-msr",
 *                                   "runtime-services", "sleep", "debug", "microcode", "hot-add",
 *                                   "dma-reserved", "lockdown-watch", "ats": what may be open to dom0, and to
 *                                   devices. A host with one of them open, "ats" aside, does not have
 *                                   "lockdown", which is not required then. "lockdown-watch" allows
 *                                   all but "ats": that table refuses nothing.
 *   "insecure-no-lockdown"          true: "lockdown" is not required; opened rooms are refused all the same
 *   "insecure-no-intremap"          true: interrupts are not remapped: a device can raise any
 *   "insecure-tpm-optional"         true: booted without cloister-tpm=required (see below)
 *   "insecure-allow-dma"            true: no strict IOMMU, or booted with insecure-dma; "intremap" is not
 *                                   required then
 *   "insecure-allow-smt"            true: sibling threads active
 *   "insecure-allow-test-build"     true
 *   "insecure-allow-debug"          true: debug enclaves
 *   "insecure-any-enclave"          true: "enclaves" is not looked at
 *   "insecure-any-age"              true: enclave reports need not be fresh
 *
 * Why "tpm-required": the record proves something only if it was the monitor that extended its PCR. A
 * Xen that was measured as it should be, but did not reach the TPM, leaves that PCR at zero; if the
 * TPM works again under dom0, dom0 extends it with a record, and a key, of its own making, and every
 * step above is satisfied. With cloister-tpm=required that Xen does not start a dom0. The flag in the
 * record says nothing to that, for a forger sets it, too. What proves it is Xen's command line, which
 * GRUB measures into PCR 8: the values in "boot" must be those of a command line with
 * cloister-tpm=required, and `cloister-verify predict` warns where they are not. The flag tells
 * whoever forgot it: then the honest hosts are refused. dom0 cannot reset PCRs 0 to 15 (TPM2_PCR_Reset,
 * TPM 2.0 part 3, 22.8; PC Client Platform TPM Profile 1.05, 4.6): only the machine's reset does, and
 * that starts the firmware.
 */
struct cloister_policy;

/*
 * 0; -EINVAL: `why` (if not NULL) says which member is wrong and how; -ENOMEM. The text need not
 * end with a zero and is not kept.
 */
__attribute__((warn_unused_result)) int cloister_policy_parse(const char *json, size_t size,
                                                              struct cloister_policy **policy,
                                                              char *why, size_t why_size);
void cloister_policy_free(struct cloister_policy *policy);
/* Its "name", or "". */
const char *cloister_policy_name(const struct cloister_policy *policy);
/* SHA-256 of the text as it was parsed: names this very policy in tokens and logs. */
void cloister_policy_digest(const struct cloister_policy *policy,
                            uint8_t digest[CLOISTER_DIGEST_SIZE]);
/* Does it have a bypass, any member whose name starts with "insecure"? */
bool cloister_policy_is_insecure(const struct cloister_policy *policy);

/* ## Verification */

struct cloister_challenge {
    struct cloister_bytes nonce; /* CLOISTER_NONCE_MIN .. CLOISTER_NONCE_MAX bytes */
    const uint8_t *enrolled_key; /* [32], digest as in "attestation-keys", or NULL */
    const uint8_t *report_data;  /* [64], what each enclave's report must carry, or NULL. A report
                                      that carries it counts as fresh: it must contain something
                                      new. */
};

/* What a report was accepted for. */
struct cloister_enclave_claims {
    char name[CLOISTER_NAME_SIZE]; /* of the policy's entry; "" with insecure-any-enclave */
    uint8_t measurement[CLOISTER_MEASUREMENT_SIZE];
    uint8_t author[32];
    uint8_t family_id[16];
    uint8_t image_id[16];
    uint32_t image_version;
    uint32_t security_version;
    uint32_t enclave;
    uint16_t domain;
    bool debug;
    uint8_t domain_uuid[16];
    uint8_t report_data[64];
    uint64_t sequence;
    uint64_t time; /* ns since boot */
    bool age_known;
    uint64_t age; /* ns, at the time of the heartbeat; where age_known */
};

/* How the firmware's settings (PCRs 1 and 5) were looked at. X(NAME, "name") */
#define CLOISTER_SETTINGS(X)                                                                       \
    X(UNCHECKED, "unchecked") /* not: no log, and not both in the boot configuration */            \
    X(LOG, "log")             /* the event log, judged by content (eventlog.h) */                  \
    X(PINNED, "pinned")       /* the accepted boot configuration has both PCRs */

#define CLOISTER_SETTINGS_ENUM(name, text) CLOISTER_SETTINGS_##name,
enum cloister_settings { CLOISTER_SETTINGS(CLOISTER_SETTINGS_ENUM) };
#undef CLOISTER_SETTINGS_ENUM

struct cloister_claims {
    char policy[CLOISTER_NAME_SIZE];
    uint8_t policy_digest[CLOISTER_DIGEST_SIZE];
    bool insecure;                 /* the policy has a bypass */
    char boot[CLOISTER_NAME_SIZE]; /* the boot configuration; "" with insecure-any-boot */
    uint8_t attestation_key[CLOISTER_DIGEST_SIZE];
    uint8_t record[CLOISTER_DIGEST_SIZE]; /* SHA-256 of the monitor record */
    uint8_t monitor_key[64];
    uint32_t monitor_flags; /* CLOISTER_INFO_* */
    uint32_t monitor_version;
    uint32_t abi_version;
    uint64_t boot_id;
    char xen_version[33];
    char xen_source[49];                    /* Debian's version of Xen's source; "": not said */
    uint8_t lockdown[CLOISTER_DIGEST_SIZE]; /* the table of what dom0 may */
    uint64_t tpm_clock;       /* ms the TPM has been powered: TPM 2.0 part 2, 10.11.1 */
    uint32_t tpm_reset_count; /* grows at each boot */
    uint32_t tpm_restart_count;
    bool tpm_clock_safe;
    uint64_t tpm_firmware_version;
    uint32_t pcr_count;
    struct cloister_pcr pcrs[CLOISTER_EVIDENCE_PCRS];
    bool log_checked;
    enum cloister_settings settings;
    bool heartbeat;            /* there is one that answers the challenge, with: */
    uint64_t heartbeat_time;   /* ns since boot */
    uint64_t refusals;         /* what the monitor had refused by then */
    uint8_t trace_head[32];    /* the running hash of its records by then (trace.h), */
    uint64_t trace_records;    /* over how many it is, */
    uint64_t trace_suppressed; /* and how many refusals were only counted */
    uint64_t boot_changes; /* how often dom0 has set the boot order or the next boot (report.h) */
    uint32_t enclave_count;
    struct cloister_enclave_claims enclaves[CLOISTER_EVIDENCE_MAX_REPORTS];
};

struct cloister_verifier;

/* NULL: no memory, or OpenSSL lacks an algorithm. */
struct cloister_verifier *cloister_verifier_new(void);
void cloister_verifier_free(struct cloister_verifier *verifier);

/*
 * 0: accepted, *claims is what is known now.
 * -EACCES: refused, *refusal (if not NULL) says why; *claims is all zero.
 * -EINVAL: the challenge itself is not valid (nonce size).
 * -EIO: OpenSSL failed (out of memory): nothing is known. *claims is all zero.
 */
__attribute__((warn_unused_result)) int
cloister_verify(struct cloister_verifier *verifier, const struct cloister_policy *policy,
                const struct cloister_challenge *challenge, const uint8_t *evidence, size_t size,
                struct cloister_claims *claims, struct cloister_refusal *refusal);

/*
 * The signature of one report, by the key of a monitor record (X || Y). 0; -EACCES: not signed by it;
 * -EIO. Nothing else is looked at.
 */
__attribute__((warn_unused_result)) int cloister_verify_report(struct cloister_verifier *verifier,
                                                               const struct cloister_report *report,
                                                               const uint8_t monitor_key[64]);

/*
 * A heartbeat between quotes: is the monitor that `host` (the claims of an earlier verification) is
 * about still running, in a way that the policy accepts? Takes steps 12 to 14 with this one report,
 * then asks that it is a heartbeat that answers this nonce, and later than the one in `host`, if there
 * is one, whose trace it must continue. The results are those of cloister_verify(). A boot that has ended cannot answer: its key is
 * gone.
 */
__attribute__((warn_unused_result)) int
cloister_verify_heartbeat(struct cloister_verifier *verifier, const struct cloister_policy *policy,
                          const struct cloister_claims *host, struct cloister_bytes nonce,
                          const struct cloister_report *heartbeat,
                          struct cloister_refusal *refusal);

/*
 * Can both heartbeats be of one boot, `later` after `earlier`? Their signatures must have been verified.
 * 0 or -EACCES: another monitor record, not later, or a trace that holds less, or something else; or fewer changes of the
 * boot order.
 */
__attribute__((warn_unused_result)) int
cloister_heartbeat_follows(const struct cloister_report *earlier,
                           const struct cloister_report *later, struct cloister_refusal *refusal);

/*
 * The flags' names, as in "require-flags" and tokens: NULL after the last. `flag` is
 * CLOISTER_INFO_*.
 */
const char *cloister_flag_name(unsigned int index, uint32_t *flag);

const char *cloister_settings_name(enum cloister_settings settings); /* "pinned" */

#endif
