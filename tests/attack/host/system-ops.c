/* SPDX-License-Identifier: MIT */
/* dom0 uses debug keys and system operations (XEN_SYSCTL_*) that show or change more than a toolstack needs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "machine.h"
#include "monitor.h"
#include "report.h"
#include "ways.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/sysctl.h>

static bool key(char key)
{
    struct xen_sysctl op;
    char *keys = hyper_memory(1);

    keys[0] = key;
    memset(&op, 0, sizeof(op));
    op.cmd = XEN_SYSCTL_debug_keys;
    set_xen_guest_handle_raw(op.u.debug_keys.keys, keys);
    op.u.debug_keys.nr_keys = 1;
    return way_outcome(sysctl(&op));
}

#define KEY(name, character)                                                                       \
    static bool name(void)                                                                         \
    {                                                                                              \
        return key(character);                                                                     \
    }

KEY(key_registers, 'd')
KEY(key_dom0, '0')
KEY(key_all, '*')
KEY(key_trap, '%')
KEY(key_control_blocks, 'v')
KEY(key_reboot, 'R')

/* Cache ways for a domain: none on this CPU, Xen says so after it has looked. */
static bool cache_ways(void)
{
    struct xen_sysctl op;

    memset(&op, 0, sizeof(op));
    op.cmd = XEN_SYSCTL_psr_alloc;
    op.u.psr_alloc.cmd = XEN_SYSCTL_PSR_get_l3_info;
    return way_asked(sysctl(&op));
}

static bool cache_monitor(void)
{
    struct xen_sysctl op;

    memset(&op, 0, sizeof(op));
    op.cmd = XEN_SYSCTL_psr_cmt_op;
    op.u.psr_cmt_op.cmd = XEN_SYSCTL_PSR_CMT_enabled;
    return way_asked(sysctl(&op));
}

/* ---- what an ordinary dom0 needs ---- */

static bool need_console(void)
{
    struct xen_sysctl op;
    char *text = hyper_memory(4096);

    memset(&op, 0, sizeof(op));
    op.cmd = XEN_SYSCTL_readconsole;
    set_xen_guest_handle_raw(op.u.readconsole.buffer, text);
    op.u.readconsole.count = 4096;
    return way_outcome(sysctl(&op)) && op.u.readconsole.count;
}

static bool need_physinfo(void)
{
    struct xen_sysctl op;

    memset(&op, 0, sizeof(op));
    op.cmd = XEN_SYSCTL_physinfo;
    return way_outcome(sysctl(&op));
}

static bool need_help(void)
{
    return key('h');
}

static const struct way ways[] = {
    {"key-registers", key_registers, false},
    {"key-dom0", key_dom0, false},
    {"key-all", key_all, false},
    {"key-control-blocks", key_control_blocks, false},
    {"cache-ways", cache_ways, false},
    {"cache-monitor", cache_monitor, false},
    {"key-trap", key_trap, false},
    {"key-reboot", key_reboot, true},
    {0},
};

static const struct need needs[] = {
    {"reading Xen's console", need_console},
    {"physinfo", need_physinfo},
    {"the key h", need_help},
    {0},
};

int main(int count, char **arguments)
{
    return ways_main(count, arguments, ways, needs);
}
