/* SPDX-License-Identifier: MIT */
/* What the files of chip.h share. */
#ifndef CLOISTER_HOST_TPM_INTERNAL_H
#define CLOISTER_HOST_TPM_INTERNAL_H

#include "tpm/chip.h"

/* A command begins; its name goes to chip->progress. */
void chip_begin(struct chip *chip, const char *command);
/* It ended so: 0, or -EIO with chip->why. */
__attribute__((warn_unused_result)) int chip_end(struct chip *chip, TSS2_RC rc);
/* A sentence of our own about the command. */
__attribute__((format(printf, 3, 4))) int chip_fail(struct chip *chip, int error,
                                                    const char *format, ...);
/* The answer "there is nothing at this handle" (part 2, 6.6.3: TPM_RC_HANDLE). */
bool chip_is_absent(TSS2_RC rc);
/* Ends what was loaded; errors change nothing any more. */
void chip_flush(struct chip *chip, ESYS_TR handle);

#endif
