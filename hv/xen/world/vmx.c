/* SPDX-License-Identifier: MIT */
/*
 * The world switch for Intel VMX. Section numbers are of the Intel SDM, volume 3.
 *
 * A VMCS can be written only while it is a CPU's current one, so init, start and inject leave in struct world
 * what the next entry writes. Each exit clears the VMCS (VMCLEAR): outside, no CPU holds any of it (25.11.1),
 * and a thread may go on anywhere, or its frames may be given back.
 */
#include "glue/compat.h"
#include "world/ept.h"
#include "world/vmcs.h"
#include "world/world.h"

#include <asm/cloister.h>
#include <asm/event.h>
#include <asm/hvm/hvm.h>
#include <asm/hvm/irq.h>
#include <asm/p2m.h>
#include <asm/traps.h>

/* Fields that follow the vCPU: taken from the tenant's VMCS at each entry ... */
static const uint16_t fields_vcpu[] = { HOST_CR3, HOST_CR4, TSC_OFFSET };
/* ... and those that follow the CPU, or never change: at the first entry on each CPU. */
static const uint16_t fields_cpu[] = {
    HOST_RSP, HOST_GDTR_BASE, HOST_IDTR_BASE, HOST_TR_BASE, HOST_SYSENTER_ESP,
    HOST_ES_SELECTOR, HOST_CS_SELECTOR, HOST_SS_SELECTOR, HOST_DS_SELECTOR, HOST_FS_SELECTOR,
    HOST_GS_SELECTOR, HOST_TR_SELECTOR, HOST_FS_BASE, HOST_GS_BASE, HOST_RIP, HOST_EFER, HOST_PAT,
    HOST_SYSENTER_CS, HOST_SYSENTER_EIP,
};

static void cf_check vmx_world_init(struct world *world, uint64_t view_root)
{
    struct vmcs_struct *vmcs = world->control;

    vmcs->vmcs_revision_id = vmx_basic_msr & VMX_BASIC_REVISION_MASK;
    world->vmx.eptp = view_root | EPT_POINTER_FLAGS;
}

static void cf_check vmx_world_start(struct world *world, const struct cloister_launch *launch,
                                     uint32_t index)
{
    world->vmx.launch = launch;
    world->vmx.event = 0;
    world->vmx.cr2 = 0;
    world->vmx.shadow_gs = 0;
}

static void cf_check vmx_again(struct world *world)
{
    world->vmx.again = true;
}

static void cf_check vmx_world_inject(struct world *world, uint8_t vector, int32_t error_code)
{
    world->vmx.event = INTR_INFO_VALID_MASK | vector |
                       MASK_INSR(X86_ET_HW_EXC, INTR_INFO_INTR_TYPE_MASK);
    if ( error_code != NO_ERROR_CODE )
    {
        world->vmx.event |= INTR_INFO_DELIVER_CODE_MASK;
        world->vmx.error_code = error_code;
    }
}

const struct world_ops world_ops_vmx = {
    .flag = CLOISTER_INFO_VMX,
    .init = vmx_world_init,
    .start = vmx_world_start,
    .again = vmx_again,
    .inject = vmx_world_inject,
    .table_entry = ept_table,
    .leaf_entry = ept_leaf,
    .entry_frame = ept_frame,
};

bool world_vmx_available(void)
{
    return cpu_has_vmx && cpu_has_vmx_ept && cpu_has_vmx_efer && cpu_has_vmx_pat &&
           cpu_has_vmx_dt_exiting;
}

/* --- entry ------------------------------------------------------------------------------------------- */

/* The tenant waits for the moment to take an event; its VMCS is the current one. */
static bool tenant_awaits_event(struct vcpu *v)
{
    const uint32_t windows = CPU_BASED_VIRTUAL_INTR_PENDING | CPU_BASED_VIRTUAL_NMI_PENDING;

    return (v->arch.hvm.vmx.exec_control & windows) ||
           (cpu_has_vmx_virtual_intr_delivery && hvm_local_events_need_delivery(v));
}

