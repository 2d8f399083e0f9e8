/* SPDX-License-Identifier: MIT */
/* Finding the TPM, sending commands to it, and the commands without NV memory and policies. */
#include "tpm/tpm_transport.h"

/* Part 2, 6.6.3 */
#define RC_INITIALIZE 0x100u
#define RC_YIELDED 0x908u
#define RC_TESTING 0x90au
#define RC_RETRY 0x922u

#define TAG_AT 0u
#define SIZE_AT 2u

#define SU_CLEAR 0u                /* part 2, 6.10 */
#define CAP_TPM_PROPERTIES 6u      /* 6.12 */
#define PT_FAMILY_INDICATOR 0x100u /* 6.13 */
#define FAMILY_2_0 0x322e3000u     /* "2.0" */

/* How long a TPM may say "again" (part 2, 6.6.3: RETRY, YIELDED, TESTING). */
#define AGAIN_TIMEOUT MILLISECONDS(4000)

/* --- waiting ------------------------------------------------------------------------------- */

/* Of a register of one byte, or of four: `ones` is how it reads when the TPM is gone. */
static int wait_until(uint64_t address, uint32_t ones, uint32_t mask, uint32_t value,
                      uint64_t timeout)
{
    const uint64_t begin = host_now();

    for (;;) {
        bool late = host_now() - begin > timeout; /* before the last look */
        uint32_t found = ones == UINT8_MAX ? host_mmio_read8(address) : host_mmio_read32(address);
        if (found == ones) {
            return -ENXIO;
        }
        if ((found & mask) == value) {
            return 0;
        }
        if (late) {
            return -ETIMEDOUT;
        }
        host_pause();
    }
}

int tpm_wait32(uint64_t address, uint32_t mask, uint32_t value, uint64_t timeout)
{
    return wait_until(address, UINT32_MAX, mask, value, timeout);
}

int tpm_wait8(uint64_t address, uint8_t mask, uint8_t value, uint64_t timeout)
{
    return wait_until(address, UINT8_MAX, mask, value, timeout);
}

/* --- commands ------------------------------------------------------------------------------ */

struct tpm_writer tpm_begin(struct tpm *tpm, enum tpm_code code, uint32_t session)
{
    struct tpm_writer command = {.bytes = tpm->command, .capacity = sizeof(tpm->command)};

    put_u16(&command, session ? TPM_ST_SESSIONS : TPM_ST_NO_SESSIONS);
    put_u32(&command, 0); /* the size: tpm_finish() */
    put_u32(&command, code);
    return command;
}

/* One session, without an HMAC: a password's is the password itself, a policy's need not have one
 * (part 1, 19.4 and 19.7). */
void tpm_authorize_with(struct tpm_writer *command, uint32_t session, const void *password,
                        uint16_t size)
{
    put_u32(command, 4u + 2 + 1 + 2 + size);
    put_u32(command, session);
    put_u16(command, 0); /* nonceCaller */
    put_u8(command, TPM_CONTINUE_SESSION);
    put_sized(command, password, size);
}

void tpm_authorize(struct tpm_writer *command, uint32_t session)
{
    tpm_authorize_with(command, session, "", 0);
}

/* What stands behind the parameters if the command had a session (part 1, 18.8). */
static void skip_session(struct tpm_reader *response)
{
    uint8_t nonce[64];
    uint16_t size = get_u16(response);

    response->failed |= size > sizeof(nonce);
    get_bytes(response, nonce, response->failed ? 0 : size);
    get_u8(response);        /* attributes */
    expect_u16(response, 0); /* hmac: there is none */
}

/* Checks a response's head and its session; then *parameters is what is left. */
static int decode(struct tpm *tpm, uint32_t answered, struct tpm_reader *parameters)
{
    struct tpm_reader response = {.bytes = tpm->response, .left = answered};
    struct tpm_reader command = {.bytes = tpm->command + TAG_AT, .left = 2};
    uint16_t asked = get_u16(&command);
    uint16_t tag = get_u16(&response);

    expect_u32(&response, answered);
    tpm->code = get_u32(&response);
    if (response.failed) {
        return -EIO;
    }
    if (tpm->code) {
        /* Nothing follows an error (part 1, 18.6). */
        int rc = tag == TPM_ST_NO_SESSIONS ? get_end(&response) : -EIO;
        if (rc) {
            tpm->code = 0;
        }
        return -EIO;
    }
    if (tag != asked) {
        return -EIO;
    }
    *parameters = response;
    if (tag == TPM_ST_SESSIONS) {
        parameters->left = get_u32(&response);
        parameters->bytes = response.bytes;
        if (response.failed || parameters->left > response.left) {
            return -EIO;
        }
        response.bytes += parameters->left;
        response.left -= parameters->left;
        skip_session(&response);
        return get_end(&response);
    }
    return 0;
}

static bool wants_again(const struct tpm *tpm)
{
    return tpm->code == RC_RETRY || tpm->code == RC_YIELDED || tpm->code == RC_TESTING;
}

int tpm_finish(struct tpm *tpm, struct tpm_writer *command, uint64_t duration,
               struct tpm_reader *parameters)
{
    struct tpm_writer size = {.bytes = tpm->command + SIZE_AT, .capacity = 4};
    const uint64_t begin = host_now();

    put_u32(&size, command->used);
    tpm->code = 0;
    if (command->failed) {
        return -EIO;
    }
    for (;;) {
        uint32_t answered = 0;
        int rc = tpm->transport->exchange(tpm, command->used, duration, &answered);
        if (!rc) {
            rc = decode(tpm, answered, parameters);
        }
        if (!rc || !wants_again(tpm) || host_now() - begin > AGAIN_TIMEOUT) {
            return rc;
        }
        tpm->code = 0;
        host_pause();
    }
}

