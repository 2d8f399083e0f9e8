/* SPDX-License-Identifier: MIT */
/*
 * What an enclave's VMCS has, written while it is the CPU's current one. Section numbers are of the Intel SDM, volume 3.
 * Only vmx.c includes it; all is inlined there, where most values are constants.
 */
#ifndef CLOISTER_XEN_VMCS_H
#define CLOISTER_XEN_VMCS_H

#include <asm/hvm/hvm.h>
#include <asm/hvm/vmx/vmcs.h>
#include <asm/hvm/vmx/vmx.h>
#include <asm/msr.h>
#include <asm/spec_ctrl.h>

#include "world/ept.h"
#include "world/world.h"

#define ACCESS_CODE 0xa09b /* G L P DPL0 code, execute/read, accessed (25.4.1) */
#define ACCESS_DATA 0xc093 /* G DB P DPL0 data, read/write, accessed */
#define ACCESS_TSS 0x008b  /* P, 64-bit TSS, busy */
#define ACCESS_UNUSABLE 0x10000
#define ACCESS_DPL 0x60
#define ACCESS_USER 0x2060 /* L, DPL 3: so is the CPL then, or the code would not run */
/* In the order of the VMCS's fields (appendix B), where Xen's x86_seg_* go up to GS. */
#define SEGMENT_LDTR 6
#define SEGMENT_TR 7
#define NO_LINK (~UINT64_C(0))

/*
 * Controls that an enclave's world has and has not, beyond what Xen gives to every guest. Of the secondary
 * ones it has these alone: no VM functions, EPTP switching, #VE, page-modification log, virtual APIC.
 */
#define CPU_CONTROLS                                                                            \
    (CPU_BASED_HLT_EXITING | CPU_BASED_MWAIT_EXITING | CPU_BASED_RDPMC_EXITING |                \
     CPU_BASED_CR3_LOAD_EXITING | CPU_BASED_CR8_LOAD_EXITING | CPU_BASED_CR8_STORE_EXITING |    \
     CPU_BASED_MOV_DR_EXITING | CPU_BASED_UNCOND_IO_EXITING | CPU_BASED_MONITOR_EXITING)
#define CPU_CONTROLS_OFF                                                                        \
    (CPU_BASED_VIRTUAL_INTR_PENDING | CPU_BASED_VIRTUAL_NMI_PENDING | CPU_BASED_TPR_SHADOW |    \
     CPU_BASED_INVLPG_EXITING | CPU_BASED_RDTSC_EXITING | CPU_BASED_CR3_STORE_EXITING |         \
     CPU_BASED_ACTIVATE_IO_BITMAP | CPU_BASED_ACTIVATE_TERTIARY_CONTROLS |                      \
     CPU_BASED_MONITOR_TRAP_FLAG | CPU_BASED_PAUSE_EXITING)
#define SECONDARY_CONTROLS                                                                      \
    (SECONDARY_EXEC_ENABLE_EPT | SECONDARY_EXEC_DESCRIPTOR_TABLE_EXITING |                      \
     SECONDARY_EXEC_WBINVD_EXITING | SECONDARY_EXEC_TSC_SCALING |                               \
     SECONDARY_EXEC_BUS_LOCK_DETECTION | SECONDARY_EXEC_NOTIFY_VM_EXITING)

/* Every MSR leaves the enclave. */
static const uint8_t all_ones[PAGE_SIZE] __aligned(PAGE_SIZE) = { [0 ... PAGE_SIZE - 1] = 0xff };
/* Loaded at VM entry (27.4) and at VM exit (28.6), where the tenant's VMCS has the same. On 16 bytes each. */
static struct vmx_msr_entry l1d_flush __aligned(16) = { .index = MSR_FLUSH_CMD, .data = FLUSH_CMD_L1D };
static struct vmx_msr_entry barrier __aligned(16) = { .index = MSR_PRED_CMD, .data = PRED_CMD_IBPB };