/* The same, or it has one on its way. */
static bool tenant_has_event(struct vcpu *v)
{
    unsigned long event;

    __vmread(VM_ENTRY_INTR_INFO, &event);
    return (event & INTR_INFO_VALID_MASK) || tenant_awaits_event(v);
}

static bool tenant_needs_help(const struct vcpu *v)
{
    return fast_needs_help(&(struct fast_help){
        .mappings = cpumask_test_cpu(smp_processor_id(), p2m_get_hostp2m(v->domain)->ept.invalidate),
        .branches = v->arch.hvm.vmx.lbr_flags,
        .posting = v->domain->arch.hvm.pi_ops.vcpu_block,
        .stepping = v->arch.hvm.single_step,
    });
}

/* Makes the enclave's VMCS the current one, with the host's fields and the tenant's time. */
static always_inline void load_vmcs(const struct vcpu *v, struct world *world, bool moved)
{
    unsigned long vcpu[ARRAY_SIZE(fields_vcpu)], cpu[ARRAY_SIZE(fields_cpu)];
    unsigned long multiplier = 0, window = 0;

#pragma GCC unroll 3
    for ( unsigned int i = 0; i < ARRAY_SIZE(vcpu); i++ )
        __vmread(fields_vcpu[i], &vcpu[i]);
    if ( cpu_has_vmx_tsc_scaling )
        __vmread(TSC_MULTIPLIER, &multiplier);
    if ( cpu_has_vmx_notify_vm_exiting )
        __vmread(NOTIFY_WINDOW, &window);
    for ( unsigned int i = 0; moved && i < ARRAY_SIZE(cpu); i++ )
        __vmread(fields_cpu[i], &cpu[i]);

    __vmptrld(world->control_pa);
#pragma GCC unroll 3
    for ( unsigned int i = 0; i < ARRAY_SIZE(vcpu); i++ )
        __vmwrite(fields_vcpu[i], vcpu[i]);
    for ( unsigned int i = 0; moved && i < ARRAY_SIZE(cpu); i++ )
        __vmwrite(fields_cpu[i], cpu[i]);
    if ( cpu_has_vmx_tsc_scaling )
        __vmwrite(TSC_MULTIPLIER, multiplier);
    if ( cpu_has_vmx_notify_vm_exiting )
        __vmwrite(NOTIFY_WINDOW, window);
    if ( world->vmx.built )
        return;
    write_controls(v, world);
    write_fixed_state(world->vmx.launch, world->thread->index);
    world->vmx.built = true;
}

/* Parks the tenant, whose VMCS is complete. */
static always_inline void enter(struct vcpu *v, struct world *world, uint64_t parks, bool behind_exit)
{
    struct world_vmx *vmx = &world->vmx;
    const bool moved = !world_is_here(world);

    vmx->tenant_cr2 = v->arch.hvm.guest_cr[2];
    v->arch.hvm.guest_cr[2] = vmx->cr2;
    vmx->tenant_launched = v->arch.hvm.vmx.launched;
    v->arch.hvm.vmx.launched = 0;
    vmx->tenant_shadow_gs = read_gs_shadow();
    write_gs_shadow(vmx->shadow_gs);
    world_park(v, world, guest_cpu_user_regs(), parks);

    if ( moved )
        world_move(world);
    load_vmcs(v, world, moved);
    prepare_tags(v, world, moved);
    if ( vmx->launch )
        write_launch_state(world);
    if ( vmx->again )
        __vmwrite(GUEST_RIP, world->call);
    vmx->again = false;
    write_event(vmx);
#ifdef CLOISTER_TEST
    spoil();
#endif
    v->arch.cloister.state = CLOISTER_VCPU_INSIDE;
    world_barrier(v, behind_exit);
}

