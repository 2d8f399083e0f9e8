/* SPDX-License-Identifier: MIT */
/*
 * Alternate views of the guest's own memory (altp2m), and VMFUNC, which changes from one to another without
 * leaving to Xen: altp2m control | altp2m tenant SEED [FRAME...]
 * control: in a guest without enclaves, all of it works. tenant: in one with an enclave, nothing does; the
 * FRAMEs are sealed ones. altp2m off: ends it.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "door_client.h"
#include "pattern.h"
#include "report.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/hvm/hvm_op.h>

#define VIEWS 10 /* MAX_ALTP2M */

static _Alignas(4096) struct xen_hvm_altp2m_op op;

static long altp2m(uint32_t command)
{
    op.version = HVMOP_ALTP2M_INTERFACE_VERSION;
    op.cmd = command;
    op.domain = DOMID_SELF;
    return kernel_hypercall(__HYPERVISOR_hvm_op, HVMOP_altp2m, (uintptr_t)&op, 0, 0, 0);
}

static long set_state(bool on)
{
    memset(&op, 0, sizeof(op));
    op.u.domain_state.state = on;
    return altp2m(HVMOP_altp2m_set_domain_state);
}

static long create_view(void)
{
    memset(&op, 0, sizeof(op));
    op.u.view.hvmmem_default_access = XENMEM_access_rwx;
    return altp2m(HVMOP_altp2m_create_p2m);
}

static long switch_view(uint16_t view)
{
    memset(&op, 0, sizeof(op));
    op.u.view.view = view;
    return altp2m(HVMOP_altp2m_switch_p2m);
}

/* In a view, page `page` shows the memory of page `other`. */
static long change_page(uint16_t view, uint64_t page, uint64_t other)
{
    memset(&op, 0, sizeof(op));
    op.u.change_gfn.view = view;
    op.u.change_gfn.old_gfn = page;
    op.u.change_gfn.new_gfn = other;
    return altp2m(HVMOP_altp2m_change_gfn);
}

/*
 * Only with #VE does Xen give a guest VMFUNC, too. The page where the CPU would describe a #VE is not free
 * (its second word is not 0), so there is none (Intel SDM vol. 3, 26.5.7.1).
 */
static long enable_vmfunc(void)
{
    uint64_t page = door_pattern_page(2, 33);

    memset(&op, 0, sizeof(op));
    op.u.enable_notify.gfn = page;
    return altp2m(HVMOP_altp2m_vcpu_enable_notify);
}

/* --- VMFUNC ------------------------------------------------------------------------------------ */

static sigjmp_buf back;

static void on_signal(int number)
{
    siglongjmp(back, number);
}

/* EPTP switching (Intel SDM vol. 3, 26.5.6.3), from user mode: 0, or the signal that it ended in. */
static int vmfunc(uint32_t function, uint32_t view)
{
    int number = sigsetjmp(back, 1);

    if (!number) {
        __asm__ volatile(".byte 0x0f, 0x01, 0xd4" : : "a"(function), "c"(view) : "memory");
    }
    return number;
}

static bool slot_has(unsigned int slot, uint64_t seed)
{
    static struct door_page page;

    page = (struct door_page){.slot = slot};
    door_must(DOOR_PAGE, &page);
    return pattern_at((const pattern_t *)page.data, seed);
}

/* --- the two sides ------------------------------------------------------------------------------- */

static void control(void)
{
    uint64_t first = door_pattern_page(0, 11), second = door_pattern_page(1, 22);
    long rc = set_state(true);

    report_control(!rc, "altp2m for itself: %s", errno_name(rc));
    rc = create_view();
    uint16_t view = op.u.view.view;
    report_control(!rc && view, "view %u", view);
    rc = change_page(view, first, second);
    report_control(!rc, "a page that shows another in that view: %s", errno_name(rc));
    rc = enable_vmfunc();
    report_control(!rc, "VMFUNC for itself: %s", errno_name(rc));
    report_control(slot_has(0, 11), "the page as it is");
    int signal = vmfunc(0, view);
    bool changed = slot_has(0, 22);
    report_control(!signal && changed, "VMFUNC into the view: signal %d, %s page", signal,
                   changed ? "the other" : "the same");
    signal = vmfunc(0, 0);
    report_control(!signal && slot_has(0, 11), "and back: signal %d", signal);
    report_try(true, "all of it works in a guest without enclaves");
}

static void tenant(uint64_t seed, int count, char **frames)
{
    uint64_t own = door_pattern_page(0, seed + 1);

    report_control(slot_has(0, seed + 1), "its own page");
    report_errno(set_state(true), EBUSY, "altp2m for itself");
    report_errno(create_view(), EOPNOTSUPP, "a view");
    report_errno(enable_vmfunc(), EOPNOTSUPP, "VMFUNC for itself");
    for (uint16_t view = 0; view <= VIEWS; view++) {
        report_errno(switch_view(view), EOPNOTSUPP, "change to a view");
        report_errno(change_page(view, own, own + 1), EOPNOTSUPP, "a page of a view");
        for (int i = 0; i < count; i++) {
            report_errno(change_page(view, own, strtoull(frames[i], NULL, 0)), EOPNOTSUPP,
                         "a page that shows a sealed frame's number");
        }
        int signal = vmfunc(0, view);
        report_try(signal == SIGILL && slot_has(0, seed + 1), "VMFUNC to view %u: signal %d", view,
                   signal);
    }
    for (uint32_t function = 1; function < 64; function += 31) {
        int signal = vmfunc(function, 0);
        report_try(signal == SIGILL, "VMFUNC %u: signal %d", function, signal);
    }
}

int main(int count, char **arguments)
{
    if (count < 2) {
        return 2;
    }
    signal(SIGILL, on_signal);
    signal(SIGSEGV, on_signal);
    mlock(&op, sizeof(op));
    if (!strcmp(arguments[1], "off")) {
        return set_state(false) ? 1 : 0;
    }
    if (!strcmp(arguments[1], "control")) {
        control();
    } else if (count > 2) {
        tenant(strtoull(arguments[2], NULL, 16), count - 3, arguments + 3);
    }
    return report_end();
}