static void write_controls(const struct vcpu *v, const struct world *world)
{
    const uint32_t cpu = (vmx_cpu_based_exec_control | CPU_CONTROLS) & ~CPU_CONTROLS_OFF;

    __vmwrite(PIN_BASED_VM_EXEC_CONTROL,
              vmx_pin_based_exec_control & ~(PIN_BASED_PREEMPT_TIMER | PIN_BASED_POSTED_INTERRUPT));
    __vmwrite(CPU_BASED_VM_EXEC_CONTROL, cpu);
    __vmwrite(VM_EXIT_CONTROLS, vmx_vmexit_control);
    __vmwrite(VM_ENTRY_CONTROLS, vmx_vmentry_control | VM_ENTRY_IA32E_MODE);
    __vmwrite(EXCEPTION_BITMAP, WORLD_EXCEPTIONS);
    __vmwrite(PAGE_FAULT_ERROR_CODE_MASK, 0);
    __vmwrite(PAGE_FAULT_ERROR_CODE_MATCH, 0);
    __vmwrite(CR3_TARGET_COUNT, 0);
    __vmwrite(VM_EXIT_MSR_STORE_COUNT, 0);
    __vmwrite(VM_EXIT_MSR_LOAD_COUNT, v->domain->arch.scf & SCF_entry_ibpb ? 1 : 0);
    __vmwrite(VM_EXIT_MSR_LOAD_ADDR, virt_to_maddr(&barrier));
    __vmwrite(VM_ENTRY_MSR_LOAD_COUNT, opt_l1d_flush ? 1 : 0);
    __vmwrite(VM_ENTRY_MSR_LOAD_ADDR, virt_to_maddr(&l1d_flush));
    if ( cpu_has_vmx_msr_bitmap )
        __vmwrite(MSR_BITMAP, virt_to_maddr(all_ones));
    __vmwrite(EPT_POINTER, world->vmx.eptp);
    __vmwrite(VMCS_LINK_POINTER, NO_LINK);
    __vmwrite(HOST_CR0, read_cr0() & ~X86_CR0_TS);
    __vmwrite(CR0_GUEST_HOST_MASK, ~UINT64_C(0));
    __vmwrite(CR4_GUEST_HOST_MASK, ~UINT64_C(0));
}

/* Inlined: all of a segment but its values is a constant. */
static always_inline void write_segment(unsigned int segment, uint16_t selector, uint32_t access,
                                        uint32_t limit, uint64_t base)
{
    __vmwrite(GUEST_SEG_SELECTOR(segment), selector);
    __vmwrite(GUEST_SEG_AR_BYTES(segment), access);
    __vmwrite(GUEST_SEG_LIMIT(segment), limit);
    __vmwrite(GUEST_SEG_BASE(segment), base);
}

/*
 * What an enclave cannot change: each try leaves it, or has no effect (25.6.2, 25.6.6, 25.6.9, 26.1.3). For
 * LGDT, LIDT, LLDT and LTR that takes descriptor-table exiting, without which there is no world switch.
 */
static void write_fixed_state(const struct cloister_launch *launch, uint32_t index)
{
    write_segment(SEGMENT_TR, 0, ACCESS_TSS, WORLD_TSS_LIMIT,
                  launch->tss_base + index * launch->tss_stride);
    write_segment(SEGMENT_LDTR, 0, ACCESS_UNUSABLE, 0, 0);
    __vmwrite(GUEST_GDTR_BASE, launch->gdt_base);
    __vmwrite(GUEST_GDTR_LIMIT, launch->gdt_limit);
    __vmwrite(GUEST_IDTR_BASE, launch->idt_base);
    __vmwrite(GUEST_IDTR_LIMIT, launch->idt_limit);

    __vmwrite(GUEST_CR0, WORLD_CR0);
    __vmwrite(CR0_READ_SHADOW, WORLD_CR0);
    __vmwrite(GUEST_CR3, (uint64_t)launch->cr3_page * PAGE_SIZE);
    __vmwrite(GUEST_CR4, WORLD_CR4 | X86_CR4_VMXE);
    __vmwrite(CR4_READ_SHADOW, WORLD_CR4);
    __vmwrite(GUEST_EFER, WORLD_EFER);
    __vmwrite(GUEST_PAT, WORLD_PAT);
    __vmwrite(GUEST_DR7, WORLD_DR7);
    __vmwrite(GUEST_IA32_DEBUGCTL, 0);
    __vmwrite(GUEST_SYSENTER_CS, 0);
    __vmwrite(GUEST_SYSENTER_ESP, 0);
    __vmwrite(GUEST_SYSENTER_EIP, 0);
    if ( cpu_has_vmx_mpx )
        __vmwrite(GUEST_BNDCFGS, 0);
}

