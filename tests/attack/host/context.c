/* SPDX-License-Identifier: MIT */
/*
 * dom0 reads the state of a tenant's vCPUs while one is inside: context TENANT HELPER SEED CONTROL-SEED
 *
 * Controls that would save, trace or rewrite a vCPU are refused while enclaves live (the helper, which has
 * none, is the control); what is left shows the tenant's registers, never the enclave's. Meanwhile an
 * enclave's thread keeps the words of SEED in its registers, an ordinary process of the tenant those of
 * CONTROL-SEED.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "monitor.h"
#include "pattern.h"
#include "report.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/domctl.h>

#define REGISTER_WORDS 46
#define LOOKS 300

static bool has_words(const void *memory, size_t size, uint64_t seed)
{
    for (size_t at = 0; at + 8 <= size; at += 8) {
        uint64_t word;
        memcpy(&word, (const uint8_t *)memory + at, sizeof(word));
        for (unsigned int i = 0; word && i < REGISTER_WORDS; i++) {
            if (word == pattern_word(seed, i)) {
                return true;
            }
        }
    }
    return false;
}

static long domctl(struct xen_domctl *what)
{
    static struct xen_domctl *op;

    op = op ? op : hyper_memory(sizeof(*op));
    *op = *what;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    long rc = hypercall2(__HYPERVISOR_domctl, (uintptr_t)op, 0);
    *what = *op;
    return rc;
}

static struct xen_domctl command(uint32_t number, uint32_t domain)
{
    struct xen_domctl op;

    memset(&op, 0, sizeof(op));
    op.cmd = number;
    op.domain = domain;
    return op;
}

static long get_context(uint32_t domain)
{
    struct xen_domctl op = command(XEN_DOMCTL_gethvmcontext, domain);

    return domctl(&op);
}

static long log_dirty(uint32_t domain)
{
    struct xen_domctl op = command(XEN_DOMCTL_shadow_op, domain);

    op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY;
    return domctl(&op);
}

static void try_refused(uint32_t tenant)
{
    static const struct {
        uint32_t number;
        const char *name;
    } commands[] = {
        {XEN_DOMCTL_gethvmcontext, "gethvmcontext"},
        {XEN_DOMCTL_sethvmcontext, "sethvmcontext"},
        {XEN_DOMCTL_gethvmcontext_partial, "gethvmcontext_partial"},
        {XEN_DOMCTL_setdebugging, "setdebugging"},
        {XEN_DOMCTL_debug_op, "debug_op"},
        {XEN_DOMCTL_gdbsx_guestmemio, "gdbsx_guestmemio"},
        {XEN_DOMCTL_monitor_op, "monitor_op"},
        {XEN_DOMCTL_vm_event_op, "vm_event_op"},
        {XEN_DOMCTL_vmtrace_op, "vmtrace_op"},
        {XEN_DOMCTL_soft_reset, "soft_reset"},
    };

    for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct xen_domctl op = command(commands[i].number, tenant);
        report_errno(domctl(&op), EBUSY, commands[i].name);
    }
    report_errno(log_dirty(tenant), EBUSY, "log-dirty mode");
}

struct looks {
    unsigned long secret, control;
};

/* Everything about a vCPU that is not refused. */
static void look(uint32_t tenant, uint32_t vcpu, uint64_t seed, uint64_t control, struct looks *looks)
{
    static vcpu_guest_context_any_t context;
    static uint8_t *state;
    struct xen_domctl op = command(XEN_DOMCTL_getvcpuextstate, tenant);

    if (!xc_vcpu_getcontext(xen_tools(), tenant, vcpu, &context)) {
        looks->secret += has_words(&context, sizeof(context), seed);
        looks->control += has_words(&context, sizeof(context), control);
    }
    state = state ? state : hyper_memory(8192);
    op.u.vcpuextstate.vcpu = vcpu;
    op.u.vcpuextstate.size = 8192;
    set_xen_guest_handle(op.u.vcpuextstate.buffer, state);
    if (!domctl(&op)) {
        looks->secret += has_words(state, 8192, seed);
        looks->control += has_words(state, 8192, control);
    }
}

int main(int count, char **arguments)
{
    struct looks looks = {0, 0};

    if (count < 5) {
        return 2;
    }
    uint32_t tenant = strtoul(arguments[1], NULL, 0), helper = strtoul(arguments[2], NULL, 0);
    uint64_t seed = strtoull(arguments[3], NULL, 16), control = strtoull(arguments[4], NULL, 16);

    report_control(!get_context(helper), "gethvmcontext of a domain without enclaves");
    try_refused(tenant);
    for (unsigned int i = 0; i < LOOKS; i++) {
        xc_domain_pause(xen_tools(), tenant);
        look(tenant, 0, seed, control, &looks);
        look(tenant, 1, seed, control, &looks);
        xc_domain_unpause(xen_tools(), tenant);
    }
    report_control(looks.control, "an ordinary process's registers were seen %lu times", looks.control);
    report_try(!looks.secret, "the enclave's registers were seen %lu times in %u looks at each vCPU",
               looks.secret, LOOKS);
    return report_end();
}
