/* SPDX-License-Identifier: MIT */
/* The world switch for AMD SVM. Section numbers are of the AMD APM, volume 2. */
#include "glue/compat.h"
#include "world/world.h"

#include <asm/cloister.h>
#include <asm/hvm/hvm.h>
#include <asm/hvm/svm/svmdebug.h>
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

static void cf_check svm_init(struct world *world, uint64_t view_root)
{
    struct vmcb_struct *vmcb = world->control;

    BUILD_BUG_ON(sizeof(*vmcb) != PAGE_SIZE);
    intercept_all(vmcb);
    vmcb->_iopm_base_pa = virt_to_maddr(all_ones);
    vmcb->_msrpm_base_pa = virt_to_maddr(all_ones);
    vmcb->_vintr.fields.intr_masking = 1;
    vmcb_set_np(vmcb, true);
    vmcb->_h_cr3 = view_root;
    vmcb->_g_pat = WORLD_PAT;
}

static void cf_check svm_start(struct world *world, const struct cloister_launch *launch, uint32_t index)
{
    struct vmcb_struct *vmcb = world->control;
    const struct segment_register data = {
        .sel = launch->data_selector, .attr = SEGMENT_DATA, .limit = ~0u };

    vmcb->es = vmcb->ss = vmcb->ds = vmcb->fs = vmcb->gs = data;
    vmcb->cs = (struct segment_register){
        .sel = launch->code_selector, .attr = SEGMENT_CODE, .limit = ~0u };
    vmcb->fs.base = launch->tls_base + index * launch->tls_stride;
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
    vmcb->rflags = X86_EFLAGS_MBS;
    vmcb->rip = launch->entry;
    vmcb->rsp = launch->stack_top + index * launch->stack_stride;
    vmcb->kerngsbase = 0;
    vmcb->int_stat.raw = 0;
    vmcb->event_inj.raw = 0;
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
static void asid_prepare(struct world *world, struct vmcb_struct *vmcb, const struct vmcb_struct *tenant)
{
    const uint8_t flush = cpu_has_svm_flushbyasid ? TLB_CTRL_FLUSH_ASID : TLB_CTRL_FLUSH_ALL;
    uint64_t generation;
    bool first, mine;

    world_moved(world);
    generation = world->asid.generation;
    first = hvm_asid_handle_vmenter(&world->asid);
    mine = world->asid.generation != generation || !world->asid.asid;
    vmcb_set_asid(vmcb, world->asid.asid ?: 1); /* 0: ASIDs are disabled */
    vmcb->tlb_control = first || tenant->tlb_control != TLB_CTRL_NO_FLUSH ? TLB_CTRL_FLUSH_ALL
                        : mine                                            ? flush
                                                                          : TLB_CTRL_NO_FLUSH;
}

void cloister_svm_enter(struct vcpu *v)
{
    struct cpu_user_regs *regs = guest_cpu_user_regs();
    struct world *world = v->arch.cloister.pending;
    struct vmcb_struct *tenant = v->arch.hvm.svm.vmcb;
    struct vmcb_struct *vmcb = world->control;

    if ( tenant->event_inj.v || tenant->_vintr.fields.irq || vmcb_has_nmi(tenant) ||
         !(regs->rflags & X86_EFLAGS_IF) )
    {
        world_suspend(v);
        return;
    }

    world_entered(world);
    svm_sync_vmcb(v, vmcb_in_sync);
    memcpy(&world->tenant, &regs->r15, sizeof(world->tenant));
    memcpy(&regs->r15, &world->enclave, sizeof(world->enclave));
    world_fpu_enter(v, world);

    asid_prepare(world, vmcb, tenant);
    vmcb->rax = world->enclave.rax;
    vmcb->_tsc_offset = tenant->_tsc_offset;
    vmcb->cleanbits.raw = 0;
#ifdef CLOISTER_TEST
    if ( xchg(&world_test_state, 0) )
        vmcb_set_asid(vmcb, 0); /* the host's (15.5.1) */
#endif
    v->arch.hvm.svm.vmcb_pa = world->control_pa;
    v->arch.cloister.inside = true;
    svm_vmload_pa(world->control_pa);
    world_barrier();
}

/* GIF is 0: not even an NMI comes between. */
void cloister_svm_leave(void)
{
    struct vcpu *v = current;
    struct cpu_user_regs *regs = guest_cpu_user_regs();
    struct world *world = v->arch.cloister.pending;
    const struct vmcb_struct *vmcb = world->control;
    struct vmcb_struct *tenant = v->arch.hvm.svm.vmcb;

    svm_vmsave_pa(world->control_pa);
    memcpy(&world->enclave, &regs->r15, sizeof(world->enclave));
    world->enclave.rax = vmcb->rax;
    memcpy(&regs->r15, &world->tenant, sizeof(world->tenant));
    regs->rax = tenant->rax;
    regs->rip = tenant->rip;
    regs->rsp = tenant->rsp;
    regs->rflags = tenant->rflags;

    v->arch.hvm.svm.vmcb_pa = virt_to_maddr(tenant);
    svm_sync_vmcb(v, vmcb_needs_vmload);
    world_fpu_leave(v, world);
    world_barrier();
    v->arch.cloister.inside = false;
    v->arch.cloister.left = world;
}

/* An event whose delivery the exit interrupted is delivered again (15.7.2). */
static void event_restore(struct vmcb_struct *vmcb)
{
    const intinfo_t event = vmcb->exit_int_info;

    vmcb->event_inj.raw = 0;
    if ( event.v && hvm_event_needs_reinjection(event.type, event.vector) )
        vmcb->event_inj = event;
}

/* What an exit was; interrupts are on, the tenant's state is complete. */
static enum world_exit_kind decode(struct world *world, struct thread_exit *exit,
                                   struct cpu_user_regs *regs)
{
    struct vmcb_struct *vmcb = world->control;

    event_restore(vmcb);
    switch ( vmcb->exitcode )
    {
    case VMEXIT_INTR:
    case VMEXIT_NMI:
    case VMEXIT_SMI:
    case VMEXIT_INIT:
        return WORLD_EXIT_INTERRUPT;

    case VMEXIT_VMMCALL:
        *exit = (struct thread_exit){ .kind = THREAD_EXIT_CALL, .number = world->enclave.rax,
                                      .value = { world->enclave.rdi, world->enclave.rsi },
                                      .kernel = !vmcb->_cpl };
        if ( exit->kernel )
            vmcb->rip = cpu_has_svm_nrips ? vmcb->nextrip : vmcb->rip + VMMCALL_SIZE;
        return WORLD_EXIT_THREAD;

    case VMEXIT_EXCEPTION_DB:
        svm_inject(world, X86_EXC_DB, NO_ERROR_CODE);
        return WORLD_EXIT_REPEAT;

    case VMEXIT_EXCEPTION_AC:
        svm_inject(world, X86_EXC_AC, 0);
        return WORLD_EXIT_REPEAT;

    case VMEXIT_CPUID:
        svm_inject(world, X86_EXC_UD, NO_ERROR_CODE);
        return WORLD_EXIT_REPEAT;

    case VMEXIT_NPF:
        *exit = (struct thread_exit){ .kind = THREAD_EXIT_VIEW, .address = vmcb->exitinfo2 };
        return WORLD_EXIT_THREAD;

    case VMEXIT_EXCEPTION_MC:
        do_machine_check(regs);
        return world_exit_thread(exit, THREAD_EXIT_VECTOR, CLOISTER_VECTOR_MACHINE);

    case VMEXIT_SHUTDOWN:
        return world_exit_thread(exit, THREAD_EXIT_VECTOR, CLOISTER_VECTOR_SHUTDOWN);

    case VMEXIT_INVALID:
    case (uint32_t)VMEXIT_INVALID: /* as QEMU 7.2 writes it */
        return world_exit_thread(exit, THREAD_EXIT_VECTOR, CLOISTER_VECTOR_STATE);

    default:
        return world_exit_thread(exit, THREAD_EXIT_FORBIDDEN, 0);
    }
}

bool cloister_svm_left(struct cpu_user_regs *regs)
{
    struct vcpu *v = current;
    struct world *world = v->arch.cloister.left;
    struct thread_exit exit;

    if ( likely(!world) )
        return false;
    v->arch.cloister.left = NULL;

    world_left(v, world, decode(world, &exit, regs), &exit, regs);
    return true;
}