static void write_segments(const struct cloister_launch *launch)
{
    write_segment(x86_seg_cs, launch->code_selector, ACCESS_CODE, ~0u, 0);
    write_segment(x86_seg_ds, launch->data_selector, ACCESS_DATA, ~0u, 0);
    write_segment(x86_seg_es, launch->data_selector, ACCESS_DATA, ~0u, 0);
    write_segment(x86_seg_ss, launch->data_selector, ACCESS_DATA, ~0u, 0);
    write_segment(x86_seg_gs, launch->data_selector, ACCESS_DATA, ~0u, 0);
    write_segment(x86_seg_fs, launch->data_selector, ACCESS_DATA, ~0u, 0);
    __vmwrite(GUEST_ACTIVITY_STATE, 0);
}

/* A thread that came back by a fast RETURN finds its segments but their bases as it left them. */
static always_inline void write_launch_state(struct world *world)
{
    const struct cloister_launch *launch = world->vmx.launch;
    const uint32_t index = world->thread->index;

    if ( !world->settled )
        write_segments(launch);
    world->settled = false;
    world->vmx.launch = NULL;

    __vmwrite(GUEST_FS_BASE, launch->tls_base + index * launch->tls_stride);
    __vmwrite(GUEST_GS_BASE, 0);
    __vmwrite(GUEST_RIP, launch->entry);
    __vmwrite(GUEST_RSP, launch->stack_top + index * launch->stack_stride);
    /*
     * IF changes nothing: the host's interrupts leave the enclave either way, and no other comes. It is set
     * for Bochs 2.7, which holds them back from a guest that is entered without, until it changes IF.
     */
    __vmwrite(GUEST_RFLAGS, X86_EFLAGS_MBS | X86_EFLAGS_IF);
    __vmwrite(GUEST_INTERRUPTIBILITY_INFO, 0);
    __vmwrite(GUEST_PENDING_DBG_EXCEPTIONS, 0);
    __vmwrite(VM_ENTRY_INTR_INFO, 0);
}

/*
 * TLB tags (29.4): linear addresses by a VPID of the world's own, the view by the root of its table. The
 * view does not change while it has threads, but its root may have been another's before: what this CPU
 * still knows of that is forgotten at the thread's first entry here. A VPID that is new needs no INVVPID of
 * its own: no other had it since all were forgotten.
 */
static always_inline void prepare_tags(const struct vcpu *v, struct world *world, bool moved)
{
    uint32_t controls = vmx_secondary_exec_control & SECONDARY_CONTROLS;

    if ( moved )
        __invept(INVEPT_SINGLE_CONTEXT, world->vmx.eptp);
    else if ( world_tags(&v->arch.hvm.n1asid, &world->asid) )
        return; /* as at the last entry */
    if ( cpu_has_vmx_vpid )
    {
        if ( hvm_asid_handle_vmenter(&world->asid) )
            vpid_sync_all();
        if ( world->asid.asid ) /* 0: VPIDs are disabled */
        {
            controls |= SECONDARY_EXEC_ENABLE_VPID;
            __vmwrite(VIRTUAL_PROCESSOR_ID, world->asid.asid);
        }
    }
    __vmwrite(SECONDARY_VM_EXEC_CONTROL, controls);
}

static void write_event(struct world_vmx *vmx)
{
    if ( !vmx->event )
        return;
    __vmwrite(VM_ENTRY_INTR_INFO, vmx->event);
    __vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, vmx->error_code);
    vmx->event = 0;
}

#ifdef CLOISTER_TEST
/* Reserved bits (27.3.1.4), more CR3 targets than there are (27.2.1.1). */
static void spoil(void)
{
    switch ( xchg(&world_test_state, 0) )
    {
    case 1:
        __vmwrite(GUEST_RFLAGS, 0);
        break;

    case 2:
        __vmwrite(CR3_TARGET_COUNT, ~0u);
        break;
    }
}
#endif

#endif
