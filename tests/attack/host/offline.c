/* SPDX-License-Identifier: MIT */
/* dom0 takes sealed frames offline (XEN_SYSCTL_page_offline_op), and online again: offline FRAME... */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "door_client.h"
#include "machine.h"
#include "monitor.h"
#include "report.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/sysctl.h>

static long page_state(uint32_t command, uint64_t frame, uint32_t *status)
{
    static uint32_t *buffer;
    struct xen_sysctl op;

    buffer = buffer ? buffer : hyper_memory(4096);
    *buffer = 0;
    memset(&op, 0, sizeof(op));
    op.cmd = XEN_SYSCTL_page_offline_op;
    op.u.page_offline.cmd = command;
    op.u.page_offline.start = op.u.page_offline.end = frame;
    set_xen_guest_handle_raw(op.u.page_offline.status, buffer);
    long rc = sysctl(&op);
    *status = *buffer;
    return rc;
}

static long page_offline(uint64_t frame, uint32_t *status)
{
    return page_state(sysctl_page_offline, frame, status);
}

static long page_online(uint64_t frame, uint32_t *status)
{
    return page_state(sysctl_page_online, frame, status);
}

int main(int count, char **arguments)
{
    uint64_t frames[64];
    unsigned int named = frame_arguments(count, arguments, 1, frames, 64);
    uint64_t own = door_pattern_page(0, 0);
    uint32_t status;

    long rc = page_offline(own, &status);
    report_control(!rc && (status & PG_OFFLINE_PENDING) && (status & PG_OFFLINE_OWNED),
                   "an ordinary page of dom0: %ld, status %#x", rc, status);
    rc = page_online(own, &status);
    report_control(!rc && (status & PG_ONLINE_ONLINED), "and online again: %ld, status %#x", rc,
                   status);
    for (unsigned int i = 0; i < named; i++) {
        rc = page_offline(frames[i], &status);
        report_try(!rc && (status & PG_OFFLINE_FAILED) && (status & PG_OFFLINE_ANONYMOUS),
                   "a sealed frame: failed, it is nobody's: status %#x", status);
        rc = page_online(frames[i], &status);
        report_try(!rc && (status & PG_ONLINE_ONLINED), "and online again: %ld, status %#x", rc,
                   status);
    }
    return report_end();
}
