/* SPDX-License-Identifier: MIT */
#ifndef CLOISTER_SHIM_STDBOOL_H
#define CLOISTER_SHIM_STDBOOL_H
#include <xen/types.h>
#endif
