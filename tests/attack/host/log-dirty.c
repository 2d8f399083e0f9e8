/* SPDX-License-Identifier: MIT */
/* dom0 switches on what live migration begins with, on the tenant and on a guest without enclaves:
 * log-dirty TENANT HELPER */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "report.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/domctl.h>

static long shadow_op(uint32_t domain, uint32_t command)
{
    struct xen_domctl op;

    memset(&op, 0, sizeof(op));
    op.cmd = XEN_DOMCTL_shadow_op;
    op.domain = domain;
    op.u.shadow_op.op = command;
    return domctl(&op);
}

int main(int count, char **arguments)
{
    if (count < 3) {
        return 2;
    }
    uint32_t tenant = strtoul(arguments[1], NULL, 0), helper = strtoul(arguments[2], NULL, 0);

    report_control(!shadow_op(helper, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY),
                   "on, without enclaves");
    report_control(!shadow_op(helper, XEN_DOMCTL_SHADOW_OP_OFF), "and off");
    report_errno(shadow_op(tenant, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY), EBUSY, "log-dirty mode");
    report_errno(shadow_op(tenant, XEN_DOMCTL_SHADOW_OP_ENABLE), EBUSY, "another paging mode");
    return report_end();
}
