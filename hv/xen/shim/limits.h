/* SPDX-License-Identifier: MIT */
#ifndef CLOISTER_SHIM_LIMITS_H
#define CLOISTER_SHIM_LIMITS_H
#include <xen/types.h>
#ifndef CHAR_BIT
#define CHAR_BIT 8
#endif
#endif
