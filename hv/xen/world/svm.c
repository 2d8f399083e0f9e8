/* SPDX-License-Identifier: MIT */
/* The world switch for AMD SVM. Section numbers are of the AMD APM, volume 2. */
#include "glue/compat.h"
#include "world/world.h"

#include <xen/param.h>

#include <asm/cloister.h>
#include <asm/hvm/hvm.h>
#include <asm/hvm/irq.h>
#include <asm/hvm/svm/svmdebug.h>
#include <asm/hvm/vlapic.h>
#include <asm/traps.h>

#define SEGMENT_CODE 0xa9b /* L P DPL0 code, execute/read, accessed */
#define SEGMENT_DATA 0xc93 /* G DB P DPL0 data, read/write, accessed */
#define SEGMENT_TSS 0x08b  /* P, 64-bit TSS, busy */
#define VMMCALL_SIZE 3
#define DR6_RESET 0xffff0ff0

/* Second-stage entry bits (5.4.1, 15.25): nested walks are user accesses. */
#define NPT_PRESENT (UINT64_C(1) << 0)
#define NPT_WRITE (UINT64_C(1) << 1)
#define NPT_USER (UINT64_C(1) << 2)
#define NPT_ACCESSED (UINT64_C(1) << 5)
#define NPT_DIRTY (UINT64_C(1) << 6)
#define NPT_NX (UINT64_C(1) << 63)
#define NPT_ADDRESS UINT64_C(0x000ffffffffff000)

/* Bitmaps with every bit set: every port and every MSR leaves the enclave. */
static const uint8_t all_ones[IOPM_SIZE] __aligned(PAGE_SIZE) = { [0 ... IOPM_SIZE - 1] = 0xff };

static void intercept_all(struct vmcb_struct *vmcb)
{
    vmcb->_cr_intercepts = ~(uint32_t)(CR_INTERCEPT_CR0_READ | CR_INTERCEPT_CR2_READ |
                                       CR_INTERCEPT_CR2_WRITE | CR_INTERCEPT_CR3_READ |
                                       CR_INTERCEPT_CR4_READ);
    vmcb->_dr_intercepts = ~0u;
    vmcb->_exception_intercepts = WORLD_EXCEPTIONS;
    vmcb->_general1_intercepts =
        GENERAL1_INTERCEPT_INTR | GENERAL1_INTERCEPT_NMI | GENERAL1_INTERCEPT_SMI |
        GENERAL1_INTERCEPT_INIT | GENERAL1_INTERCEPT_IDTR_WRITE | GENERAL1_INTERCEPT_GDTR_WRITE |
        GENERAL1_INTERCEPT_LDTR_WRITE | GENERAL1_INTERCEPT_TR_WRITE | GENERAL1_INTERCEPT_RDPMC |
        GENERAL1_INTERCEPT_CPUID | GENERAL1_INTERCEPT_RSM | GENERAL1_INTERCEPT_INVD |
        GENERAL1_INTERCEPT_HLT | GENERAL1_INTERCEPT_INVLPGA | GENERAL1_INTERCEPT_IOIO_PROT |
        GENERAL1_INTERCEPT_MSR_PROT | GENERAL1_INTERCEPT_TASK_SWITCH |
        GENERAL1_INTERCEPT_FERR_FREEZE | GENERAL1_INTERCEPT_SHUTDOWN_EVT;
    vmcb->_general2_intercepts =
        GENERAL2_INTERCEPT_VMRUN | GENERAL2_INTERCEPT_VMMCALL | GENERAL2_INTERCEPT_VMLOAD |
        GENERAL2_INTERCEPT_VMSAVE | GENERAL2_INTERCEPT_STGI | GENERAL2_INTERCEPT_CLGI |
        GENERAL2_INTERCEPT_SKINIT | GENERAL2_INTERCEPT_RDTSCP | GENERAL2_INTERCEPT_ICEBP |
        GENERAL2_INTERCEPT_WBINVD | GENERAL2_INTERCEPT_MONITOR | GENERAL2_INTERCEPT_MWAIT |
        GENERAL2_INTERCEPT_XSETBV | GENERAL2_INTERCEPT_RDPRU;
}

