/* SPDX-License-Identifier: MIT */
/*
 * Doors that this build of Xen does not have: kexec, livepatch, profiling, sharing, paging, debugging of
 * guests' memory, inter-domain messages. built-out HELPER
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
#include <xen/sysctl.h>

static long livepatch(void)
{
    struct xen_sysctl op;

    memset(&op, 0, sizeof(op));
    op.cmd = XEN_SYSCTL_livepatch_op;
    op.u.livepatch.cmd = XEN_SYSCTL_LIVEPATCH_LIST;
    return sysctl(&op);
}

static long physinfo(void)
{
    struct xen_sysctl op;

    memset(&op, 0, sizeof(op));
    op.cmd = XEN_SYSCTL_physinfo;
    return sysctl(&op);
}

/* Reads a guest's memory, on a domain that has no enclaves: with them it is frozen (context.c). */
static long gdbsx(uint32_t domain)
{
    struct xen_domctl op;

    memset(&op, 0, sizeof(op));
    op.cmd = XEN_DOMCTL_gdbsx_guestmemio;
    op.domain = domain;
    return domctl(&op);
}

int main(int count, char **arguments)
{
    if (count < 2) {
        return 2;
    }
    uint8_t *memory = hyper_memory(4096);
    report_control(!physinfo(), "XEN_SYSCTL_physinfo");
    report_control(hypercall2(__HYPERVISOR_xen_version, 0, 0) > 0, "xen_version");
    for (unsigned int op = 0; op <= 5; op++) {
        report_errno(hypercall2(__HYPERVISOR_kexec_op, op, (uintptr_t)memory), ENOSYS, "kexec");
    }
    report_errno2(livepatch(), ENOSYS, EOPNOTSUPP, "livepatch");
    report_errno(gdbsx(strtoul(arguments[1], NULL, 0)), ENOSYS, "gdbsx");
    report_errno(hypercall2(__HYPERVISOR_xenoprof_op, 0, (uintptr_t)memory), ENOSYS, "xenoprof");
    report_errno(hypercall2(__HYPERVISOR_argo_op, 1, (uintptr_t)memory), ENOSYS, "argo");
    report_errno2(hypercall2(__HYPERVISOR_memory_op, XENMEM_sharing_op, (uintptr_t)memory), ENOSYS,
                  EOPNOTSUPP, "memory sharing");
    report_errno2(hypercall2(__HYPERVISOR_memory_op, XENMEM_paging_op, (uintptr_t)memory), ENOSYS,
                  EOPNOTSUPP, "memory paging");
    return report_end();
}
