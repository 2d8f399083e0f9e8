/* SPDX-License-Identifier: MIT */
/*
 * dom0 allows guests to use altp2m, and switches it on: altp2m-host allow DOMAIN... | altp2m-host on DOMAIN
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "report.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

static long allow(uint32_t domain)
{
    struct xen_hvm_param op = {
        .domid = domain, .index = HVM_PARAM_ALTP2M, .value = XEN_ALTP2M_mixed};

    return hvm_op(HVMOP_set_param, &op, sizeof(op));
}

static long switch_on(uint32_t domain)
{
    struct xen_hvm_altp2m_op op = {.version = HVMOP_ALTP2M_INTERFACE_VERSION,
                                   .cmd = HVMOP_altp2m_set_domain_state,
                                   .domain = domain,
                                   .u.domain_state.state = 1};

    return hvm_op(HVMOP_altp2m, &op, sizeof(op));
}

int main(int count, char **arguments)
{
    if (count < 3) {
        return 2;
    }
    if (!strcmp(arguments[1], "on")) {
        report_control(true, "none");
        report_errno(switch_on(strtoul(arguments[2], NULL, 0)), EBUSY, "altp2m by dom0");
        return report_end();
    }
    for (int i = 2; i < count; i++) {
        long rc = allow(strtoul(arguments[i], NULL, 0));
        report_control(!rc, "altp2m for domain %s: %s", arguments[i], errno_name(rc));
    }
    report_try(true, "allowed");
    return report_end();
}
