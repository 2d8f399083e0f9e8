/* SPDX-License-Identifier: MIT */
/*
 * A simulation of a TPM's registers: the FIFO interface (TIS) and the command response buffer
 * (CRB), as the PC Client Platform TPM Profile describes them. What the TPM answers is not
 * simulated: `execute` asks a real TPM emulator (swtpm.h), or is a test's own function.
 *
 * Time is the fake host's: each look at a register takes a microsecond, host_pause() takes 100.
 */
#ifndef TPM_MODEL_H
#define TPM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "tpm/tpm.h"

enum tpm_model_kind {
    MODEL_NONE, /* every read gives all ones */
    MODEL_TIS,
    MODEL_CRB,
    MODEL_CRB_FIRMWARE, /* no locality registers; buffers in memory of their own */
};

/* What does not happen, for ever. */
enum tpm_model_stuck {
    STUCK_NOT,
    STUCK_LOCALITY, /* not granted */
    STUCK_READY,    /* never ready for a command */
    STUCK_BURST,    /* TIS: the burst count stays 0 */
    STUCK_VALID,    /* TIS: the status is never valid while a command is received */
    STUCK_EXPECT,   /* TIS: goes on to expect bytes after the last one */
    STUCK_RUN,      /* the command runs until it is cancelled, and after */
    STUCK_DATA,     /* TIS: the response stops after its first 12 bytes */
    STUCK_IDLE,     /* CRB: does not go idle */
    STUCK_LIMIT,
};

#define MODEL_ROOM 4096u
#define MODEL_FIRMWARE UINT64_C(0x7b3f6000) /* control area of MODEL_CRB_FIRMWARE */
#define MODEL_BUFFERS UINT64_C(0x7b3fa000)

extern struct tpm_model {
    enum tpm_model_kind kind;
    /* Answers a command. false: it does not answer. */
    bool (*execute)(const uint8_t *command, uint32_t size, uint8_t *response, uint32_t *answered);
    /* Changes an answer on its way; may be NULL. */
    void (*alter)(uint8_t *response, uint32_t *size);

    enum tpm_model_stuck stuck;
    uint32_t stuck_at;  /* in the n-th command from now (1: the next) only; 0: in all */
    uint32_t burst;     /* TIS: most bytes at a time; 0: 64 */
    uint64_t vanish_at; /* from the n-th access on all reads give all ones; 0: never */
    uint32_t fatal_at;  /* CRB: the n-th command ends in tpmSts; 0: none */
    uint32_t room;      /* CRB: what the registers say the buffers hold; 0: MODEL_ROOM */
    bool unmappable;    /* host_mmio_map() refuses */

    /* What was seen. */
    uint64_t accesses;
    uint32_t commands; /* that were run */
    uint32_t cancels;
    uint32_t claimed; /* times that the locality was taken, less those that it was given back */
    bool wrong;       /* an access that the profile does not allow */

    /* The model's own. */
    bool active, ready, running, complete;
    uint8_t command[MODEL_ROOM];
    uint8_t response[MODEL_ROOM];
    uint32_t taken, given, size;
} tpm_model;

/* A machine with such a TPM, or none. */
void tpm_model_start(enum tpm_model_kind kind,
                     bool (*execute)(const uint8_t *, uint32_t, uint8_t *, uint32_t *));

#endif
