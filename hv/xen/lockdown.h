/* SPDX-License-Identifier: MIT */
/* What the files of the table of what dom0 may (monitor/lockdown.h) share on Xen. */
#ifndef CLOISTER_XEN_LOCKDOWN_H
#define CLOISTER_XEN_LOCKDOWN_H

#include "glue.h"

#include <xen/sched.h>

#include "monitor/lockdown.h"

/* Before the monitor's record is made: fills the table and seals it. */
void lockdown_start(void);
/* CLOISTER_INFO_* of what the table says, and of what stands around it (ATS). */
uint32_t lockdown_host_flags(void);
/* Gives the ports and the memory of every function that is not the chipset's, and knows what is. */
void lockdown_pci_start(void);
/* Is there a function of a management controller: IPMI's, or the display of one that reaches into it? */
bool lockdown_pci_has_bmc(void);

/* Gives memory by physical addresses, in whole pages; not where the firmware says that there is RAM or its own data. */
void lockdown_give_memory(uint64_t first, uint64_t last, const char *what);

/* The current domain asks for what the table does not give: 0 or -EPERM. */
static inline int lockdown_ask(enum cloister_lockdown_rule rule, uint64_t address, uint64_t value)
{
    return lockdown_refuse(current->domain->arch.cloister, rule, address, value);
}

#endif
