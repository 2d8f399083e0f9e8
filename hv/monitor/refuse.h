/* SPDX-License-Identifier: MIT */
/* How a control operation says no. */
#ifndef CLOISTER_MONITOR_REFUSE_H
#define CLOISTER_MONITOR_REFUSE_H

#include "host.h"

/* Fills the head's reason, found and allowed; returns `error`. */
static inline int refuse(struct cloister_head *head, int error, enum cloister_reason reason,
                         uint64_t found, uint64_t allowed)
{
    head->reason = reason;
    head->found = found;
    head->allowed = allowed;
    return error;
}

#endif
