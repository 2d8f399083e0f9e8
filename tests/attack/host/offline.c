/* SPDX-License-Identifier: MIT */
/* dom0 takes sealed frames offline (XEN_SYSCTL_page_offline_op): offline FRAME... */
#include <stdio.h>

#include "door_client.h"
#include "machine.h"
#include "report.h"

int main(int count, char **arguments)
{
    uint64_t frames[64];
    unsigned int named = frame_arguments(count, arguments, 1, frames, 64);
    uint64_t own = door_pattern_page(0, 0);
    uint32_t status = 0;
    long rc;

    rc = tool_result(xc_mark_page_offline(xen_tools(), own, own, &status));
    report_control(!rc && (status & PG_OFFLINE_STATUS_MASK) == PG_OFFLINE_PENDING,
                   "an ordinary page of dom0: %ld, status %#x", rc, status);
    rc = tool_result(xc_mark_page_online(xen_tools(), own, own, &status));
    report_control(!rc, "and online again: %ld, status %#x", rc, status);
    for (unsigned int i = 0; i < named; i++) {
        status = 0;
        rc = tool_result(xc_mark_page_offline(xen_tools(), frames[i], frames[i], &status));
        report_try(rc || ((status & PG_OFFLINE_STATUS_MASK) == PG_OFFLINE_FAILED &&
                          (status & PG_OFFLINE_ANONYMOUS)),
                   "a sealed frame: %s, status %#x (failed, nobody's)", errno_name(rc), status);
        rc = tool_result(xc_mark_page_online(xen_tools(), frames[i], frames[i], &status));
        report_try(true, "and online again: %s, status %#x", errno_name(rc), status);
    }
    return report_end();
}
