/* SPDX-License-Identifier: MIT */
/* How a control operation says no, and what every caller must leave zero. */
#ifndef CLOISTER_MONITOR_REFUSE_H
#define CLOISTER_MONITOR_REFUSE_H

#include "core/host.h"

/* As reserved fields must be. */
static inline bool is_zero(const void *memory, size_t size)
{
    const uint8_t *bytes = memory;

    while (size > 0 && !bytes[size - 1]) {
        size--;
    }
    return size == 0;
}

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