/*
 * cloister-known-length: a VMMCALL is taken to have no prefixes on a CPU that does not tell where the next instruction
 * is, as QEMU's; AMD's all tell since 2010. Without it such a CPU has no fast way in. A program that puts prefixes
 * there goes on in the middle of what it wrote.
 */
static bool __ro_after_init opt_known_length;
boolean_param("cloister-known-length", opt_known_length);

static void cf_check svm_init(struct world *world, uint64_t view_root)
{
    struct vmcb_struct *vmcb = world->control;

    BUILD_BUG_ON(sizeof(*vmcb) != PAGE_SIZE);
    BUILD_BUG_ON(offsetof(struct vmcb_struct, rax) != CLOISTER_VMCB_RAX);
    intercept_all(vmcb);
    vmcb->_iopm_base_pa = virt_to_maddr(all_ones);
    vmcb->_msrpm_base_pa = virt_to_maddr(all_ones);
    vmcb->_vintr.fields.intr_masking = 1;
    vmcb_set_np(vmcb, true);
    vmcb->_h_cr3 = view_root;
    vmcb->_g_pat = WORLD_PAT;
}

static void write_state(struct vmcb_struct *vmcb, const struct cloister_launch *launch, uint32_t index)
{
    const struct segment_register data = {
        .sel = launch->data_selector, .attr = SEGMENT_DATA, .limit = ~0u };

    vmcb->es = vmcb->ss = vmcb->ds = vmcb->fs = vmcb->gs = data;
    vmcb->cs = (struct segment_register){
        .sel = launch->code_selector, .attr = SEGMENT_CODE, .limit = ~0u };
    vmcb->tr = (struct segment_register){ .attr = SEGMENT_TSS, .limit = WORLD_TSS_LIMIT,
                                          .base = launch->tss_base + index * launch->tss_stride };
    vmcb->ldtr = (struct segment_register){ };
    vmcb->gdtr.base = launch->gdt_base;
    vmcb->gdtr.limit = launch->gdt_limit;
    vmcb->idtr.base = launch->idt_base;
    vmcb->idtr.limit = launch->idt_limit;
    vmcb->_cpl = 0;
    vmcb->_efer = EFER_SVME | WORLD_EFER;
    vmcb->_cr0 = WORLD_CR0;
    vmcb->_cr2 = 0;
    vmcb->_cr3 = (uint64_t)launch->cr3_page * PAGE_SIZE;
    vmcb->_cr4 = WORLD_CR4;
    vmcb->_dr6 = DR6_RESET;
    vmcb->_dr7 = WORLD_DR7;
    vmcb->cleanbits.raw = 0;
}

/* A thread that came back by a fast RETURN finds its segments but their bases, CR2 and DR6 as it left them. */
static void cf_check svm_start(struct world *world, const struct cloister_launch *launch, uint32_t index)
{
    struct vmcb_struct *vmcb = world->control;

    if ( !world->settled )
        write_state(vmcb, launch, index);
    world->settled = false;
    vmcb->fs.base = launch->tls_base + index * launch->tls_stride;
    vmcb->gs.base = 0;
    vmcb->kerngsbase = 0;
    vmcb->rflags = X86_EFLAGS_MBS;
    vmcb->rip = launch->entry;
    vmcb->rsp = launch->stack_top + index * launch->stack_stride;
    vmcb->int_stat.raw = 0;
    vmcb->event_inj.raw = 0;
}

static void cf_check svm_again(struct world *world)
{
    struct vmcb_struct *vmcb = world->control;

    vmcb->rip = world->call;
}

static void cf_check svm_inject(struct world *world, uint8_t vector, int32_t error_code)
{
    struct vmcb_struct *vmcb = world->control;

    vmcb->event_inj.raw = 0;
    vmcb->event_inj.v = true;
    vmcb->event_inj.type = X86_ET_HW_EXC;
    vmcb->event_inj.vector = vector;
    if ( error_code != NO_ERROR_CODE )
    {
        vmcb->event_inj.ev = true;
        vmcb->event_inj.ec = error_code;
    }
}

static uint64_t cf_check npt_table_entry(uint64_t frame)
{
    return (frame << PAGE_SHIFT) | NPT_PRESENT | NPT_WRITE | NPT_USER | NPT_ACCESSED;
}

