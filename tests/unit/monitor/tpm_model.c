/* SPDX-License-Identifier: MIT */
#include "tpm_model.h"

#include <string.h>

#include "fake_host.h"

#define MICROSECOND 1000u
#define STUCK_RESPONSE 12u

struct tpm_model tpm_model;

void tpm_model_start(enum tpm_model_kind kind,
                     bool (*execute)(const uint8_t *, uint32_t, uint8_t *, uint32_t *))
{
    memset(&tpm_model, 0, sizeof(tpm_model));
    tpm_model.kind = kind;
    tpm_model.execute = execute;
}

static bool is_stuck(enum tpm_model_stuck stage)
{
    uint32_t current = tpm_model.commands + !(tpm_model.running || tpm_model.complete);

    return tpm_model.stuck == stage && (!tpm_model.stuck_at || current == tpm_model.stuck_at);
}

/* What the command's head says that its size is. */
static uint32_t command_size(void)
{
    const uint8_t *c = tpm_model.command;

    return tpm_model.taken < 6
               ? 6
               : (uint32_t)c[2] << 24 | (uint32_t)c[3] << 16 | (uint32_t)c[4] << 8 | c[5];
}

static void run(void)
{
    tpm_model.commands++;
    tpm_model.running = true;
    if (is_stuck(STUCK_RUN)) {
        return;
    }
    uint32_t answered = 0;
    if (!tpm_model.execute(tpm_model.command, command_size(), tpm_model.response, &answered)) {
        return;
    }
    if (tpm_model.alter) {
        tpm_model.alter(tpm_model.response, &answered);
        memset(tpm_model.response + answered, 0, MODEL_ROOM - answered);
    }
    tpm_model.size = answered;
    tpm_model.given = 0;
    tpm_model.running = false;
    tpm_model.complete = true;
}

/* The buffers of a CRB keep what stands there. */
static void forget(void)
{
    tpm_model.taken = tpm_model.given = tpm_model.size = 0;
    tpm_model.running = tpm_model.complete = false;
}

static void claim(void)
{
    if (!is_stuck(STUCK_LOCALITY) && !tpm_model.active) {
        tpm_model.active = true;
        tpm_model.claimed++;
    }
}

static void relinquish(void)
{
    tpm_model.claimed -= tpm_model.active;
    tpm_model.active = false;
}

/* --- FIFO ------------------------------------------------------------------------------------- */

static uint32_t fifo_left(void)
{
    uint32_t end =
        is_stuck(STUCK_DATA) && tpm_model.size > STUCK_RESPONSE ? STUCK_RESPONSE : tpm_model.size;

    return tpm_model.complete ? end - tpm_model.given : 0;
}

static uint32_t tis_status(void)
{
    uint32_t most = tpm_model.burst ? tpm_model.burst : 64;
    uint32_t burst = tpm_model.complete ? fifo_left() : most;
    bool expects = tpm_model.taken > 0 && !tpm_model.complete && !tpm_model.running &&
                   (tpm_model.taken < command_size() || is_stuck(STUCK_EXPECT));

    if (is_stuck(STUCK_BURST)) {
        burst = 0;
    }
    burst = burst < most ? burst : most;
    return (is_stuck(STUCK_VALID) && tpm_model.taken ? 0 : 0x80) | (tpm_model.ready ? 0x40 : 0) |
           (fifo_left() ? 0x10 : 0) | (expects ? 0x08 : 0) | burst << 8 | 1u << 26;
}

static uint32_t tis_read(uint64_t offset, bool wide)
{
    if (offset == 0x00) {
        return 0x81 | (tpm_model.active ? 0x20 : 0);
    }
    if (offset == 0xf00) {
        return 0x00011014;
    }
    if (!tpm_model.active) {
        return UINT32_MAX; /* not this locality's */
    }
    switch (offset) {
    case 0x18:
        return tis_status();
    case 0x24:
        tpm_model.wrong |= wide || !fifo_left();
        return fifo_left() ? tpm_model.response[tpm_model.given++] : 0xff;
    default:
        tpm_model.wrong = true;
        return UINT32_MAX;
    }
}

static void tis_write(uint64_t offset, uint8_t value)
{
    if (offset == 0x00) {
        if (value == 0x02) {
            claim();
        } else if (value == 0x20) {
            relinquish();
        }
        return;
    }
    tpm_model.wrong |= !tpm_model.active;
    switch (offset) {
    case 0x18:
        if (value == 0x40) {
            forget();
            tpm_model.ready = !is_stuck(STUCK_READY);
        } else if (value == 0x20) {
            tpm_model.wrong |= tpm_model.taken != command_size();
            run();
        } else {
            tpm_model.wrong = true;
        }
        break;
    case 0x1b:
        tpm_model.wrong |= value != 1;
        tpm_model.cancels++;
        break;
    case 0x24:
        tpm_model.ready = false;
        tpm_model.wrong |= tpm_model.taken >= MODEL_ROOM;
        if (tpm_model.taken < MODEL_ROOM) {
            tpm_model.command[tpm_model.taken++] = value;
        }
        break;
    default:
        tpm_model.wrong = true;
    }
}

/* --- command response buffer ------------------------------------------------------------------ */

static bool in_registers(uint64_t address, uint64_t *offset)
{
    uint64_t base = tpm_model.kind == MODEL_CRB ? TPM_BASE : MODEL_FIRMWARE - 0x40;

    *offset = address - base;
    return address >= base + (tpm_model.kind == MODEL_CRB ? 0 : 0x40) && *offset < 0x80;
}

