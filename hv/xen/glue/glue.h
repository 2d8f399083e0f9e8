/* SPDX-License-Identifier: MIT */
/* The monitor's headers as seen from Xen's side, and what the glue's files share. */
#ifndef CLOISTER_XEN_GLUE_H
#define CLOISTER_XEN_GLUE_H

#include <xen/errno.h>
#include <xen/types.h>

#include "monitor/vault/identity.h"
#include "monitor/core/monitor.h"
#include "monitor/vault/seal.h"

/* options.c. Booted with cloister=insecure-dma: enclaves without an IOMMU; with cloister-tpm=required. */
extern bool opt_insecure_dma, opt_tpm_required;
/* What host_update_key() answers. */
extern int update_key_status;

/* memory.c: places for the trace rings. -ENOMEM. */
int memory_init(void);
/* machine.c: what it says before there is a dom0. */
void machine_init(void);

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
