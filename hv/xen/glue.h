/* SPDX-License-Identifier: MIT */
/* The monitor's headers as seen from Xen's side, and what the glue's files share. */
#ifndef CLOISTER_XEN_GLUE_H
#define CLOISTER_XEN_GLUE_H

#include <xen/errno.h>
#include <xen/types.h>

#include "monitor/monitor.h"

/* Booted with cloister=insecure-dma: enclaves without an IOMMU. */
extern bool opt_insecure_dma;

#endif
