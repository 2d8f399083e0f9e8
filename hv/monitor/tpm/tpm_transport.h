/* SPDX-License-Identifier: MIT */
/* The TPM driver's inside: what carries a command to the TPM, and how the files of commands send
 * one. */
#ifndef CLOISTER_MONITOR_TPM_TRANSPORT_H
#define CLOISTER_MONITOR_TPM_TRANSPORT_H

#include "tpm/tpm.h"
#include "tpm/tpm_wire.h"

#define MILLISECONDS(n) ((uint64_t)(n)*1000000u)

/* PTP 6.5.1.3, table 18; B as Linux has it, for TPMs that need more. */
#define TPM_TIMEOUT_A MILLISECONDS(750)
#define TPM_TIMEOUT_B MILLISECONDS(4000)
#define TPM_TIMEOUT_C MILLISECONDS(750)
#define TPM_TIMEOUT_D MILLISECONDS(750)

/* How long a command may take: those that only compute, and those that write NV memory. */
#define TPM_SHORT MILLISECONDS(2000)
#define TPM_LONG MILLISECONDS(20000)

#define TPM_HEADER_SIZE 10u /* tag, size, code (part 1, 18) */

/* The size that a response says it has: 0 if it cannot be, or does not fit. */
static inline uint32_t tpm_response_size(const uint8_t header[TPM_HEADER_SIZE])
{
    struct tpm_reader reader = {.bytes = header + 2, .left = 4};
    uint32_t size = get_u32(&reader);

    return size >= TPM_HEADER_SIZE && size <= TPM_MESSAGE_SIZE ? size : 0;
}

struct tpm_transport {
    /* Looks at the registers. -ENXIO: there is no TPM. */
    int (*open)(struct tpm *tpm, const struct tpm_place *place);
    /* Sends tpm->command[0 .. size) and receives into tpm->response; its whole size is *answered.
     */
    int (*exchange)(struct tpm *tpm, uint32_t size, uint64_t duration, uint32_t *answered);
};
extern const struct tpm_transport tpm_tis;
extern const struct tpm_transport tpm_crb;

/* Until (register & mask) == value. A register that reads all ones is that of a TPM that is gone.
 */
MUST_USE int tpm_wait8(uint64_t address, uint8_t mask, uint8_t value, uint64_t timeout);
MUST_USE int tpm_wait32(uint64_t address, uint32_t mask, uint32_t value, uint64_t timeout);

/* Part 2, 6.5.2 (codes), 6.9 (tags), 7.4 (handles). */
enum tpm_code {
    TPM_CC_NV_UNDEFINE_SPACE = 0x122,
    TPM_CC_NV_DEFINE_SPACE = 0x12a,
    TPM_CC_NV_INCREMENT = 0x134,
    TPM_CC_NV_EXTEND = 0x136,
    TPM_CC_NV_WRITE = 0x137,
    TPM_CC_STARTUP = 0x144,
    TPM_CC_POLICY_NV = 0x149,
    TPM_CC_NV_READ = 0x14e,
    TPM_CC_NV_READ_LOCK = 0x14f,
    TPM_CC_FLUSH_CONTEXT = 0x165,
    TPM_CC_LOAD_EXTERNAL = 0x167,
    TPM_CC_NV_READ_PUBLIC = 0x169,
    TPM_CC_POLICY_AUTHORIZE = 0x16a,
    TPM_CC_START_AUTH_SESSION = 0x176,
    TPM_CC_VERIFY_SIGNATURE = 0x177,
    TPM_CC_GET_CAPABILITY = 0x17a,
    TPM_CC_GET_RANDOM = 0x17b,
    TPM_CC_PCR_READ = 0x17e,
    TPM_CC_POLICY_PCR = 0x17f,
    TPM_CC_PCR_EXTEND = 0x182,
    TPM_CC_POLICY_GET_DIGEST = 0x189,
};
#define TPM_ST_NO_SESSIONS 0x8001u
#define TPM_ST_SESSIONS 0x8002u
#define TPM_ST_VERIFIED 0x8022u
#define TPM_RH_OWNER 0x40000001u
#define TPM_RH_NULL 0x40000007u
#define TPM_CONTINUE_SESSION 1u /* 8.4: TPMA_SESSION */
#define TPM_ALG_NULL 0x0010u
#define TPM_ALG_ECDSA 0x0018u

/*
 * A command: tpm_begin(); handles; tpm_authorize() if it has a session; parameters; tpm_finish().
 * `session` is 0 (none), TPM_RS_PASSWORD, with an empty password, or a policy session.
 */
struct tpm_writer tpm_begin(struct tpm *tpm, enum tpm_code code, uint32_t session);
void tpm_authorize(struct tpm_writer *command, uint32_t session);
void tpm_authorize_with(struct tpm_writer *command, uint32_t session, const void *password,
                        uint16_t size);
/* Sends it, again where the TPM asks for that; then *parameters reads the response's. */
MUST_USE int tpm_finish(struct tpm *tpm, struct tpm_writer *command, uint64_t duration,
                        struct tpm_reader *parameters);
/* The same for a response without parameters. */
MUST_USE int tpm_finish_empty(struct tpm *tpm, struct tpm_writer *command, uint64_t duration);

/* A TPML_PCR_SELECTION of the SHA-256 bank; bit n of `pcrs` is PCR n (part 2, 10.9.7). */
void tpm_put_selection(struct tpm_writer *command, uint32_t pcrs);

#endif
