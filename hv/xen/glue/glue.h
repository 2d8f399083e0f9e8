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
/*
 * The longest stretch without a preemption check: what is served on this CPU begins, asks whether others wait, ends.
 * CLOISTER_TEST_STRETCH reads it. What interrupts meanwhile counts, too.
 */
void stretch_begin(void);
void stretch_check(void);
void stretch_end(void);
#else
#define HOST_TEST_FLAG 0
#define stretch_begin() ((void)0)
#define stretch_check() ((void)0)
#define stretch_end() ((void)0)
#endif

#endif
