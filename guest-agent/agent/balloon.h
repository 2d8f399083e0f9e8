/* SPDX-License-Identifier: MIT */
/*
 * Paying for enclaves with the tenant's own memory: gives pages back to Xen through Linux' balloon
 * driver before an enclave is created, and takes them again when it has ended. Off by default.
 */
#ifndef CLOISTER_AGENT_BALLOON_H
#define CLOISTER_AGENT_BALLOON_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Lowers the domain's target by `kb` KiB; it is reached some time later.
 *   -ENODEV  no balloon driver
 *   -ENOMEM  less than `keep` bytes would be left available
 */
__attribute__((warn_unused_result)) int balloon_shrink(uint64_t kb, uint64_t keep);
/* Raises it again. */
void balloon_grow(uint64_t kb);
/* Has the domain come down to its target? */
bool balloon_settled(void);

#endif
