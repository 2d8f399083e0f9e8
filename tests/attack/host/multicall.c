/* SPDX-License-Identifier: MIT */
/* dom0 puts control operations into a multicall, and gives operations that do not exist. */
#include <errno.h>
#include <stdio.h>

#include "monitor.h"
#include "report.h"
#include "xen_interface.h"

_Static_assert((1 + CLOISTER_OP_LIMIT) * sizeof(multicall_entry_t) <= 4096, "one page");

int main(void)
{
    multicall_entry_t *calls = hyper_memory(4096);
    struct cloister_info *information = hyper_memory(sizeof(*information));
    struct cloister_info plain = {0};

    report_control(!monitor_op(CLOISTER_OP_INFO, &plain, sizeof(plain)), "INFO by itself");
    calls[0] = (multicall_entry_t){.op = __HYPERVISOR_xen_version, .args = {0}};
    for (unsigned long op = 0; op < CLOISTER_OP_LIMIT; op++) {
        calls[1 + op] =
            (multicall_entry_t){.op = CLOISTER_HYPERCALL, .args = {op, (uintptr_t)information}};
    }
    long rc = hypercall2(__HYPERVISOR_multicall, (uintptr_t)calls, 1 + CLOISTER_OP_LIMIT);
    report_control(!rc && (long)calls[0].result > 0, "xen_version inside a multicall");
    for (unsigned int op = 0; op < CLOISTER_OP_LIMIT; op++) {
        char text[64];
        snprintf(text, sizeof(text), "control operation %u inside a multicall", op);
        report_errno((long)calls[1 + op].result, EBUSY, text);
    }
    report_errno(hypercall2(CLOISTER_HYPERCALL, CLOISTER_OP_LIMIT, (uintptr_t)information), ENOSYS,
                 "the first operation that there is not");
    report_errno(hypercall2(CLOISTER_HYPERCALL, 50, (uintptr_t)information), ENOSYS,
                 "operation 50");
    report_errno(hypercall2(CLOISTER_HYPERCALL, CLOISTER_OP_INFO, 0), EFAULT, "INFO to nowhere");
    report_errno(hypercall2(CLOISTER_HYPERCALL, CLOISTER_OP_INFO, 0xffff830000000000), EFAULT,
                 "INFO into Xen's memory");
    return report_end();
}
