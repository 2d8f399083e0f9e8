/* SPDX-License-Identifier: MIT */
/*
 * Pages that a tenant process and an enclave share: ordinary kernel pages out of /dev/xen/gntalloc,
 * granted writable to domain 0, pinned and unmovable while the grant is in use.
 *
 * Each enclave has an open file of its own. It is handed to the application, which maps it; the
 * kernel frees the pages when the last descriptor and mapping are gone and the host has let go of
 * the grants.
 *
 * With the descriptor an application can also grant pages of its own to any domain, up to the module's
 * limit, which is one for the guest, and for as long as it keeps it, UNLOAD or not: whoever may use the
 * agent's socket must be trusted with that.
 */
#ifndef CLOISTER_AGENT_GRANT_H
#define CLOISTER_AGENT_GRANT_H

#include <stdint.h>

struct grant {
    int descriptor;  /* the open file, or -1 */
    uint32_t count;  /* pages */
    uint64_t offset; /* for mmap */
    uint32_t *refs;  /* grant references, one per page */
};

#define GRANT_NONE ((struct grant){.descriptor = -1})

/*
 * Allocates `count` zeroed pages, granted to domain 0.
 *   -ENODEV, -ENOENT  no driver (xen-gntalloc)
 *   -ENOSPC   the driver's limit is reached (module parameter `limit`)
 *   -ENOMEM
 */
__attribute__((warn_unused_result)) int grant_allocate(uint32_t count, struct grant *grant);
/* Closes and frees what is there; may be called on GRANT_NONE and more than once. */
void grant_release(struct grant *grant);
/* Can the driver be used? 0 or a negative errno. */
__attribute__((warn_unused_result)) int grant_probe(void);
/* Raises the driver's limit to at least `pages`; a failure is logged and otherwise ignored. */
void grant_raise_limit(unsigned long pages);

#endif