void cloister_vmx_enter(struct vcpu *v)
{
    struct world *world = v->arch.cloister.pending;

    if ( tenant_has_event(v) || !(guest_cpu_user_regs()->rflags & X86_EFLAGS_IF) )
    {
        world_suspend(v);
        return;
    }
    world_entered(world);
    enter(v, world, world_parks(v), false);
}

/* --- exit -------------------------------------------------------------------------------------------- */

/* An event whose delivery the exit interrupted is delivered again (28.2.4). */
static void save_event(struct world_vmx *vmx)
{
    unsigned long event, error_code;

    __vmread(IDT_VECTORING_INFO, &event);
    if ( !(event & INTR_INFO_VALID_MASK) ||
         !hvm_event_needs_reinjection(MASK_EXTR(event, INTR_INFO_INTR_TYPE_MASK),
                                      event & INTR_INFO_VECTOR_MASK) )
        return;
    __vmread(IDT_VECTORING_ERROR_CODE, &error_code);
    vmx->event = event & ~INTR_INFO_RESVD_BITS_MASK;
    vmx->error_code = error_code;
}

/* Behind the call that left, if it came from CPL 0: the DPL of SS is the CPL (25.4.1). */
static bool skip_call(struct world *world)
{
    unsigned long length, access;

    __vmread(GUEST_SS_AR_BYTES, &access);
    if ( access & ACCESS_DPL )
        return false;
    __vmread(GUEST_RIP, &world->call);
    __vmread(VM_EXIT_INSTRUCTION_LEN, &length);
    __vmwrite(GUEST_RIP, world->call + length);
    __vmwrite(GUEST_INTERRUPTIBILITY_INFO, 0);
    return true;
}

static void save_exit(struct world *world)
{
    struct world_vmx *vmx = &world->vmx;

    __vmread(VM_EXIT_REASON, &vmx->reason);
    if ( vmx->reason & VMX_EXIT_REASONS_FAILED_VMENTRY )
        return;
    save_event(vmx);
    switch ( (uint16_t)vmx->reason )
    {
    case EXIT_REASON_EXTERNAL_INTERRUPT:
    case EXIT_REASON_EXCEPTION_NMI:
        __vmread(VM_EXIT_INTR_INFO, &vmx->interruption);
        break;

    case EXIT_REASON_EPT_VIOLATION:
        __vmread(GUEST_PHYSICAL_ADDRESS, &vmx->address);
        break;

    case EXIT_REASON_NOTIFY:
        __vmread(EXIT_QUALIFICATION, &vmx->qualification);
        break;

    case EXIT_REASON_VMCALL:
        vmx->kernel = skip_call(world);
        break;
    }
}

/*
 * The tenant's VMCS is the current one again, and its registers are in place. keep: the enclave goes on where it is.
 */
static always_inline void leave(struct vcpu *v, struct world *world, bool keep, bool behind_exit)
{
    struct world_vmx *vmx = &world->vmx;

    __vmpclear(world->control_pa);
    __vmptrld(v->arch.hvm.vmx.vmcs_pa);

    if ( keep )
    {
        vmx->cr2 = v->arch.hvm.guest_cr[2];
        vmx->shadow_gs = read_gs_shadow();
    }
    v->arch.hvm.guest_cr[2] = vmx->tenant_cr2;
    v->arch.hvm.vmx.launched = vmx->tenant_launched;
    write_gs_shadow(vmx->tenant_shadow_gs);
    world_unpark(v, world, guest_cpu_user_regs(), keep);
    world_barrier(v, behind_exit);
    v->arch.cloister.state = CLOISTER_VCPU_CALLS;
}

static bool is_exception(const struct world_vmx *vmx, uint8_t type, uint8_t vector)
{
    return (uint16_t)vmx->reason == EXIT_REASON_EXCEPTION_NMI &&
           MASK_EXTR(vmx->interruption, INTR_INFO_INTR_TYPE_MASK) == type &&
           (vmx->interruption & INTR_INFO_VECTOR_MASK) == vector;
}

