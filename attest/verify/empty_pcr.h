/* SPDX-License-Identifier: MIT */
/* PCR values that prove nothing: cloister/predict.h, "Values that prove nothing". */
#ifndef CLOISTER_VERIFY_EMPTY_PCR_H
#define CLOISTER_VERIFY_EMPTY_PCR_H

#include <stddef.h>
#include <stdint.h>

/* Room for the names of all PCRs of a mask. */
#define PCR_LIST_ROOM 96u

/* "PCR 4", "PCRs 4, 7, 8, 9" from a mask of at least one. */
void pcr_list(uint32_t mask, char *text, size_t capacity);

#endif
