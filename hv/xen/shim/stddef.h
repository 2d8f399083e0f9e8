/* SPDX-License-Identifier: MIT */
#ifndef CLOISTER_SHIM_STDDEF_H
#define CLOISTER_SHIM_STDDEF_H
#include <xen/types.h>
#include <xen/compiler.h>
#endif
