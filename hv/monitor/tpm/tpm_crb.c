/* SPDX-License-Identifier: MIT */
/*
 * The command response buffer interface of a TPM (PTP 6.4). A discrete TPM has its control area at
 * 0x40 of locality 0 and registers for localities before it; firmware TPMs have it elsewhere, and
 * nothing before it can be relied on.
 */
#include "tpm/tpm_transport.h"

/* PTP 6.4.1: offsets from the base of locality 0. */
#define CRB_LOCALITY_STATE 0x00u
#define CRB_LOCALITY_CONTROL 0x08u
#define CRB_LOCALITY_STATUS 0x0cu
#define CRB_REQUEST 0x40u
#define CRB_STATUS 0x44u
#define CRB_CANCEL 0x48u
#define CRB_START 0x4cu
#define CRB_COMMAND_SIZE 0x58u
#define CRB_COMMAND_LOW 0x5cu
#define CRB_COMMAND_HIGH 0x60u
#define CRB_RESPONSE_SIZE 0x64u
#define CRB_RESPONSE_LOW 0x68u
#define CRB_RESPONSE_HIGH 0x6cu
#define CRB_SIZE 0x80u

#define LOCALITY_ASSIGNED 0x02u /* state, PTP 6.4.2.1 */
#define LOCALITY_VALID 0x80u
#define LOCALITY_REQUEST 0x01u /* control */
#define LOCALITY_RELINQUISH 0x02u
#define LOCALITY_GRANTED 0x01u /* status */
#define REQUEST_READY 0x01u
#define REQUEST_IDLE 0x02u
#define STATUS_FATAL 0x01u

/* The largest buffer that PTP's registers have room for. */
#define BUFFER_MOST 0x10000u

static uint32_t read_register(const struct tpm *tpm, uint32_t offset)
{
    return host_mmio_read32(tpm->base + offset);
}

static void write_register(const struct tpm *tpm, uint32_t offset, uint32_t value)
{
    host_mmio_write32(tpm->base + offset, value);
}

/* The buffers stand where the TPM says: in its own registers, or in memory that the firmware
 * reserved. */
static int buffers_find(struct tpm *tpm)
{
    tpm->command_room = read_register(tpm, CRB_COMMAND_SIZE);
    tpm->command_at =
        (uint64_t)read_register(tpm, CRB_COMMAND_HIGH) << 32 | read_register(tpm, CRB_COMMAND_LOW);
    tpm->response_room = read_register(tpm, CRB_RESPONSE_SIZE);
    tpm->response_at = (uint64_t)read_register(tpm, CRB_RESPONSE_HIGH) << 32 |
                       read_register(tpm, CRB_RESPONSE_LOW);
    if (tpm->command_room < TPM_HEADER_SIZE || tpm->command_room > BUFFER_MOST ||
        tpm->response_room < TPM_HEADER_SIZE || tpm->response_room > BUFFER_MOST) {
        return -ENXIO;
    }
    return host_mmio_map(tpm->command_at, tpm->command_room) ||
                   host_mmio_map(tpm->response_at, tpm->response_room)
               ? -ENXIO
               : 0;
}

static int crb_open(struct tpm *tpm, const struct tpm_place *place)
{
    tpm->base = place->address - CRB_REQUEST;
    tpm->has_localities = tpm->base == TPM_BASE;
    uint64_t first = tpm->has_localities ? tpm->base : place->address;
    if (host_mmio_map(first, tpm->base + CRB_SIZE - first) ||
        read_register(tpm, CRB_STATUS) == UINT32_MAX) {
        return -ENXIO;
    }
    return buffers_find(tpm);
}

static int locality_claim(const struct tpm *tpm)
{
    const uint32_t assigned = LOCALITY_ASSIGNED | LOCALITY_VALID;
    int rc;

    if (!tpm->has_localities) {
        return 0;
    }
    write_register(tpm, CRB_LOCALITY_CONTROL, LOCALITY_REQUEST);
    rc = tpm_wait32(tpm->base + CRB_LOCALITY_STATE, assigned, assigned, TPM_TIMEOUT_A);
    if (!rc) {
        rc = tpm_wait32(tpm->base + CRB_LOCALITY_STATUS, LOCALITY_GRANTED, LOCALITY_GRANTED,
                        TPM_TIMEOUT_A);
    }
    return rc;
}

static int crb_request(const struct tpm *tpm, uint32_t request)
{
    write_register(tpm, CRB_REQUEST, request);
    return tpm_wait32(tpm->base + CRB_REQUEST, request, 0, TPM_TIMEOUT_C);
}

/* The command runs from here; one that takes too long is cancelled (PTP 6.4.2.9). */
static int run(const struct tpm *tpm, uint64_t duration)
{
    write_register(tpm, CRB_START, 1);
    int rc = tpm_wait32(tpm->base + CRB_START, 1, 0, duration);
    if (rc == -ETIMEDOUT) {
        write_register(tpm, CRB_CANCEL, 1);
        int cancelled = tpm_wait32(tpm->base + CRB_START, 1, 0, TPM_TIMEOUT_B);
        (void)cancelled;
        write_register(tpm, CRB_CANCEL, 0);
    }
    if (!rc && read_register(tpm, CRB_STATUS) & STATUS_FATAL) {
        rc = -EIO;
    }
    return rc;
}

static int receive(struct tpm *tpm, uint32_t *answered)
{
    uint32_t size = TPM_HEADER_SIZE;

    for (uint32_t i = 0; i < size; i++) {
        tpm->response[i] = host_mmio_read8(tpm->response_at + i);
        if (i + 1 == TPM_HEADER_SIZE) {
            size = tpm_response_size(tpm->response);
            if (!size || size > tpm->response_room) {
                return -EIO;
            }
        }
    }
    *answered = size;
    /* The last bytes of a TPM that is gone are all ones, too. */
    return read_register(tpm, CRB_STATUS) == UINT32_MAX ? -ENXIO : 0;
}

/* The buffers can be read by whoever comes after: the next owner of the locality. */
static void scrub(const struct tpm *tpm, uint32_t size, uint32_t answered)
{
    if (crb_request(tpm, REQUEST_READY)) {
        return;
    }
    for (uint32_t i = 0; i < size; i++) {
        host_mmio_write8(tpm->command_at + i, 0);
    }
    for (uint32_t i = 0; i < answered; i++) {
        host_mmio_write8(tpm->response_at + i, 0);
    }
}

static int crb_exchange(struct tpm *tpm, uint32_t size, uint64_t duration, uint32_t *answered)
{
    int rc = locality_claim(tpm);

    if (rc) {
        return rc;
    }
    rc = size <= tpm->command_room ? crb_request(tpm, REQUEST_READY) : -EIO;
    if (!rc) {
        for (uint32_t i = 0; i < size; i++) {
            host_mmio_write8(tpm->command_at + i, tpm->command[i]);
        }
        rc = run(tpm, duration);
    }
    if (!rc) {
        rc = receive(tpm, answered);
    }
    scrub(tpm, size <= tpm->command_room ? size : 0, *answered);
    /* The response is here: a TPM that will not go idle has done what was asked, or is gone. */
    if (crb_request(tpm, REQUEST_IDLE) == -ENXIO) {
        rc = -ENXIO;
    }
    if (tpm->has_localities) {
        write_register(tpm, CRB_LOCALITY_CONTROL, LOCALITY_RELINQUISH);
    }
    return rc;
}

const struct tpm_transport tpm_crb = {crb_open, crb_exchange};
