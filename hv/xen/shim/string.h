/* SPDX-License-Identifier: MIT */
#ifndef CLOISTER_SHIM_STRING_H
#define CLOISTER_SHIM_STRING_H
#include <xen/string.h>
#endif
