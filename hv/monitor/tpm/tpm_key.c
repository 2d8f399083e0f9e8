/* SPDX-License-Identifier: MIT */
/* Signatures that the TPM verifies, and policies that they approve. */
#include <cloister/update.h>

#include "tpm/tpm_transport.h"

#define KEY_HALF (TPM_KEY_SIZE / 2)

int tpm_load_key(struct tpm *tpm, const uint8_t key[TPM_KEY_SIZE], uint32_t *handle)
{
    static const uint8_t head[] = CLOISTER_UPDATE_KEY_HEAD;
    struct tpm_writer command = tpm_begin(tpm, TPM_CC_LOAD_EXTERNAL, 0);
    struct tpm_reader answer;
    uint8_t name[TPM_NAME_SIZE];

    put_u16(&command, 0); /* no private part */
    put_u16(&command, sizeof(head) + 2 * (2 + KEY_HALF));
    put_bytes(&command, head, sizeof(head));
    put_sized(&command, key, KEY_HALF);
    put_sized(&command, key + KEY_HALF, KEY_HALF);
    put_u32(&command, TPM_RH_OWNER); /* tickets need a hierarchy (20.1) */
    int rc = tpm_finish(tpm, &command, TPM_SHORT, &answer);
    if (rc) {
        return rc;
    }
    *handle = get_u32(&answer);
    get_sized(&answer, name, sizeof(name));
    return get_end(&answer);
}

int tpm_verify(struct tpm *tpm, uint32_t key, const uint8_t digest[TPM_DIGEST_SIZE],
               const uint8_t signature[TPM_KEY_SIZE], struct tpm_ticket *ticket)
{
    struct tpm_writer command = tpm_begin(tpm, TPM_CC_VERIFY_SIGNATURE, 0);
    struct tpm_reader answer;

    put_u32(&command, key);
    put_sized(&command, digest, TPM_DIGEST_SIZE);
    put_u16(&command, TPM_ALG_ECDSA);
    put_u16(&command, TPM_ALG_SHA256);
    put_sized(&command, signature, KEY_HALF);
    put_sized(&command, signature + KEY_HALF, KEY_HALF);
    int rc = tpm_finish(tpm, &command, TPM_SHORT, &answer);
    if (rc) {
        return rc;
    }
    expect_u16(&answer, TPM_ST_VERIFIED);
    expect_u32(&answer, TPM_RH_OWNER);
    ticket->size = get_u16(&answer);
    answer.failed |= ticket->size > sizeof(ticket->digest);
    get_bytes(&answer, ticket->digest, answer.failed ? 0 : ticket->size);
    return get_end(&answer);
}

int tpm_policy_authorize(struct tpm *tpm, uint32_t session, const uint8_t policy[TPM_DIGEST_SIZE],
                         const char *reference, const uint8_t name[TPM_NAME_SIZE],
                         const struct tpm_ticket *ticket)
{
    struct tpm_writer command = tpm_begin(tpm, TPM_CC_POLICY_AUTHORIZE, 0);

    put_u32(&command, session);
    put_sized(&command, policy, TPM_DIGEST_SIZE);
    put_sized(&command, reference, (uint16_t)strlen(reference));
    put_sized(&command, name, TPM_NAME_SIZE);
    put_u16(&command, TPM_ST_VERIFIED);
    put_u32(&command, TPM_RH_OWNER);
    put_sized(&command, ticket->digest, ticket->size);
    return tpm_finish_empty(tpm, &command, TPM_SHORT);
}
