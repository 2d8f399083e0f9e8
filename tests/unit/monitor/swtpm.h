/* SPDX-License-Identifier: MIT */
/* A real TPM 2.0 emulator (swtpm) behind the simulated registers, for one test. */
#ifndef SWTPM_H
#define SWTPM_H

#include <stdbool.h>
#include <stdint.h>

/* Starts it in a new folder; `started`: as if the firmware had done TPM2_Startup. Ends the test if
 * there is no swtpm. It dies with the test. */
void swtpm_start(bool started);
/* The machine is reset: the PCRs are new, NV memory stays. */
void swtpm_reset(void);
/* Ends it and removes its folder. */
void swtpm_stop(void);

/* The n-th command from now (1: the next) never comes to it, and fails with TPM_RC_FAILURE; 0: none. */
extern uint32_t swtpm_error_at;
/* One command to it, as struct tpm_model wants it. */
bool swtpm_execute(const uint8_t *command, uint32_t size, uint8_t *response, uint32_t *answered);

#endif