static uint64_t cf_check npt_leaf_entry(uint64_t frame, uint32_t flags)
{
    return (frame << PAGE_SHIFT) | NPT_PRESENT | NPT_USER | NPT_ACCESSED | NPT_DIRTY |
           (flags & CLOISTER_PAGE_W ? NPT_WRITE | NPT_NX : flags & CLOISTER_PAGE_X ? 0 : NPT_NX);
}

static bool cf_check npt_entry_frame(uint64_t entry, uint64_t *frame)
{
    *frame = (entry & NPT_ADDRESS) >> PAGE_SHIFT;
    return entry & NPT_PRESENT;
}

const struct world_ops world_ops_svm = {
    .flag = CLOISTER_INFO_SVM,
    .init = svm_init,
    .start = svm_start,
    .again = svm_again,
    .inject = svm_inject,
    .table_entry = npt_table_entry,
    .leaf_entry = npt_leaf_entry,
    .entry_frame = npt_entry_frame,
};

/*
 * The TLB tag of this world on this CPU (15.16). A tag is never shared with the tenant's, and flushed when
 * it is new: the CPU's last generation of tags may have used it. Who takes the first tag of a generation
 * flushes all, for those who take the next ones. A flush that the tenant was to begin with is done here for
 * both, because its next entry will not ask for it again.
 */
static noinline void asid_renew(struct world *world, struct vmcb_struct *vmcb, const struct vmcb_struct *tenant)
{
    const uint8_t flush = cpu_has_svm_flushbyasid ? TLB_CTRL_FLUSH_ASID : TLB_CTRL_FLUSH_ALL;
    uint64_t generation;
    bool first, mine;

    if ( !world_is_here(world) )
    {
        world_move(world);
        vmcb->cleanbits.raw = 0;
    }
    generation = world->asid.generation;
    first = hvm_asid_handle_vmenter(&world->asid);
    mine = world->asid.generation != generation || !world->asid.asid;
    vmcb_set_asid(vmcb, world->asid.asid ?: 1); /* 0: ASIDs are disabled */
    vmcb->tlb_control = first || tenant->tlb_control != TLB_CTRL_NO_FLUSH ? TLB_CTRL_FLUSH_ALL
                        : mine                                            ? flush
                                                                          : TLB_CTRL_NO_FLUSH;
}

static always_inline void asid_prepare(const struct vcpu *v, struct world *world, struct vmcb_struct *vmcb,
                                       const struct vmcb_struct *tenant)
{
    if ( world_is_here(world) && tenant->tlb_control == TLB_CTRL_NO_FLUSH &&
         world_tags(&v->arch.hvm.n1asid, &world->asid) )
        vmcb->tlb_control = TLB_CTRL_NO_FLUSH;
    else
        asid_renew(world, vmcb, tenant);
}

/* Parks the tenant, whose VMCB is complete. */
static always_inline void enter(struct vcpu *v, struct world *world, uint64_t parks, bool behind_exit)
{
    struct cpu_user_regs *regs = guest_cpu_user_regs();
    const struct vmcb_struct *tenant = v->arch.hvm.svm.vmcb;
    struct vmcb_struct *vmcb = world->control;

    ASSERT(v->arch.hvm.svm.vmcb_sync_state == vmcb_needs_vmsave);
    svm_vmsave_pa(v->arch.hvm.svm.vmcb_pa);
    world_park(v, world, regs, parks);

    asid_prepare(v, world, vmcb, tenant);
    vmcb->rax = regs->rax;
    if ( vmcb_get_tsc_offset(vmcb) != tenant->_tsc_offset )
        vmcb_set_tsc_offset(vmcb, tenant->_tsc_offset);
#ifdef CLOISTER_TEST
    if ( xchg(&world_test_state, 0) )
    {
        vmcb_set_asid(vmcb, 0); /* the host's (15.5.1) */
        world->asid.generation = 0;
    }
#endif
    world->tenant_pa = v->arch.hvm.svm.vmcb_pa;
    v->arch.hvm.svm.vmcb_pa = world->control_pa;
    v->arch.cloister.state = CLOISTER_VCPU_INSIDE;
    svm_vmload_pa(world->control_pa);
    world_barrier(v, behind_exit);
}

