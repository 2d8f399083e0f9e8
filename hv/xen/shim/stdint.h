/* SPDX-License-Identifier: MIT */
/* The C standard's integer types from Xen's, for sources that know no Xen header. */
#ifndef CLOISTER_SHIM_STDINT_H
#define CLOISTER_SHIM_STDINT_H

#include <xen/types.h>

#ifndef UINT64_C
#define UINT64_C(c) c##UL
#define UINT32_C(c) c##U
#define UINT16_C(c) c
#endif
#ifndef UINT64_MAX
#define UINT64_MAX (~UINT64_C(0))
#endif
#ifndef SIZE_MAX
#define SIZE_MAX (~(size_t)0)
#endif

#endif