static bool is_machine_check(const struct world_vmx *vmx)
{
    return (uint16_t)vmx->reason == EXIT_REASON_MCE_DURING_VMENTRY ||
           is_exception(vmx, X86_ET_HW_EXC, X86_EXC_MC);
}

/* What the host must see before interrupts are on (28.1). */
static void serve_host(const struct world_vmx *vmx, struct cpu_user_regs *regs)
{
    if ( (uint16_t)vmx->reason == EXIT_REASON_EXTERNAL_INTERRUPT )
    {
        regs->entry_vector = vmx->interruption & INTR_INFO_VECTOR_MASK;
        do_IRQ(regs);
    }
    else if ( is_exception(vmx, X86_ET_NMI, X86_EXC_NMI) )
    {
        do_nmi(regs);
        enable_nmis();
    }
    else if ( is_machine_check(vmx) )
        do_machine_check(regs);
}

static const struct world_exit_row exits[] = {
    { EXIT_REASON_EXTERNAL_INTERRUPT, WORLD_EXIT_INTERRUPT }, { EXIT_REASON_INIT, WORLD_EXIT_INTERRUPT },
    { EXIT_REASON_BUS_LOCK, WORLD_EXIT_INTERRUPT }, { EXIT_REASON_NOTIFY, WORLD_EXIT_INTERRUPT },
    { EXIT_REASON_VMCALL, WORLD_EXIT_CALL }, { EXIT_REASON_EPT_VIOLATION, WORLD_EXIT_VIEW },
    { EXIT_REASON_CPUID, X86_EXC_UD }, { EXIT_REASON_TRIPLE_FAULT, CLOISTER_VECTOR_SHUTDOWN },
    { EXIT_REASON_EPT_MISCONFIG, CLOISTER_VECTOR_STATE }, /* ept.h: there is none */
};

static unsigned int decode(const struct world_vmx *vmx)
{
    const uint16_t reason = vmx->reason;

    if ( is_machine_check(vmx) )
        return CLOISTER_VECTOR_MACHINE;
    if ( (vmx->reason & VMX_EXIT_REASONS_FAILED_VMENTRY) ||
         (reason == EXIT_REASON_NOTIFY && (vmx->qualification & NOTIFY_VM_CONTEXT_INVALID)) )
        return CLOISTER_VECTOR_STATE;
    if ( is_exception(vmx, X86_ET_NMI, X86_EXC_NMI) )
        return WORLD_EXIT_INTERRUPT;
    if ( is_exception(vmx, X86_ET_HW_EXC, X86_EXC_DB) )
        return X86_EXC_DB;
    if ( is_exception(vmx, X86_ET_HW_EXC, X86_EXC_AC) )
        return X86_EXC_AC;
    return world_exit_of(exits, ARRAY_SIZE(exits), reason); /* INT1 has no row */
}

/* What Xen does first behind each exit of a tenant, and the fast way left out; its VMCS is the current one. */
static void catch_up(struct vcpu *v, struct cpu_user_regs *regs)
{
    struct hvm_vcpu *hvm = &v->arch.hvm;

    __vmread(GUEST_RIP, &regs->rip);
    __vmread(GUEST_RSP, &regs->rsp);
    __vmread(GUEST_RFLAGS, &regs->rflags);
    __vmread(GUEST_CR4, &hvm->hw_cr[4]);
    hvm->guest_cr[4] = (hvm->guest_cr[4] & hvm->vmx.cr4_host_mask) | (hvm->hw_cr[4] & ~hvm->vmx.cr4_host_mask);
    __vmread(GUEST_CR3, &hvm->hw_cr[3]);
    hvm->guest_cr[3] = hvm->hw_cr[3];
}

