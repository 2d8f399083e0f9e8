/* SPDX-License-Identifier: MIT */
/* Installed into Xen's tree as asm/cloister_grants.h. */
#ifndef ASM_X86_CLOISTER_GRANTS_H
#define ASM_X86_CLOISTER_GRANTS_H

#include <xen/mm.h>

/* Holds a whole page that d granted writable to the current domain. -EINVAL. */
int cloister_grant_acquire(struct domain *d, uint32_t ref, uint64_t *frame);
void cloister_grant_release(struct domain *d, uint32_t ref, uint64_t frame);
/* Counts active grants of d whose frame is protected, and adds the active grants looked at. */
uint64_t cloister_grants_audit(struct domain *d, uint64_t *entries);
/* The monitor's answer, for a file that cannot see its headers. */
bool cloister_frame_is_protected(unsigned long mfn);

#endif
