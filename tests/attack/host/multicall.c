/* SPDX-License-Identifier: MIT */
/* dom0 puts control operations into a multicall, and gives operations that do not exist. */
#include <errno.h>
#include <stdio.h>

#include "monitor.h"
#include "report.h"
#include "xen_interface.h"

int main(void)
{
    multicall_entry_t *calls = hyper_memory(4096);
    struct cloister_info *information = hyper_memory(sizeof(*information));
    struct cloister_info plain = {0};

    report_control(!monitor_op(CLOISTER_OP_INFO, &plain, sizeof(plain)), "INFO by itself");
    calls[0] = (multicall_entry_t){.op = __HYPERVISOR_xen_version, .args = {0}};
    calls[1] = (multicall_entry_t){.op = CLOISTER_HYPERCALL,
                                   .args = {CLOISTER_OP_INFO, (uintptr_t)information}};
    calls[2] = (multicall_entry_t){.op = CLOISTER_HYPERCALL,
                                   .args = {CLOISTER_OP_DESTROY, (uintptr_t)information}};
    long rc = hypercall2(__HYPERVISOR_multicall, (uintptr_t)calls, 3);
    report_control(!rc && (long)calls[0].result > 0, "xen_version inside a multicall");
    report_errno((long)calls[1].result, EBUSY, "INFO inside a multicall");
    report_errno((long)calls[2].result, EBUSY, "DESTROY inside a multicall");
    report_errno(hypercall2(CLOISTER_HYPERCALL, 50, (uintptr_t)information), ENOSYS, "operation 50");
    report_errno(hypercall2(CLOISTER_HYPERCALL, CLOISTER_OP_INFO, 0), EFAULT, "INFO to nowhere");
    report_errno(hypercall2(CLOISTER_HYPERCALL, CLOISTER_OP_INFO, 0xffff830000000000), EFAULT,
                 "INFO into Xen's memory");
    return report_end();
}