static void slow_leave(struct vcpu *v, bool behind_exit)
{
    struct cpu_user_regs *regs = guest_cpu_user_regs();
    struct world *world = v->arch.cloister.pending;

    leave(v, world, true, behind_exit);
    catch_up(v, regs);
    serve_host(&world->vmx, regs);
    local_irq_enable();
    hvm_maybe_deassert_evtchn_irq();
    world_left(v, world, decode(&world->vmx), world->vmx.kernel, world->vmx.address, regs);
}

/* --- behind the VM exit, interrupts are off --------------------------------------------------------------- */

/* See fast.h. */
static bool fast_enter(struct vcpu *v)
{
    unsigned long reason, rip, length, code, flags, shadow;
    const uint64_t parks = world_parks(v);
    struct world *world;

    __vmread(VM_EXIT_REASON, &reason);
    if ( reason != EXIT_REASON_VMCALL || !parks || world_waits(v) )
        return false;
    __vmread(GUEST_INTERRUPTIBILITY_INFO, &shadow);
    __vmread(GUEST_RIP, &rip);
    __vmread(VM_EXIT_INSTRUCTION_LEN, &length);
    if ( !fast_callable(&(struct fast_call){ true, rip + length, shadow, tenant_awaits_event(v) }) ||
         tenant_needs_help(v) )
        return false;
    __vmread(GUEST_RFLAGS, &flags);
    __vmread(GUEST_CS_AR_BYTES, &code);
    world = world_claim(v, guest_cpu_user_regs(), (code & ACCESS_USER) == ACCESS_USER && hvm_long_mode_active(v),
                        flags);
    if ( !world )
        return false;
    __vmwrite(GUEST_RIP, rip + length);
    if ( flags & X86_EFLAGS_RF )
        __vmwrite(GUEST_RFLAGS, flags & ~X86_EFLAGS_RF);
    guest_cpu_user_regs()->rax = -EAGAIN;
    enter(v, world, parks, true);
    return true;
}

/* The enclave's VMCS is the current one. A call from 64-bit code of CPL 0: CS says both. */
static bool fast_leave(struct vcpu *v, struct world *world)
{
    struct cpu_user_regs *regs = guest_cpu_user_regs();
    const uint64_t number = regs->rax, value0 = regs->rdi, value1 = regs->rsi;
    const bool keep = number == CLOISTER_ENCLAVE_OCALL;
    unsigned long reason, code;

    __vmread(VM_EXIT_REASON, &reason);
    __vmread(GUEST_CS_AR_BYTES, &code);
    if ( reason != EXIT_REASON_VMCALL || code != ACCESS_CODE || !world_exit_leaves(number) || !world->parked ||
         (cpu_has_vmx_vpid && !world_tags(&world->asid, &v->arch.hvm.n1asid)) || tenant_needs_help(v) ||
         world_waits(v) )
        return false;
    if ( keep )
        skip_call(world);
    world->settled = !keep;
    leave(v, world, keep, true);
    world_answer(v, world, regs, number, value0, value1);
    return true;
}

unsigned int cloister_vmx_exit(void)
{
    struct vcpu *v = current;
    struct world *world = v->arch.cloister.pending;

    if ( v->arch.cloister.state != CLOISTER_VCPU_INSIDE )
        return fast_enter(v) ? CLOISTER_NEXT_ENTRY : CLOISTER_NEXT_XEN;
    if ( fast_leave(v, world) )
        return CLOISTER_NEXT_ENTRY;
    save_exit(world);
    slow_leave(v, true);
    return CLOISTER_NEXT_LEFT;
}

bool cloister_vmx_failed(void)
{
    struct vcpu *v = current;

    if ( v->arch.cloister.state != CLOISTER_VCPU_INSIDE )
        return false;
    /* entry.S has them on. What came in between found the enclave's VMCS, and did not look at it. */
    local_irq_disable();
    v->arch.cloister.pending->vmx.reason = VMX_EXIT_REASONS_FAILED_VMENTRY;
    slow_leave(v, false);
    return true;
}
