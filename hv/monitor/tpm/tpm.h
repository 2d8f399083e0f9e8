/* SPDX-License-Identifier: MIT */
/*
 * The machine's TPM 2.0, as the monitor uses it: at boot, before the first domain, by one CPU
 * alone. So there are no locks, and waiting is polling.
 *
 * References: "part 1, 2, 3" are those of the Trusted Platform Module Library, family 2.0; "PTP" is
 * the PC Client Platform TPM Profile for TPM 2.0, version 1.05.
 *
 * Locality 0 is used: locality 4 and those below belong to a dynamic launch (PTP 6.2), and whoever
 * runs after the monitor has locality 0, too. It is claimed for each command and given back.
 *
 * A response is believed in nothing: its size is compared with what was received and with the
 * buffer, its tag with what was asked, and each field with what it may hold. Every wait ends.
 *
 * Errors of all actions:
 *   -ENXIO      the TPM's registers read all ones: it is gone
 *   -ETIMEDOUT  no answer in time; the command was cancelled
 *   -EIO        the response breaks the rules, or has a response code that is not success:
 *               tpm->code
 */
#ifndef CLOISTER_MONITOR_TPM_H
#define CLOISTER_MONITOR_TPM_H

#include "core/host.h"

#define TPM_DIGEST_SIZE 32u /* SHA-256, the one bank and hash that is used */
#define TPM_MESSAGE_SIZE 512u
#define TPM_PCRS 24u /* PTP 4.6: those of the platform */

/* Where it is; from the ACPI table TPM2 (TCG ACPI specification, 8) or a guess. */
struct tpm_place {
    bool crb;         /* a command response buffer; else a FIFO (TIS) */
    uint64_t address; /* CRB: of the control area; TIS: of locality 0 */
};
#define TPM_BASE UINT64_C(0xfed40000) /* PTP 6.3.1: locality 0 of a TPM with registers */

struct tpm_transport;

/* Fields are those of the driver, but for: */
struct tpm {
    uint32_t code; /* of the last response; 0 success (part 2, 6.6) */
    bool started;  /* the firmware had not done TPM2_Startup: tpm_open() did */

    const struct tpm_transport *transport; /* NULL: none */
    uint64_t base;
    bool has_localities;              /* CRB: PTP's registers stand around the control area */
    uint64_t command_at, response_at; /* CRB: the buffers */
    uint32_t command_room, response_room;
    uint8_t command[TPM_MESSAGE_SIZE];
    uint8_t response[TPM_MESSAGE_SIZE];
};

/*
 * Finds out whether there is a TPM 2.0 that works. -ENXIO: none. Everything below needs one that
 * was opened.
 */
MUST_USE int tpm_open(struct tpm *tpm, const struct tpm_place *place);

/* TPM2_GetRandom (part 3, 16.1). */
MUST_USE int tpm_random(struct tpm *tpm, void *to, size_t size);

/* TPM2_PCR_Read (22.4) of the SHA-256 bank. -ENOENT: that PCR has no such bank. */
MUST_USE int tpm_pcr_read(struct tpm *tpm, uint32_t pcr, uint8_t value[TPM_DIGEST_SIZE]);
/* TPM2_PCR_Extend (22.2). A PCR without that bank takes it and does nothing: look afterwards. */
MUST_USE int tpm_pcr_extend(struct tpm *tpm, uint32_t pcr, const uint8_t digest[TPM_DIGEST_SIZE]);

/*
 * A policy session (part 1, 19.7). tpm_policy_pcr() must come before each command that it
 * authorizes: bit n of `pcrs` is PCR n of the SHA-256 bank, with the value it has now.
 */
MUST_USE int tpm_policy_start(struct tpm *tpm, const uint8_t nonce[TPM_DIGEST_SIZE],
                              uint32_t *session);                              /* part 3, 11.1 */
MUST_USE int tpm_policy_pcr(struct tpm *tpm, uint32_t session, uint32_t pcrs); /* 23.7 */
MUST_USE int tpm_policy_digest(struct tpm *tpm, uint32_t session,
                               uint8_t digest[TPM_DIGEST_SIZE]); /* 23.6: PolicyGetDigest */
MUST_USE int tpm_flush(struct tpm *tpm, uint32_t handle);        /* 28.4: of a session, or a key */
/* 23.9: the counter at `index`, which reads itself with an empty password, is at most `most`, big-endian. */
#define TPM_COUNTER_SIZE 8u
MUST_USE int tpm_policy_nv(struct tpm *tpm, uint32_t session, uint32_t index,
                           const uint8_t most[TPM_COUNTER_SIZE]);

