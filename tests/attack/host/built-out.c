/* SPDX-License-Identifier: MIT */
/*
 * Doors that this build of Xen does not have: kexec, livepatch, profiling, sharing, paging, debugging of
 * guests' memory, inter-domain messages. built-out TENANT
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "monitor.h"
#include "report.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/domctl.h>
#include <xen/platform.h>
#include <xen/sysctl.h>

static long sysctl(uint32_t command)
{
    static struct xen_sysctl *op;

    op = op ? op : hyper_memory(sizeof(*op));
    memset(op, 0, sizeof(*op));
    op->cmd = command;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hypercall2(__HYPERVISOR_sysctl, (uintptr_t)op, 0);
}

int main(int count, char **arguments)
{
    uint8_t *memory = hyper_memory(4096);
    xc_physinfo_t information;

    if (count < 2) {
        return 2;
    }
    report_control(!xc_physinfo(xen_tools(), &information), "XEN_SYSCTL_physinfo");
    report_control(hypercall2(__HYPERVISOR_xen_version, 0, 0) > 0, "xen_version");
    for (unsigned int op = 0; op <= 5; op++) {
        report_errno(hypercall2(__HYPERVISOR_kexec_op, op, (uintptr_t)memory), ENOSYS, "kexec");
    }
    report_errno2(sysctl(XEN_SYSCTL_livepatch_op), ENOSYS, EOPNOTSUPP, "livepatch");
    report_errno(hypercall2(__HYPERVISOR_xenoprof_op, 0, (uintptr_t)memory), ENOSYS, "xenoprof");
    report_errno(hypercall2(__HYPERVISOR_argo_op, 1, (uintptr_t)memory), ENOSYS, "argo");
    report_errno2(hypercall2(__HYPERVISOR_memory_op, XENMEM_sharing_op, (uintptr_t)memory), ENOSYS,
                  EOPNOTSUPP, "memory sharing");
    report_errno2(hypercall2(__HYPERVISOR_memory_op, XENMEM_paging_op, (uintptr_t)memory), ENOSYS,
                  EOPNOTSUPP, "memory paging");
    return report_end();
}
