/* SPDX-License-Identifier: MIT */
/* The monitor's headers as seen from Xen's side, and what the glue's files share. */
#ifndef CLOISTER_XEN_GLUE_H
#define CLOISTER_XEN_GLUE_H

#include <xen/errno.h>
#include <xen/types.h>

#include "monitor/vault/identity.h"
#include "monitor/core/monitor.h"
#include "monitor/vault/seal.h"

/* Booted with cloister=insecure-dma: enclaves without an IOMMU. */
extern bool opt_insecure_dma;

/* power.c: what the firmware says and is told, before monitor_init() makes the record. */
void power_init(void);

#ifdef CLOISTER_TEST
#include <xen/guest_access.h>
#define HOST_TEST_FLAG CLOISTER_INFO_TEST
/* Dumps show what the mark hides; secrets.c. */
extern bool secret_test_shown;
/* CLOISTER_OP_TEST; test.c. */
long cloister_test(XEN_GUEST_HANDLE_PARAM(void) arg);
/* The way down clears nothing. */
extern bool power_test_keep;
#else
#define HOST_TEST_FLAG 0
#endif

#endif