/* A policy that a key approves in advance. The key is x || y on P-256, as cloister/update.h has it. */
#define TPM_KEY_SIZE 64u
#define TPM_ALG_SHA256 0x000bu
#define TPM_NAME_SIZE (2 + TPM_DIGEST_SIZE) /* part 1, 16: TPM_ALG_SHA256, then the digest */
struct tpm_ticket { /* the TPM's word, until the next reset, that a key signed something */
    uint16_t size;
    uint8_t digest[64]; /* SHA-512, the largest hash of a TPM's */
};
MUST_USE int tpm_load_key(struct tpm *tpm, const uint8_t key[TPM_KEY_SIZE],
                          uint32_t *handle); /* 12.3: LoadExternal */
MUST_USE int tpm_verify(struct tpm *tpm, uint32_t key, const uint8_t digest[TPM_DIGEST_SIZE],
                        const uint8_t signature[TPM_KEY_SIZE],
                        struct tpm_ticket *ticket); /* 20.1: VerifySignature, of r || s */
/* 23.16: the session's policy, if it is this one, becomes that of whatever the key approves with this policyRef. */
MUST_USE int tpm_policy_authorize(struct tpm *tpm, uint32_t session,
                                  const uint8_t policy[TPM_DIGEST_SIZE], const char *reference,
                                  const uint8_t name[TPM_NAME_SIZE],
                                  const struct tpm_ticket *ticket);

#define TPM_RS_PASSWORD 0x40000009u /* in a session's place: an empty password */

/* NV memory (part 2, 13; part 3, 31). */
struct tpm_nv_public {
    uint32_t attributes; /* TPM_NV_* */
    uint16_t size;
    uint8_t policy[TPM_DIGEST_SIZE];
};
#define TPM_NV_OWNER_WRITE (UINT32_C(1) << 1)
#define TPM_NV_POLICY_WRITE (UINT32_C(1) << 3)
#define TPM_NV_COUNTER (UINT32_C(1) << 4) /* 13.3: TPM_NT_COUNTER */
#define TPM_NV_EXTEND (UINT32_C(4) << 4)  /* TPM_NT_EXTEND */
#define TPM_NV_OWNER_READ (UINT32_C(1) << 17)
#define TPM_NV_AUTH_READ (UINT32_C(1) << 18)
#define TPM_NV_POLICY_READ (UINT32_C(1) << 19)
#define TPM_NV_NO_DA (UINT32_C(1) << 25)        /* failures do not count as a dictionary attack */
#define TPM_NV_READ_LOCKED (UINT32_C(1) << 28)  /* until the next reset; read-only */
#define TPM_NV_WRITTEN (UINT32_C(1) << 29)      /* read-only */
#define TPM_NV_READ_STCLEAR (UINT32_C(1) << 31) /* TPM2_NV_ReadLock() is allowed */

/* Response codes about an index (part 2, 6.6.3): it is not there; it was never written. */
#define TPM_RC_HANDLE_1 0x18bu
#define TPM_RC_NV_UNINITIALIZED 0x14au
/* 31.6. -ENOENT: there is no such index. */
MUST_USE int tpm_nv_read_public(struct tpm *tpm, uint32_t index, struct tpm_nv_public *public);
/*
 * 31.3, by the owner with an empty password. `auth` is the index's authorization value, NULL: empty. The policy is
 * taken if an attribute names it.
 */
MUST_USE int tpm_nv_define(struct tpm *tpm, uint32_t index, const struct tpm_nv_public *public,
                           const uint8_t auth[TPM_DIGEST_SIZE]);
/* 31.4, 31.9, by the owner. An index that is not there counts as removed. */
MUST_USE int tpm_nv_undefine(struct tpm *tpm, uint32_t index);
MUST_USE int tpm_nv_extend(struct tpm *tpm, uint32_t index, const uint8_t data[TPM_DIGEST_SIZE]);
/* 31.13, authorized by the index's authorization value. */
MUST_USE int tpm_nv_read_secret(struct tpm *tpm, uint32_t index,
                                const uint8_t auth[TPM_DIGEST_SIZE], void *to, uint16_t size);
/* 31.7, 31.8, 31.13, 31.14: authorized by the index's policy or its own, empty, password. */
MUST_USE int tpm_nv_write(struct tpm *tpm, uint32_t index, uint32_t session, const void *from,
                          uint16_t size);
MUST_USE int tpm_nv_increment(struct tpm *tpm, uint32_t index, uint32_t session);
MUST_USE int tpm_nv_read(struct tpm *tpm, uint32_t index, uint32_t session, uint16_t offset,
                         void *to, uint16_t size);
MUST_USE int tpm_nv_read_lock(struct tpm *tpm, uint32_t index, uint32_t session);

#endif
