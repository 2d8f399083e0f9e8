/* SPDX-License-Identifier: MIT */
/*
 * The firmware clears memory at the next reset, whoever makes it: two variables of UEFI firmware.
 *
 *   MemoryOverwriteRequestControl       bit 0: clear memory before anything else is booted; bit 4: also after what
 *                                       looks like an orderly way down (TCG PC Client Platform Reset Attack
 *                                       Mitigation 1.10, 4)
 *   MemoryOverwriteRequestControlLock   1: neither variable changes until the next reset; 2: the same for who has no
 *                                       key; 0: open (the same, 6; Secure MOR, revisions 1 and 2)
 *
 * The firmware makes both anew at each boot. Where it does not know them they are not made here: they would be stored,
 * and mean nothing. The lock is set without a key: a key that is kept nowhere does the same, and one way less to fail.
 * What the firmware says is tried: the lock holds only if the firmware refuses to open it and to withdraw the request.
 */
#ifndef CLOISTER_MONITOR_MOR_H
#define CLOISTER_MONITOR_MOR_H

#include "core/host.h"

/* X(NAME, "what is so") */
#define MOR_OUTCOMES(X)                                                                            \
    X(NOT_ASKED, "the firmware was not asked")                                                     \
    X(LOCKED, "the firmware clears memory at the next reset, and nobody takes that back")          \
    X(NO_SERVICES, "there are no runtime services of UEFI firmware")                               \
    X(ABSENT, "the firmware does not know MemoryOverwriteRequestControl")                          \
    X(NO_LOCK, "the firmware was told to, but has no MemoryOverwriteRequestControlLock")           \
    X(TAKEN, "what was booted before Xen has locked the request, or has its key")                  \
    X(REFUSED, "the firmware refuses the request or the lock")                                     \
    X(FALSE, "the firmware says yes, and does not keep to it")

#define MOR_OUTCOME_ENUM(name, text) MOR_##name,
enum mor_outcome { MOR_OUTCOMES(MOR_OUTCOME_ENUM) };
#undef MOR_OUTCOME_ENUM

struct mor_status {
    enum mor_outcome outcome;
    int error; /* REFUSED: what host_variable_get() or host_variable_set() answered */
};

/* Once, before the first domain exists and before the monitor record is made. */
void mor_init(void);
const struct mor_status *mor_status(void);
const char *mor_text(void);

#endif
