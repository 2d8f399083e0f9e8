/* SPDX-License-Identifier: MIT */
/* What fuzz_verify starts from: evidence that verify_crypto.c finds good, policies, logs. */
#ifndef CLOISTER_FUZZ_VERIFY_SEEDS_H
#define CLOISTER_FUZZ_VERIFY_SEEDS_H

#include "cloister/evidence.h"

#define VERIFY_POLICIES 4

extern const char *const verify_policies[VERIFY_POLICIES];
extern uint8_t verify_nonce[32];
extern struct cloister_bytes verify_seed_evidence; /* the first policy accepts it */

void verify_seeds_make(void);
/* One file each into this folder. 0, or -1 after having said why. */
int verify_seeds_write(const char *folder);

#endif
