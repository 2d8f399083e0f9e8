/* SPDX-License-Identifier: MIT */
/* Xen's public headers as the tools see them. */
#ifndef ATTACK_XEN_INTERFACE_H
#define ATTACK_XEN_INTERFACE_H

#define __XEN_TOOLS__ 1

#include <stdint.h>

#include <xen/xen.h>
/* after xen.h */
#include <xen/grant_table.h>
#include <xen/memory.h>

#endif
