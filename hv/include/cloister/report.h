/* SPDX-License-Identifier: MIT */
/*
 * What the monitor says, and how it can be proved: the monitor record and reports.
 *
 * ## The chain
 *
 *   firmware and boot loader measure Xen, its command line and dom0's kernel into the TPM (PCRs 4, 8, 9)
 *   the monitor, before dom0 exists, makes a P-256 key, writes its record, and extends
 *     PCR[record.pcr] with SHA-256(record)                        TPM 2.0 part 3, 22.2 TPM2_PCR_Extend
 *   a quote of those PCRs is signed by the TPM's attestation key  TPM 2.0 part 3, 18.4 TPM2_Quote
 *   a report is signed by the record's key
 *
 * The key exists in this boot only, so a report cannot outlive the boot whose PCRs vouch for its key.
 * A verifier must fix the PCR's index by its own policy: what the index in a record says is no proof, since
 * dom0 can extend other PCRs.
 *
 * ## What is signed
 *
 * The signature of a report is over the bytes of a COSE Sig_structure (RFC 9052, 4.4) whose payload is the
 * report without its signature:
 *
 *   Sig_structure = ["Signature1", h'a10126', h'', payload]      protected header: {1: -7}, alg ES256
 *
 * In its deterministic encoding (RFC 8949, 4.2.1) that is CLOISTER_REPORT_SIGNED_PREFIX followed by the first
 * CLOISTER_REPORT_SIGNED_SIZE bytes of the report. So one signature serves two forms: the fixed record below,
 * and the COSE_Sign1 [h'a10126', {}, payload, signature] (RFC 9052, 4.2), tagged 18.
 *
 * Structures have a fixed size and no padding; integers are little-endian, keys and signatures big-endian
 * (X || Y and r || s, 32 bytes each, ECDSA on P-256 with SHA-256, FIPS 186-4). Reserved fields are 0; a
 * verifier refuses what it does not know.
 */
#ifndef CLOISTER_REPORT_H
#define CLOISTER_REPORT_H

#include <stdint.h>

#include "image.h"

/* A verifier's nonce, in bytes, inclusive: what evidence answers (cloister/evidence.h). */
#define CLOISTER_NONCE_MIN 16u
#define CLOISTER_NONCE_MAX 64u

#define CLOISTER_RECORD_MAGIC UINT64_C(0x3130444345524c43) /* "CLRECD01" */
#define CLOISTER_REPORT_MAGIC UINT64_C(0x3130545250524c43) /* "CLRPRT01" */
#define CLOISTER_RECORD_VERSION 2u
#define CLOISTER_REPORT_VERSION 2u

#define CLOISTER_RECORD_PCR 13u           /* default */
#define CLOISTER_RECORD_NO_TPM UINT32_MAX /* record.pcr: nothing vouches for the key */

/*
 * The monitor record. `flags` are CLOISTER_INFO_* (abi.h) as they were when it was made; those that can
 * change later stand in each report, too.
 */
struct cloister_monitor_record {
    uint64_t magic;           /* CLOISTER_RECORD_MAGIC */
    uint16_t version;         /* CLOISTER_RECORD_VERSION */
    uint16_t size;            /* sizeof(struct cloister_monitor_record) */
    uint32_t flags;           /* CLOISTER_INFO_* */
    uint32_t abi_version;     /* CLOISTER_ABI_VERSION */
    uint32_t monitor_version; /* major << 16 | minor << 8 | patch */
    uint32_t pcr;             /* index that was extended, 0 .. 23, or CLOISTER_RECORD_NO_TPM */
    uint32_t reserved0;
    uint64_t boot_id;        /* random; as in the trace ring's header */
    uint8_t xen_version[32]; /* ASCII, zero-padded: "4.17.5" */
    uint8_t public_key[64];  /* the identity key of this boot */
    uint8_t lockdown[32];    /* SHA-256 of the table of what dom0 may (lockdown.h) */
    uint8_t xen_source
        [48]; /* the source that Xen was built from, ASCII, zero-padded: Debian's version of it,
                                 "4.17.5+72-g01140da4e8-1" */
    uint8_t reserved[40];
};

enum cloister_report_kind {
    CLOISTER_REPORT_ENCLAVE = 1, /* asked for by an enclave, about itself */
    CLOISTER_REPORT_HEARTBEAT =
        2, /* asked for by the host daemon, about the monitor; enclave fields 0 */
};

struct cloister_report {
    uint64_t magic;       /* CLOISTER_REPORT_MAGIC */
    uint16_t version;     /* CLOISTER_REPORT_VERSION */
    uint16_t size;        /* sizeof(struct cloister_report) */
    uint32_t kind;        /* enum cloister_report_kind */
    uint64_t sequence;    /* 1, 2, ... in this boot, over all reports */
    uint64_t time;        /* ns since boot when it was signed */
    uint8_t record[32];   /* SHA-256 of the monitor record */
    uint32_t flags;       /* CLOISTER_INFO_* when it was signed */
    uint32_t image_flags; /* CLOISTER_IMAGE_*: a debug enclave shows here */
    uint64_t refusals;    /* what the monitor had refused since boot */
    uint8_t measurement[CLOISTER_MEASUREMENT_SIZE];
    uint8_t author[32]; /* SHA-256 of the author's public key (X || Y) */
    uint8_t family_id[16];
    uint8_t image_id[16];
    uint32_t image_version;
    uint32_t security_version;
    uint32_t enclave; /* the monitor's id of it, unique in this boot */
    uint16_t domain;
    uint16_t reserved0;
    uint8_t domain_uuid[16];   /* as Xen has it; the host chose it */
    uint8_t report_data[64];   /* words of who asked, by kind: a nonce, the hash of a key */
    uint8_t trace_head[32];    /* HEARTBEAT: the running hash of all records (trace.h), else 0 */
    uint64_t trace_records;    /* HEARTBEAT: how many it is over, since boot */
    uint64_t trace_suppressed; /* HEARTBEAT: refusals that were only counted, since boot */
    /* HEARTBEAT: boot orders and next boots that dom0 has set since boot (abi.h, BOOT) */
    uint64_t boot_changes;
    uint8_t reserved[104];
    uint8_t signature[64]; /* see "What is signed" */
};

#define CLOISTER_REPORT_SIGNED_SIZE (sizeof(struct cloister_report) - 64u)

/*
 * array(4), text(10) "Signature1", bytes(3) {1: -7}, bytes(0), bytes(448): the head of a Sig_structure whose
 * payload has CLOISTER_REPORT_SIGNED_SIZE bytes.
 */
/* clang-format off */
#define CLOISTER_REPORT_SIGNED_PREFIX                                                              \
    {0x84, 0x6a, 'S', 'i', 'g', 'n', 'a', 't', 'u', 'r', 'e', '1', 0x43, 0xa1, 0x01, 0x26, 0x40,   \
     0x59, 0x01, 0xc0}
/* clang-format on */
#define CLOISTER_REPORT_SIGNED_PREFIX_SIZE 20u

_Static_assert(sizeof(struct cloister_monitor_record) == 256, "ABI");
_Static_assert(sizeof(struct cloister_report) == 512, "ABI");
_Static_assert(CLOISTER_REPORT_SIGNED_SIZE == 0x01c0,
               "ABI: stands in CLOISTER_REPORT_SIGNED_PREFIX");

#endif
