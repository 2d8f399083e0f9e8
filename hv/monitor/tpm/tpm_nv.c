/* SPDX-License-Identifier: MIT */
/* Policy sessions and NV memory of the TPM. */
#include "tpm/tpm_transport.h"

#define SE_POLICY 1u       /* part 2, 6.11 */
#define EO_UNSIGNED_LE 9u  /* 6.8 */
#define RC_HANDLE_2 0x28bu /* as TPM_RC_HANDLE_1, of the second */

int tpm_policy_start(struct tpm *tpm, const uint8_t nonce[TPM_DIGEST_SIZE], uint32_t *session)
{
    struct tpm_writer command = tpm_begin(tpm, TPM_CC_START_AUTH_SESSION, 0);
    struct tpm_reader answer;
    uint8_t nonce_tpm[TPM_DIGEST_SIZE];

    put_u32(&command, TPM_RH_NULL); /* no salt ... */
    put_u32(&command, TPM_RH_NULL); /* ... and bound to nothing */
    put_sized(&command, nonce, TPM_DIGEST_SIZE);
    put_u16(&command, 0);
    put_u8(&command, SE_POLICY);
    put_u16(&command, TPM_ALG_NULL);
    put_u16(&command, TPM_ALG_SHA256);
    int rc = tpm_finish(tpm, &command, TPM_SHORT, &answer);
    if (rc) {
        return rc;
    }
    *session = get_u32(&answer);
    get_sized(&answer, nonce_tpm, sizeof(nonce_tpm));
    return get_end(&answer);
}

int tpm_policy_pcr(struct tpm *tpm, uint32_t session, uint32_t pcrs)
{
    struct tpm_writer command = tpm_begin(tpm, TPM_CC_POLICY_PCR, 0);

    put_u32(&command, session);
    put_u16(&command, 0); /* the values that the PCRs have now */
    tpm_put_selection(&command, pcrs);
    return tpm_finish_empty(tpm, &command, TPM_SHORT);
}

int tpm_policy_digest(struct tpm *tpm, uint32_t session, uint8_t digest[TPM_DIGEST_SIZE])
{
    struct tpm_writer command = tpm_begin(tpm, TPM_CC_POLICY_GET_DIGEST, 0);
    struct tpm_reader answer;

    put_u32(&command, session);
    int rc = tpm_finish(tpm, &command, TPM_SHORT, &answer);
    if (rc) {
        return rc;
    }
    get_sized(&answer, digest, TPM_DIGEST_SIZE);
    return get_end(&answer);
}

int tpm_policy_nv(struct tpm *tpm, uint32_t session, uint32_t index,
                  const uint8_t most[TPM_COUNTER_SIZE])
{
    struct tpm_writer command = tpm_begin(tpm, TPM_CC_POLICY_NV, TPM_RS_PASSWORD);

    put_u32(&command, index);
    put_u32(&command, index);
    put_u32(&command, session);
    tpm_authorize(&command, TPM_RS_PASSWORD);
    put_sized(&command, most, TPM_COUNTER_SIZE);
    put_u16(&command, 0); /* offset */
    put_u16(&command, EO_UNSIGNED_LE);
    return tpm_finish_empty(tpm, &command, TPM_SHORT);
}

int tpm_flush(struct tpm *tpm, uint32_t handle)
{
    struct tpm_writer command = tpm_begin(tpm, TPM_CC_FLUSH_CONTEXT, 0);

    put_u32(&command, handle);
    return tpm_finish_empty(tpm, &command, TPM_SHORT);
}

int tpm_nv_read_public(struct tpm *tpm, uint32_t index, struct tpm_nv_public *public)
{
    struct tpm_writer command = tpm_begin(tpm, TPM_CC_NV_READ_PUBLIC, 0);
    struct tpm_reader answer;
    uint8_t name[2 + TPM_DIGEST_SIZE];

    put_u32(&command, index);
    int rc = tpm_finish(tpm, &command, TPM_SHORT, &answer);
    if (rc) {
        return tpm->code == TPM_RC_HANDLE_1 ? -ENOENT : rc;
    }
    /* A TPM2B_NV_PUBLIC (part 2, 13.6) with this name algorithm and policy size, then the name. */
    expect_u16(&answer, 4 + 2 + 4 + 2 + TPM_DIGEST_SIZE + 2);
    expect_u32(&answer, index);
    expect_u16(&answer, TPM_ALG_SHA256);
    public->attributes = get_u32(&answer);
    get_sized(&answer, public->policy, sizeof(public->policy));
    public->size = get_u16(&answer);
    get_sized(&answer, name, sizeof(name));
    return get_end(&answer);
}

