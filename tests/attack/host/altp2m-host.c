/* SPDX-License-Identifier: MIT */
/*
 * dom0 allows guests to use altp2m, and switches it on: altp2m-host allow DOMAIN... | altp2m-host on DOMAIN
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "report.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/hvm/params.h>

int main(int count, char **arguments)
{
    if (count < 3) {
        return 2;
    }
    if (!strcmp(arguments[1], "on")) {
        report_control(true, "none");
        report_errno(tool_result(xc_altp2m_set_domain_state(xen_tools(), atoi(arguments[2]), true)), EBUSY,
                     "altp2m by dom0");
        return report_end();
    }
    for (int i = 2; i < count; i++) {
        long rc = tool_result(xc_hvm_param_set(xen_tools(), atoi(arguments[i]), HVM_PARAM_ALTP2M,
                                               XEN_ALTP2M_mixed));
        report_control(!rc, "altp2m for domain %s: %s", arguments[i], errno_name(rc));
    }
    report_try(true, "allowed");
    return report_end();
}