int tpm_finish_empty(struct tpm *tpm, struct tpm_writer *command, uint64_t duration)
{
    struct tpm_reader parameters;
    int rc = tpm_finish(tpm, command, duration, &parameters);

    return rc ? rc : get_end(&parameters);
}

/* --- opening -------------------------------------------------------------------------------- */

/* TPM2_GetCapability of one property (part 3, 30.2): is this a TPM 2.0? */
static int check_family(struct tpm *tpm)
{
    struct tpm_writer command = tpm_begin(tpm, TPM_CC_GET_CAPABILITY, 0);
    struct tpm_reader answer;

    put_u32(&command, CAP_TPM_PROPERTIES);
    put_u32(&command, PT_FAMILY_INDICATOR);
    put_u32(&command, 1);
    int rc = tpm_finish(tpm, &command, TPM_SHORT, &answer);
    if (rc) {
        return rc;
    }
    get_u8(&answer); /* more data */
    expect_u32(&answer, CAP_TPM_PROPERTIES);
    expect_u32(&answer, 1);
    expect_u32(&answer, PT_FAMILY_INDICATOR);
    expect_u32(&answer, FAMILY_2_0);
    return get_end(&answer);
}

/* TPM2_Startup (part 3, 9.3): the firmware's task, for machines where it did not do it. */
static int startup(struct tpm *tpm)
{
    struct tpm_writer command = tpm_begin(tpm, TPM_CC_STARTUP, 0);

    put_u16(&command, SU_CLEAR);
    return tpm_finish_empty(tpm, &command, TPM_SHORT);
}

int tpm_open(struct tpm *tpm, const struct tpm_place *place)
{
    memset(tpm, 0, sizeof(*tpm));
    tpm->transport = place->crb ? &tpm_crb : &tpm_tis;
    int rc = tpm->transport->open(tpm, place);
    if (rc) {
        tpm->transport = NULL;
        return rc;
    }
    rc = check_family(tpm);
    if (rc && tpm->code == RC_INITIALIZE) {
        rc = startup(tpm);
        if (!rc) {
            tpm->started = true;
            rc = check_family(tpm);
        }
    }
    if (rc) {
        tpm->transport = NULL;
    }
    return rc;
}

/* --- random numbers and PCRs ---------------------------------------------------------------- */

int tpm_random(struct tpm *tpm, void *to, size_t size)
{
    uint8_t *bytes = to;

    while (size > 0) {
        struct tpm_writer command = tpm_begin(tpm, TPM_CC_GET_RANDOM, 0);
        struct tpm_reader answer;
        uint16_t asked = size < TPM_DIGEST_SIZE ? size : TPM_DIGEST_SIZE;

        put_u16(&command, asked);
        int rc = tpm_finish(tpm, &command, TPM_SHORT, &answer);
        if (rc) {
            return rc;
        }
        /* It may give fewer, but some (part 3, 16.1). */
        uint16_t given = get_u16(&answer);
        if (!given || given > asked) {
            return -EIO;
        }
        get_bytes(&answer, bytes, given);
        rc = get_end(&answer);
        if (rc) {
            return rc;
        }
        bytes += given;
        size -= given;
    }
    return 0;
}

void tpm_put_selection(struct tpm_writer *command, uint32_t pcrs)
{
    put_u32(command, 1);
    put_u16(command, TPM_ALG_SHA256);
    put_u8(command, TPM_PCRS / 8);
    for (uint32_t byte = 0; byte < TPM_PCRS / 8; byte++) {
        put_u8(command, pcrs >> 8 * byte & 0xff);
    }
}

int tpm_pcr_read(struct tpm *tpm, uint32_t pcr, uint8_t value[TPM_DIGEST_SIZE])
{
    struct tpm_writer command = tpm_begin(tpm, TPM_CC_PCR_READ, 0);
    struct tpm_reader answer;

    tpm_put_selection(&command, UINT32_C(1) << pcr);
    int rc = tpm_finish(tpm, &command, TPM_SHORT, &answer);
    if (rc) {
        return rc;
    }
    get_u32(&answer); /* update counter */
    uint32_t banks = get_u32(&answer);
    uint32_t selected = 0;
    if (banks > 0) {
        expect_u16(&answer, TPM_ALG_SHA256);
        expect_u8(&answer, TPM_PCRS / 8);
        for (uint32_t byte = 0; byte < TPM_PCRS / 8; byte++) {
            selected |= (uint32_t)get_u8(&answer) << 8 * byte;
        }
    }
    uint32_t digests = get_u32(&answer);
    if (!answer.failed && banks <= 1 && !selected && !digests && !answer.left) {
        return -ENOENT;
    }
    answer.failed |= banks != 1 || selected != UINT32_C(1) << pcr || digests != 1;
    get_sized(&answer, value, TPM_DIGEST_SIZE);
    return get_end(&answer);
}

int tpm_pcr_extend(struct tpm *tpm, uint32_t pcr, const uint8_t digest[TPM_DIGEST_SIZE])
{
    struct tpm_writer command = tpm_begin(tpm, TPM_CC_PCR_EXTEND, TPM_RS_PASSWORD);

    put_u32(&command, pcr);
    tpm_authorize(&command, TPM_RS_PASSWORD);
    put_u32(&command, 1);
    put_u16(&command, TPM_ALG_SHA256);
    put_bytes(&command, digest, TPM_DIGEST_SIZE);
    return tpm_finish_empty(tpm, &command, TPM_SHORT);
}