/* The reverse. keep: the enclave goes on where it is. GIF is 0: not even an NMI comes between. */
static always_inline void leave(struct vcpu *v, struct world *world, bool keep)
{
    struct cpu_user_regs *regs = guest_cpu_user_regs();
    struct vmcb_struct *vmcb = world->control;

    vmcb->cleanbits.raw = ~0u;
    if ( keep )
        svm_vmsave_pa(world->control_pa);
    regs->rax = vmcb->rax;
    v->arch.hvm.svm.vmcb_pa = world->tenant_pa;
    v->arch.hvm.svm.vmcb_sync_state = vmcb_needs_vmload;
    world_unpark(v, world, regs, keep);
    world_barrier(v, true);
    v->arch.cloister.state = CLOISTER_VCPU_CALLS;
}

/* The tenant has an event on its way, or waits for the moment to take one. */
static bool tenant_has_event(const struct vmcb_struct *tenant)
{
    return tenant->event_inj.v || tenant->_vintr.fields.irq || vmcb_has_nmi(tenant);
}

void cloister_svm_enter(struct vcpu *v)
{
    struct world *world = v->arch.cloister.pending;

    if ( tenant_has_event(v->arch.hvm.svm.vmcb) || !(guest_cpu_user_regs()->rflags & X86_EFLAGS_IF) )
    {
        world_suspend(v);
        return;
    }
    world_entered(world);
    enter(v, world, world_parks(v), false);
}

/* Behind the enclave's own call. */
static void skip_call(struct vmcb_struct *vmcb)
{
    vmcb->rip = cpu_has_svm_nrips ? vmcb->nextrip : vmcb->rip + VMMCALL_SIZE;
}

/* --- behind #VMEXIT, GIF is 0 ---------------------------------------------------------------------------- */

/* Behind the intercepted instruction (15.7.1). QEMU does not tell. */
static uint64_t next_rip(const struct vmcb_struct *vmcb)
{
    return cpu_has_svm_nrips ? vmcb->nextrip : opt_known_length ? vmcb->rip + VMMCALL_SIZE : 0;
}

/* See fast.h. */
static bool fast_enter(struct vcpu *v)
{
    struct vmcb_struct *tenant = v->arch.hvm.svm.vmcb;
    const struct fast_call call = {
        .call = tenant->exitcode == VMEXIT_VMMCALL,
        .next = next_rip(tenant),
        .shadow = tenant->int_stat.intr_shadow,
        .event = tenant->exit_int_info.v || tenant_has_event(tenant),
    };
    const uint64_t parks = world_parks(v);
    struct world *world;

    if ( !fast_callable(&call) || !parks || world_waits(v) )
        return false;
    world = world_claim(v, guest_cpu_user_regs(),
                        tenant->_cpl == 3 && tenant->cs.l && (tenant->_efer & EFER_LMA), tenant->rflags);
    if ( !world )
        return false;
    tenant->rip = call.next;
    tenant->rflags &= ~X86_EFLAGS_RF;
    tenant->rax = -EAGAIN;
    tenant->tlb_control = TLB_CTRL_NO_FLUSH; /* its own entry did what was asked for */
    tenant->cleanbits.raw = ~0u;
    enter(v, world, parks, true);
    return true;
}

static bool fast_leave(struct vcpu *v, struct world *world)
{
    struct cpu_user_regs *regs = guest_cpu_user_regs();
    struct vmcb_struct *vmcb = world->control, *tenant = v->arch.hvm.svm.vmcb;
    const uint64_t number = vmcb->rax, value0 = regs->rdi, value1 = regs->rsi;

    if ( vmcb->exitcode != VMEXIT_VMMCALL || vmcb->_cpl || !world_exit_leaves(number) || vmcb->exit_int_info.v ||
         !world->parked || !world_tags(&world->asid, &v->arch.hvm.n1asid) || world_waits(v) )
        return false;
    skip_call(vmcb);
    world->settled = number == CLOISTER_ENCLAVE_RETURN && vmcb->cs.attr == SEGMENT_CODE;
    leave(v, world, number == CLOISTER_ENCLAVE_OCALL);
    svm_vmload_pa(world->tenant_pa);
    v->arch.hvm.svm.vmcb_sync_state = vmcb_needs_vmsave;
    tenant->tlb_control = TLB_CTRL_NO_FLUSH;
    tenant->rax = number;
    world_answer(v, world, regs, number, value0, value1);
    return true;
}

