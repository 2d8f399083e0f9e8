/* SPDX-License-Identifier: MIT */
/*
 * Monotonic counters (cloister/counter.h; abi.h says how the host keeps them).
 *
 * What makes a copy the newest is the value V of NV index CLOISTER_COUNTERS_INDEX, which can only be extended
 * (TPM 2.0 part 3, 31.9): V' = SHA-256(V || data). A copy holds the V that was before it, and its data is an HMAC
 * of the copy with a key that only the monitor has. So
 *   - dom0, which may extend the index as it likes, makes V one that no copy leads to: counters are lost;
 *   - of two copies for the same V only one can be extended first, and no earlier V comes back;
 *   - an index that dom0 removes and makes again does not have the authorization value, which only the monitor
 *     knows: the monitor finds that out at boot, and makes one whose V starts with random bytes.
 *
 * At run time the TPM is dom0's. The monitor believes it nothing: that the index has V' says the HMAC of the TPM's
 * response, whose key is the authorization value (part 1, 19.6.5). Nonces add nothing to that, since no V comes
 * twice: the caller's is zero.
 *
 * Locking: counters.lock, a leaf.
 */
#ifndef CLOISTER_MONITOR_COUNTERS_H
#define CLOISTER_MONITOR_COUNTERS_H

#include <bearssl_rand.h>

#include "core/enclave.h"
#include "tpm/tpm.h"

/* After seal_init(); `tpm` is not used if there is no sealing root. */
void counters_init(struct tpm *tpm, br_hmac_drbg_context *generator);

/* CLOISTER_ENCLAVE_COUNTER, as seal_key(). */
MUST_USE int counters_use(const struct enclave *enclave, void *buffer,
                          enum cloister_reason *reason);

/* The operations of abi.h, with its errors. */
MUST_USE int counters_load(struct cloister_counters_load *op);
MUST_USE int counters_save(struct cloister_counters_save *op);
MUST_USE int counters_read(struct cloister_counters_read *op);
MUST_USE int counters_commit(struct cloister_counters_commit *op);
MUST_USE int counters_forget(struct cloister_counters_forget *op);
/* There are counters under this UUID; as long as those of the last boot are not loaded: there may be. */
bool counters_has(const uint8_t domain_uuid[16]);
/* Fills the counters' part of an INFO. */
void counters_count(struct cloister_info *info);

/* The way down, without the lock: there are no counters any more. */
void counters_wipe(void);

#ifdef CLOISTER_TEST
const uint8_t *counters_test_key(void);
const uint8_t *counters_test_auth(void);
#endif

#endif
