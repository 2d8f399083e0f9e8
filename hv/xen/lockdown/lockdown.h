/* SPDX-License-Identifier: MIT */
/* What the files of the table of what dom0 may (monitor/machine/lockdown.h) share on Xen. */
#ifndef CLOISTER_XEN_LOCKDOWN_H
#define CLOISTER_XEN_LOCKDOWN_H

#include "glue/glue.h"

#include <xen/sched.h>

#include "monitor/machine/lockdown.h"

#define LOCKDOWN_BUSES 256u /* of a PCI segment */

/* Before the monitor's record is made: fills the table and seals it. */
void lockdown_start(void);
/* CLOISTER_INFO_* of what the table says, and of what stands around it (ATS). */
uint32_t lockdown_host_flags(void);
/* Gives the ports and the memory of every function that is not the chipset's, and knows what is. */
void lockdown_pci_start(void);
/* Is there a function of a management controller: IPMI's, or the display of one that reaches into it? */
bool lockdown_pci_has_bmc(void);

/* Memory that no row of the machine's may give from now on, by physical addresses; size 0: nothing. */
void lockdown_keep(uint64_t first, uint64_t size);
/* Gives memory by physical addresses, in whole pages; not what is kept, which it says. Nothing at 0, or of size 0. */
void lockdown_give_memory(uint64_t first, uint64_t size, const char *what);

/* What dom0 does not have of ports, frames, and frames for its devices, once there is a dom0. */
enum { CLOSED_PORTS, CLOSED_MEMORY, CLOSED_DMA, CLOSED_END };
extern struct rangeset *lockdown_closed[CLOSED_END];

/* For the audit: functions of a bus that are not as they must be. */
void lockdown_audit_bus(unsigned int bus, struct cloister_audit *audit);

#ifdef CLOISTER_TEST
/* The function counts as the chipset's, or not any more. False: it was so. */
bool lockdown_test_chipset(uint32_t bdf, bool is);
#endif

/* The current domain asks for what the table does not give: 0 or -EPERM. */
static inline int lockdown_ask(enum cloister_lockdown_rule rule, uint64_t address, uint64_t value)
{
    return lockdown_refuse(current->domain->arch.cloister, rule, address, value);
}

#endif
