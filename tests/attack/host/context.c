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
#include <xen/hvm/save.h>

#define REGISTER_WORDS 46
#define LOOKS 80
#define STATE_SIZE 8192
#define EXTENDED 1 /* in looks */
#define UNKNOWN_CONTROL 4242

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

static struct xen_domctl command(uint32_t number, uint32_t domain)
{
    struct xen_domctl op;

    memset(&op, 0, sizeof(op));
    op.cmd = number;
    op.domain = domain;
    return op;
}

/* A command without arguments. */
static long simple(uint32_t number, uint32_t domain)
{
    struct xen_domctl op = command(number, domain);

    return domctl(&op);
}

#define CONTROL(name)                                                                              \
    {                                                                                              \
        XEN_DOMCTL_##name, #name                                                                   \
    }

/* All that is not known to be harmless, a control that no Xen has among it: attacks.py has the numbers, too. */
static void try_refused(uint32_t tenant)
{
    static const struct {
        uint32_t number;
        const char *name;
    } commands[] = {
        CONTROL(max_vcpus),
        CONTROL(setdomainhandle),
        CONTROL(setdebugging),
        CONTROL(hypercall_init),
        CONTROL(subscribe),
        CONTROL(gethvmcontext),
        CONTROL(sethvmcontext),
        CONTROL(set_ext_vcpucontext),
        CONTROL(set_target),
        CONTROL(debug_op),
        CONTROL(vm_event_op),
        CONTROL(mem_sharing_op),
        CONTROL(settscinfo),
        CONTROL(setvcpuextstate),
        CONTROL(set_access_required),
        CONTROL(audit_p2m),
        CONTROL(set_virq_handler),
        CONTROL(set_broken_page_p2m),
        CONTROL(get_vcpu_msrs),
        CONTROL(set_vcpu_msrs),
        CONTROL(setvnumainfo),
        CONTROL(psr_cmt_op),
        CONTROL(monitor_op),
        CONTROL(psr_alloc),
        CONTROL(soft_reset),
        CONTROL(set_cpu_policy),
        CONTROL(vmtrace_op),
        CONTROL(gdbsx_guestmemio),
        {UNKNOWN_CONTROL, "an unknown control"},
    };

    for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        report_errno(simple(commands[i].number, tenant), EBUSY, commands[i].name);
    }
}

/* How often each command worked, and showed the words. */
struct looks {
    const char *name;
    unsigned long worked, secret, control;
};

static void count_words(struct looks *looks, const void *state, size_t size, uint64_t seed,
                        uint64_t control)
{
    looks->worked++;
    looks->secret += has_words(state, size, seed);
    looks->control += has_words(state, size, control);
}

/* Everything about a vCPU that is not refused. */
static void look(uint32_t tenant, uint32_t vcpu, uint64_t seed, uint64_t control,
                 struct looks looks[3])
{
    static uint64_t *buffer;
    struct xen_domctl op = command(XEN_DOMCTL_getvcpucontext, tenant);

    buffer = buffer ? buffer : hyper_memory(STATE_SIZE);
    op.u.vcpucontext.vcpu = vcpu;
    set_xen_guest_handle_raw(op.u.vcpucontext.ctxt, (void *)buffer);
    if (!domctl(&op)) {
        count_words(&looks[0], buffer, sizeof(vcpu_guest_context_t), seed, control);
    }
    op = command(XEN_DOMCTL_getvcpuextstate, tenant);
    op.u.vcpuextstate.vcpu = vcpu;
    if (!domctl(&op) && op.u.vcpuextstate.size <= STATE_SIZE) {
        set_xen_guest_handle_raw(op.u.vcpuextstate.buffer, buffer);
        if (!domctl(&op)) {
            count_words(&looks[1], buffer, op.u.vcpuextstate.size, seed, control);
        }
    }
    op = command(XEN_DOMCTL_gethvmcontext_partial, tenant);
    op.u.hvmcontext_partial.type = HVM_SAVE_CODE(CPU);
    op.u.hvmcontext_partial.instance = vcpu;
    op.u.hvmcontext_partial.bufsz = HVM_SAVE_LENGTH(CPU);
    set_xen_guest_handle_raw(op.u.hvmcontext_partial.buffer, (void *)buffer);
    if (!domctl(&op)) {
        count_words(&looks[2], buffer, HVM_SAVE_LENGTH(CPU), seed, control);
    }
}

int main(int count, char **arguments)
{
    struct looks looks[3] = {
        {.name = "getvcpucontext"}, {.name = "getvcpuextstate"}, {.name = "gethvmcontext_partial"}};

    if (count < 5) {
        return 2;
    }
    uint32_t tenant = strtoul(arguments[1], NULL, 0), helper = strtoul(arguments[2], NULL, 0);
    uint64_t seed = strtoull(arguments[3], NULL, 16), control = strtoull(arguments[4], NULL, 16);

    /* Without a buffer it says how large the state is. */
    report_control(!simple(XEN_DOMCTL_gethvmcontext, helper),
                   "gethvmcontext of a domain without enclaves");
    try_refused(tenant);
    for (unsigned int i = 0; i < LOOKS; i++) {
        simple(XEN_DOMCTL_pausedomain, tenant);
        look(tenant, 0, seed, control, looks);
        look(tenant, 1, seed, control, looks);
        simple(XEN_DOMCTL_unpausedomain, tenant);
    }
    for (unsigned int i = 0; i < 3; i++) {
        /* Xen has no extended state to give where the CPU hides XSETBV from it, as QEMU's does. */
        report_control(looks[i].worked == 2 * LOOKS && (looks[i].control || i == EXTENDED),
                       "%s: an ordinary process's registers %lu times in %lu looks", looks[i].name,
                       looks[i].control, looks[i].worked);
        report_try(!looks[i].secret, "%s: the enclave's registers %lu times", looks[i].name,
                   looks[i].secret);
    }
    return report_end();
}
