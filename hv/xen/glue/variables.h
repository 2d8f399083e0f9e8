/* SPDX-License-Identifier: MIT */
/* Installed into Xen's tree as asm/cloister_variables.h: what the monitor has of UEFI firmware's runtime services. */
#ifndef ASM_X86_CLOISTER_VARIABLES_H
#define ASM_X86_CLOISTER_VARIABLES_H

#include <xen/types.h>

/* host_variable_get() and host_variable_set() of monitor/core/host.h. */
int cloister_variable_get(const uint8_t guid[16], const char *name, uint32_t *attributes, void *data,
                          size_t *size);
int cloister_variable_set(const uint8_t guid[16], const char *name, uint32_t attributes,
                          const void *data, size_t size);

/* Does any of [first, last] hold code or data of the runtime services? (The devices that they use are not asked for.) */
bool cloister_is_firmware(uint64_t first, uint64_t last);

#endif