static uint64_t command_buffer(void)
{
    return tpm_model.kind == MODEL_CRB ? TPM_BASE + 0x80 : MODEL_BUFFERS;
}

/* One buffer for both, as in a discrete TPM; a firmware's are apart. */
static uint64_t response_buffer(void)
{
    return tpm_model.kind == MODEL_CRB ? TPM_BASE + 0x80 : MODEL_BUFFERS + MODEL_ROOM;
}

static uint32_t crb_read(uint64_t address)
{
    uint32_t room = tpm_model.room ? tpm_model.room : MODEL_ROOM - 0x80;
    uint64_t offset;

    if (!in_registers(address, &offset)) {
        offset = address - response_buffer();
        tpm_model.wrong |= offset >= MODEL_ROOM || tpm_model.running;
        return offset < MODEL_ROOM ? tpm_model.response[offset] : UINT32_MAX;
    }
    switch (offset) {
    case 0x00:
        return 0x80 | (tpm_model.active ? 0x02 : 0);
    case 0x0c:
        return tpm_model.active;
    case 0x40:
        return is_stuck(STUCK_READY) || (is_stuck(STUCK_IDLE) && tpm_model.complete) ? 3 : 0;
    case 0x44:
        return (tpm_model.ready ? 0 : 2) |
               (tpm_model.fatal_at && tpm_model.commands == tpm_model.fatal_at);
    case 0x4c:
        return tpm_model.running;
    case 0x58:
    case 0x64:
        return room;
    case 0x5c:
        return (uint32_t)command_buffer();
    case 0x68:
        return (uint32_t)response_buffer();
    case 0x60:
    case 0x6c:
        return 0;
    default:
        tpm_model.wrong = true;
        return UINT32_MAX;
    }
}

static void crb_write8(uint64_t address, uint8_t value)
{
    uint64_t offset = address - command_buffer();
    uint64_t back = address - response_buffer();

    tpm_model.wrong |=
        (offset >= MODEL_ROOM && back >= MODEL_ROOM) || !tpm_model.ready || tpm_model.running;
    if (offset < MODEL_ROOM) {
        tpm_model.command[offset] = value;
        tpm_model.taken = offset + 1;
    }
    if (back < MODEL_ROOM) {
        tpm_model.response[back] = value; /* the same buffer, or one of its own */
    }
}

static void crb_write32(uint64_t address, uint32_t value)
{
    uint64_t offset;

    tpm_model.wrong |= !in_registers(address, &offset);
    switch (offset) {
    case 0x08:
        if (value == 1) {
            claim();
        } else {
            relinquish();
        }
        break;
    case 0x40:
        forget();
        tpm_model.ready = value == 1;
        break;
    case 0x48:
        tpm_model.cancels += value;
        break;
    case 0x4c:
        tpm_model.wrong |= value != 1 || !tpm_model.ready;
        run();
        break;
    default:
        tpm_model.wrong = true;
    }
}

/* --- the monitor's seam --------------------------------------------------------------------- */

static bool gone(void)
{
    fake.now += MICROSECOND;
    tpm_model.accesses++;
    return tpm_model.kind == MODEL_NONE ||
           (tpm_model.vanish_at && tpm_model.accesses >= tpm_model.vanish_at);
}

static uint32_t read_any(uint64_t address, bool wide)
{
    if (gone()) {
        return UINT32_MAX;
    }
    return tpm_model.kind == MODEL_TIS ? tis_read(address - TPM_BASE, wide) : crb_read(address);
}

bool host_tpm_place(struct tpm_place *place)
{
    *place = (struct tpm_place){.crb = tpm_model.kind == MODEL_CRB ||
                                       tpm_model.kind == MODEL_CRB_FIRMWARE,
                                .address = tpm_model.kind == MODEL_CRB            ? TPM_BASE + 0x40
                                           : tpm_model.kind == MODEL_CRB_FIRMWARE ? MODEL_FIRMWARE
                                                                                  : TPM_BASE};
    return tpm_model.kind != MODEL_NONE;
}

int host_mmio_map(uint64_t address, uint32_t size)
{
    uint64_t base = tpm_model.kind == MODEL_CRB_FIRMWARE ? MODEL_FIRMWARE : TPM_BASE;

    if (tpm_model.unmappable) {
        return -ENXIO;
    }
    tpm_model.wrong |= address < base || size > 2 * MODEL_ROOM;
    return 0;
}

uint8_t host_mmio_read8(uint64_t address)
{
    return (uint8_t)read_any(address, false);
}

uint32_t host_mmio_read32(uint64_t address)
{
    return read_any(address, true);
}

void host_mmio_write8(uint64_t address, uint8_t value)
{
    if (gone()) {
        return;
    }
    if (tpm_model.kind == MODEL_TIS) {
        tis_write(address - TPM_BASE, value);
    } else {
        crb_write8(address, value);
    }
}

void host_mmio_write32(uint64_t address, uint32_t value)
{
    if (gone()) {
        return;
    }
    if (tpm_model.kind == MODEL_TIS) {
        tpm_model.wrong = true; /* byte registers */
    } else {
        crb_write32(address, value);
    }
}

void host_pause(void)
{
    fake.now += 100 * MICROSECOND;
}