unsigned int cloister_svm_exit(void)
{
    struct vcpu *v = current;
    struct world *world = v->arch.cloister.pending;

    if ( v->arch.cloister.state != CLOISTER_VCPU_INSIDE )
        return fast_enter(v) ? CLOISTER_NEXT_ENTRY : CLOISTER_NEXT_XEN;
    if ( fast_leave(v, world) )
        return CLOISTER_NEXT_ENTRY;
    leave(v, world, true);
    return CLOISTER_NEXT_LEFT;
}

/* --- the slow exit, interrupts on ------------------------------------------------------------------------ */

/* An event whose delivery the exit interrupted is delivered again (15.7.2). */
static void event_restore(struct vmcb_struct *vmcb)
{
    const intinfo_t event = vmcb->exit_int_info;

    vmcb->event_inj.raw = 0;
    if ( event.v && hvm_event_needs_reinjection(event.type, event.vector) )
        vmcb->event_inj = event;
}

static const struct world_exit_row exits[] = {
    { VMEXIT_INTR, WORLD_EXIT_INTERRUPT }, { VMEXIT_NMI, WORLD_EXIT_INTERRUPT },
    { VMEXIT_SMI, WORLD_EXIT_INTERRUPT }, { VMEXIT_INIT, WORLD_EXIT_INTERRUPT },
    { VMEXIT_VMMCALL, WORLD_EXIT_CALL }, { VMEXIT_NPF, WORLD_EXIT_VIEW },
    { VMEXIT_EXCEPTION_DB, X86_EXC_DB }, { VMEXIT_EXCEPTION_AC, X86_EXC_AC }, { VMEXIT_CPUID, X86_EXC_UD },
    { VMEXIT_EXCEPTION_MC, CLOISTER_VECTOR_MACHINE }, { VMEXIT_SHUTDOWN, CLOISTER_VECTOR_SHUTDOWN },
    { (uint32_t)VMEXIT_INVALID, CLOISTER_VECTOR_STATE }, /* QEMU 7.2 writes the low half alone */
};

/* What Xen does first behind each exit of a tenant, and the fast way left out. */
static void catch_up(struct vcpu *v, struct cpu_user_regs *regs)
{
    const struct vmcb_struct *tenant = v->arch.hvm.svm.vmcb;
    struct vlapic *vlapic = vcpu_vlapic(v);

    regs->rax = tenant->rax;
    regs->rip = tenant->rip;
    regs->rsp = tenant->rsp;
    regs->rflags = tenant->rflags;
    v->arch.hvm.guest_cr[2] = vmcb_get_cr2(tenant);
    v->arch.hvm.guest_cr[3] = v->arch.hvm.hw_cr[3] = vmcb_get_cr3(tenant);
    if ( !vlapic_hw_disabled(vlapic) )
        vlapic_set_reg(vlapic, APIC_TASKPRI, ((tenant->_vintr.fields.tpr & 0xf) << 4) |
                                             (vlapic_get_reg(vlapic, APIC_TASKPRI) & 0xf));
    hvm_maybe_deassert_evtchn_irq();
}

void cloister_svm_left(void)
{
    struct vcpu *v = current;
    struct cpu_user_regs *regs = guest_cpu_user_regs();
    struct world *world = v->arch.cloister.pending;
    struct vmcb_struct *vmcb = world->control;
    const unsigned int kind = world_exit_of(exits, ARRAY_SIZE(exits), vmcb->exitcode);

    catch_up(v, regs);
    event_restore(vmcb);
    world->call = vmcb->rip;
    if ( kind == WORLD_EXIT_CALL && !vmcb->_cpl )
        skip_call(vmcb);
    else if ( kind == CLOISTER_VECTOR_MACHINE )
        do_machine_check(regs);
    world_left(v, world, kind, !vmcb->_cpl, vmcb->exitinfo2, regs);
}
