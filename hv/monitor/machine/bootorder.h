/* SPDX-License-Identifier: MIT */
/*
 * The firmware's boot entries: dom0 sees them, orders them and chooses the next one, and makes none.
 *
 * An order is what UEFI firmware keeps in BootOrder; the next boot's entry is BootNext, which the firmware removes when
 * it takes it; each entry is a variable Boot#### (UEFI 2.10, 3.1, 3.3). What an entry starts is measured as ever: another
 * entry is another PCR 4, and opens no sealing root that was not made for it. The order itself is in PCR 1, which is not
 * bound.
 *
 * *Decode, then perform*: every entry is looked up before the one write that there is. No lock is needed: entries do not
 * go away while the machine runs, nobody but dom0 asks, and the firmware's own state has Xen's lock.
 *
 * The firmware is asked only where it is what was booted: LOCKDOWN (no room of the table is open, and the table does not
 * only watch: dom0 writes no memory that the firmware keeps, calls none of its services, reaches no DMA engine that the
 * IOMMU does not see), IOMMU_STRICT, and not ATS (its devices reach dom0's own memory only).
 */
#ifndef CLOISTER_MONITOR_BOOTORDER_H
#define CLOISTER_MONITOR_BOOTORDER_H

#include "core/host.h"

/* The operation of abi.h, with its errors. */
MUST_USE int bootorder_serve(struct cloister_boot *op);
/* Changes since boot. */
uint64_t bootorder_changes(void);

#endif
