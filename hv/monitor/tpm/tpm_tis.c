/* SPDX-License-Identifier: MIT */
/* The FIFO interface of a TPM (PTP 6.5; known as TIS). */
#include "tpm/tpm_transport.h"

/* PTP 6.5.2: offsets from the base of locality 0. */
#define TIS_ACCESS 0x00u
#define TIS_STATUS 0x18u
#define TIS_STATUS_CANCEL 0x1bu /* its highest byte */
#define TIS_FIFO 0x24u
#define TIS_DID_VID 0xf00u
#define TIS_SIZE 0x1000u

/* PTP 6.5.2.4 */
#define ACCESS_VALID 0x80u
#define ACCESS_ACTIVE 0x20u
#define ACCESS_REQUEST 0x02u

/* PTP 6.5.2.5 */
#define STATUS_VALID 0x80u
#define STATUS_READY 0x40u
#define STATUS_GO 0x20u
#define STATUS_DATA 0x10u
#define STATUS_EXPECT 0x08u
#define STATUS_BURST_SHIFT 8
#define STATUS_CANCEL 0x01u /* commandCancel, in TIS_STATUS_CANCEL */

static int tis_open(struct tpm *tpm, const struct tpm_place *place)
{
    tpm->base = place->address;
    if (host_mmio_map(tpm->base, TIS_SIZE)) {
        return -ENXIO;
    }
    uint32_t identity = host_mmio_read32(tpm->base + TIS_DID_VID);
    if (!identity || identity == UINT32_MAX ||
        tpm_wait8(tpm->base + TIS_ACCESS, ACCESS_VALID, ACCESS_VALID, TPM_TIMEOUT_A)) {
        return -ENXIO;
    }
    return 0;
}

static int wait_status(const struct tpm *tpm, uint8_t mask, uint8_t value, uint64_t timeout)
{
    return tpm_wait8(tpm->base + TIS_STATUS, mask | STATUS_VALID, value | STATUS_VALID, timeout);
}

/* How many bytes the FIFO takes or gives now; waits until that is not 0. */
static int burst(const struct tpm *tpm, uint32_t most, uint32_t *count)
{
    const uint64_t begin = host_now();

    for (;;) {
        bool late = host_now() - begin > TPM_TIMEOUT_D;
        uint32_t status = host_mmio_read32(tpm->base + TIS_STATUS);
        if (status == UINT32_MAX) {
            return -ENXIO;
        }
        *count = status >> STATUS_BURST_SHIFT & 0xffff;
        if (*count) {
            *count = *count < most ? *count : most;
            return 0;
        }
        if (late) {
            return -ETIMEDOUT;
        }
        host_pause();
    }
}

/* The TPM expects more until the last byte, and nothing after it (PTP 6.5.3.5). */
static int send(const struct tpm *tpm, uint32_t size)
{
    uint32_t sent = 0;
    int rc = 0;

    while (!rc && sent < size) {
        uint32_t count;
        rc = burst(tpm, sent + 1 < size ? size - 1 - sent : 1, &count);
        for (uint32_t i = 0; !rc && i < count; i++) {
            host_mmio_write8(tpm->base + TIS_FIFO, tpm->command[sent++]);
        }
        if (!rc) {
            rc = wait_status(tpm, STATUS_EXPECT, sent < size ? STATUS_EXPECT : 0, TPM_TIMEOUT_C);
        }
    }
    return rc;
}

/* Reads tpm->response from `from` to `size`; the TPM must have that many (PTP 6.5.3.6). */
static int receive(struct tpm *tpm, uint32_t from, uint32_t size)
{
    int rc = 0;

    while (!rc && from < size) {
        uint32_t count;
        rc = wait_status(tpm, STATUS_DATA, STATUS_DATA, TPM_TIMEOUT_C);
        if (!rc) {
            rc = burst(tpm, size - from, &count);
        }
        for (uint32_t i = 0; !rc && i < count; i++) {
            tpm->response[from++] = host_mmio_read8(tpm->base + TIS_FIFO);
        }
    }
    return rc;
}

static int receive_all(struct tpm *tpm, uint32_t *answered)
{
    int rc = receive(tpm, 0, TPM_HEADER_SIZE);

    if (rc) {
        return rc;
    }
    *answered = tpm_response_size(tpm->response);
    if (!*answered) {
        return -EIO;
    }
    rc = receive(tpm, TPM_HEADER_SIZE, *answered);
    if (rc) {
        return rc;
    }
    rc = wait_status(tpm, 0, 0, TPM_TIMEOUT_C);
    if (!rc && host_mmio_read8(tpm->base + TIS_STATUS) & STATUS_DATA) {
        rc = -EIO; /* longer than it says */
    }
    return rc;
}

/* The command runs: waits for its end. One that takes too long is cancelled (PTP 6.5.2.5,
 * commandCancel). */
static int await(const struct tpm *tpm, uint64_t duration)
{
    int rc = wait_status(tpm, STATUS_DATA, STATUS_DATA, duration);

    if (rc == -ETIMEDOUT) {
        host_mmio_write8(tpm->base + TIS_STATUS_CANCEL, STATUS_CANCEL);
        /* It may still answer; that answer is not waited for longer than it takes to cancel. */
        int cancelled = wait_status(tpm, STATUS_DATA, STATUS_DATA, TPM_TIMEOUT_B);
        (void)cancelled;
    }
    return rc;
}

static int tis_exchange(struct tpm *tpm, uint32_t size, uint64_t duration, uint32_t *answered)
{
    const uint8_t active = ACCESS_VALID | ACCESS_ACTIVE;
    int rc;

    host_mmio_write8(tpm->base + TIS_ACCESS, ACCESS_REQUEST);
    rc = tpm_wait8(tpm->base + TIS_ACCESS, active, active, TPM_TIMEOUT_A);
    if (rc) {
        return rc;
    }
    host_mmio_write8(tpm->base + TIS_STATUS, STATUS_READY);
    rc = tpm_wait8(tpm->base + TIS_STATUS, STATUS_READY, STATUS_READY, TPM_TIMEOUT_B);
    if (!rc) {
        rc = send(tpm, size);
    }
    if (!rc) {
        host_mmio_write8(tpm->base + TIS_STATUS, STATUS_GO);
        rc = await(tpm, duration);
    }
    if (!rc) {
        rc = receive_all(tpm, answered);
    }
    /* Ends the command in every state: what is left of it is thrown away (PTP 6.5.2.5,
     * commandReady). */
    host_mmio_write8(tpm->base + TIS_STATUS, STATUS_READY);
    host_mmio_write8(tpm->base + TIS_ACCESS, ACCESS_ACTIVE);
    return rc;
}

const struct tpm_transport tpm_tis = {tis_open, tis_exchange};
