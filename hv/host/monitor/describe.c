/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/errname.h"
#include "monitor/hypercall.h"

void hypercall_describe(int error, const struct cloister_head *head, char *text, size_t size)
{
    const char *name = errname(error);

    if (!head || head->reason == CLOISTER_REASON_NONE)
        snprintf(text, size, "%s", name);
    else if (head->found || head->allowed)
        snprintf(text, size, "%s (%s, %s: found %llu, allowed %llu)",
                 cloister_reason_text(head->reason), name, cloister_reason_name(head->reason),
                 (unsigned long long)head->found, (unsigned long long)head->allowed);
    else
        snprintf(text, size, "%s (%s, %s)", cloister_reason_text(head->reason), name,
                 cloister_reason_name(head->reason));
}