int tpm_nv_define(struct tpm *tpm, uint32_t index, const struct tpm_nv_public *public,
                  const uint8_t auth[TPM_DIGEST_SIZE])
{
    const uint32_t policies = TPM_NV_POLICY_READ | TPM_NV_POLICY_WRITE;
    const uint16_t policy = public->attributes & policies ? TPM_DIGEST_SIZE : 0;
    struct tpm_writer command = tpm_begin(tpm, TPM_CC_NV_DEFINE_SPACE, TPM_RS_PASSWORD);

    put_u32(&command, TPM_RH_OWNER);
    tpm_authorize(&command, TPM_RS_PASSWORD);
    put_sized(&command, auth ? (const void *)auth : "", auth ? TPM_DIGEST_SIZE : 0);
    put_u16(&command, 4 + 2 + 4 + 2 + policy + 2);
    put_u32(&command, index);
    put_u16(&command, TPM_ALG_SHA256);
    put_u32(&command, public->attributes);
    put_sized(&command, public->policy, policy);
    put_u16(&command, public->size);
    return tpm_finish_empty(tpm, &command, TPM_LONG);
}

/* The head of a command on an index: `by` authorizes it. */
static struct tpm_writer begin_nv_by(struct tpm *tpm, enum tpm_code code, uint32_t by,
                                     uint32_t index, uint32_t session)
{
    struct tpm_writer command = tpm_begin(tpm, code, session);

    put_u32(&command, by);
    put_u32(&command, index);
    tpm_authorize(&command, session);
    return command;
}

static struct tpm_writer begin_nv(struct tpm *tpm, enum tpm_code code, uint32_t index,
                                  uint32_t session)
{
    return begin_nv_by(tpm, code, index, index, session);
}

int tpm_nv_undefine(struct tpm *tpm, uint32_t index)
{
    struct tpm_writer command =
        begin_nv_by(tpm, TPM_CC_NV_UNDEFINE_SPACE, TPM_RH_OWNER, index, TPM_RS_PASSWORD);

    int rc = tpm_finish_empty(tpm, &command, TPM_LONG);
    return tpm->code == RC_HANDLE_2 ? 0 : rc;
}

int tpm_nv_extend(struct tpm *tpm, uint32_t index, const uint8_t data[TPM_DIGEST_SIZE])
{
    struct tpm_writer command =
        begin_nv_by(tpm, TPM_CC_NV_EXTEND, TPM_RH_OWNER, index, TPM_RS_PASSWORD);

    put_sized(&command, data, TPM_DIGEST_SIZE);
    return tpm_finish_empty(tpm, &command, TPM_LONG);
}

int tpm_nv_write(struct tpm *tpm, uint32_t index, uint32_t session, const void *from, uint16_t size)
{
    struct tpm_writer command = begin_nv(tpm, TPM_CC_NV_WRITE, index, session);

    put_sized(&command, from, size);
    put_u16(&command, 0); /* offset */
    return tpm_finish_empty(tpm, &command, TPM_LONG);
}

int tpm_nv_increment(struct tpm *tpm, uint32_t index, uint32_t session)
{
    struct tpm_writer command = begin_nv(tpm, TPM_CC_NV_INCREMENT, index, session);

    return tpm_finish_empty(tpm, &command, TPM_LONG);
}

static int finish_read(struct tpm *tpm, struct tpm_writer *command, uint16_t offset, void *to,
                       uint16_t size)
{
    struct tpm_reader answer;

    put_u16(command, size);
    put_u16(command, offset);
    int rc = tpm_finish(tpm, command, TPM_SHORT, &answer);
    if (rc) {
        return rc;
    }
    get_sized(&answer, to, size);
    return get_end(&answer);
}

int tpm_nv_read(struct tpm *tpm, uint32_t index, uint32_t session, uint16_t offset, void *to,
                uint16_t size)
{
    struct tpm_writer command = begin_nv(tpm, TPM_CC_NV_READ, index, session);

    return finish_read(tpm, &command, offset, to, size);
}

int tpm_nv_read_secret(struct tpm *tpm, uint32_t index, const uint8_t auth[TPM_DIGEST_SIZE],
                       void *to, uint16_t size)
{
    struct tpm_writer command = tpm_begin(tpm, TPM_CC_NV_READ, TPM_RS_PASSWORD);

    put_u32(&command, index);
    put_u32(&command, index);
    tpm_authorize_with(&command, TPM_RS_PASSWORD, auth, TPM_DIGEST_SIZE);
    return finish_read(tpm, &command, 0, to, size);
}

int tpm_nv_read_lock(struct tpm *tpm, uint32_t index, uint32_t session)
{
    struct tpm_writer command = begin_nv(tpm, TPM_CC_NV_READ_LOCK, index, session);

    return tpm_finish_empty(tpm, &command, TPM_LONG);
}
