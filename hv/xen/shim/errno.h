/* SPDX-License-Identifier: MIT */
/* Xen's numbers are Linux's, for all that it has. */
#ifndef CLOISTER_SHIM_ERRNO_H
#define CLOISTER_SHIM_ERRNO_H
#include <xen/errno.h>
#define EDQUOT 122
#endif
