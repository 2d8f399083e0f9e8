/* SPDX-License-Identifier: MIT */
/*
 * The machine's way down: what must not stay in memory, and how the machine is switched off.
 *
 * Memory keeps what it holds over a reset, and for a while without power. Whoever's code runs next reads it.
 */
#ifndef CLOISTER_MONITOR_POWER_H
#define CLOISTER_MONITOR_POWER_H

#include "core/host.h"

/*
 * Wipes every frame of the monitor's, and its keys: nothing can be signed, sealed or counted from here on. For when no
 * other CPU runs any more; takes no lock and allocates nothing. Its time is that of writing these frames.
 */
void power_scrub(void);

/* SLP_TYP of the soft-off state, 0 .. 7, for the registers PM1a_CNT and PM1b_CNT (ACPI 6.5, 7.4.2). */
struct power_off {
    bool known;
    uint8_t pm1a; /* also that of SLEEP_CONTROL (4.8.3.7) */
    uint8_t pm1b;
};

/*
 * Looks for \_S5_ in one AML table, without interpreting it: a name of a package that begins with one or two numbers,
 * or with one that is both (ACPI 6.5, 20.2.5.1, 20.2.5.4, 20.2.3). Fills `off`, or compares with what is known.
 * -ENOENT: not there. -EINVAL: it is, and is no such package, or contradicts another: do not switch off by it.
 */
MUST_USE int power_find_off(const void *table, size_t size, struct power_off *off);

#endif
