/* SPDX-License-Identifier: MIT */
#include "server/quiet.h"

bool quiet_may_say(struct quiet *quiet, int64_t now, uint32_t every, uint64_t *left_out)
{
    int64_t next = atomic_load(&quiet->next);

    /* Of several threads at once one wins. */
    if (now < next || !atomic_compare_exchange_strong(&quiet->next, &next, now + every)) {
        atomic_fetch_add(&quiet->left_out, 1);
        return false;
    }
    *left_out = atomic_exchange(&quiet->left_out, 0);
    return true;
}
