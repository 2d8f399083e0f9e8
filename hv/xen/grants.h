/* SPDX-License-Identifier: MIT */
/* Installed into Xen's tree as asm/cloister_grants.h. */
#ifndef ASM_X86_CLOISTER_GRANTS_H
#define ASM_X86_CLOISTER_GRANTS_H

#include <xen/mm.h>

/* Holds a whole page that d granted writable to the current domain. -EINVAL. */
int cloister_grant_acquire(struct domain *d, uint32_t ref, mfn_t *mfn);
void cloister_grant_release(struct domain *d, uint32_t ref, mfn_t mfn);

#endif
