/* SPDX-License-Identifier: MIT */
/* Installed into Xen's tree as asm/cloister_variables.h: host_variable_get() and host_variable_set(). */
#ifndef ASM_X86_CLOISTER_VARIABLES_H
#define ASM_X86_CLOISTER_VARIABLES_H

#include <xen/types.h>

int cloister_variable_get(const uint8_t guid[16], const char *name, uint32_t *attributes, void *data,
                          size_t *size);
int cloister_variable_set(const uint8_t guid[16], const char *name, uint32_t attributes,
                          const void *data, size_t size);

#endif
