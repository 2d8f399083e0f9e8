/* SPDX-License-Identifier: MIT */
#include "proof/allowance.h"

/* How long one takes to come back. */
static uint64_t period(const struct allowance *allowance)
{
    return ALLOWANCE_DAY / allowance->per_day;
}

uint64_t allowance_wait(const struct allowance *allowance, uint64_t now)
{
    const uint64_t room = (allowance->per_day - 1) * period(allowance);

    return allowance->whole > now + room ? allowance->whole - now - room : 0;
}

void allowance_take(struct allowance *allowance, uint64_t now)
{
    allowance->whole = (allowance->whole > now ? allowance->whole : now) + period(allowance);
}
