/* SPDX-License-Identifier: MIT */
#include "world/world.h"

#include <xen/cpu.h>
#include <xen/init.h>

#include <asm/cloister.h>
#include <asm/hvm/hvm.h>
#include <asm/i387.h>
#include <asm/msr-index.h>
#include <asm/spec_ctrl.h>

#include "glue/compat.h"

#define MXCSR_RESET 0x1f80u
#define XSAVE_MXCSR_OFFSET 24u /* in the legacy region (Intel SDM vol. 1, 10.5.1) */

struct world_ops __ro_after_init world_ops;

uint64_t __ro_after_init world_xcr0, __ro_after_init world_room;
bool __ro_after_init world_has_barrier;
uint8_t world_xsave_reset[WORLD_XSAVE_SIZE] __aligned(64);

/* --- TLB tags --------------------------------------------------------------------------------------- */

/*
 * A CPU that starts counts its generations of tags from the beginning. A world that ran there before would
 * one day take its old tag, another's by then, for valid.
 */
unsigned int world_cpu_starts;

static int cf_check on_cpu(struct notifier_block *block, unsigned long action, void *cpu)
{
    if ( action == CPU_STARTING )
        world_cpu_starts++; /* one starts at a time */
    return NOTIFY_DONE;
}

static struct notifier_block cpu_block = { .notifier_call = on_cpu };

void world_move(struct world *world)
{
    world->cpu = smp_processor_id();
    world->cpu_starts = world_cpu_starts;
    hvm_asid_flush_vcpu_asid(&world->asid);
}

/* --- the choice ------------------------------------------------------------------------------------- */

bool __init world_init(void)
{
    if ( !cpu_has_xsave || !hvm_enabled )
        return false;
    world_xcr0 = xfeature_mask & (X86_XCR0_X87 | X86_XCR0_SSE | X86_XCR0_YMM);
    world_room = world_xcr0 | (xfeature_mask & FAST_XCR0_ZMM);
    if ( xstate_uncompressed_size(world_room) > WORLD_TENANT_XSAVE_SIZE )
        world_room = world_xcr0;
    world_has_barrier = boot_cpu_has(X86_FEATURE_IBPB) || boot_cpu_has(X86_FEATURE_IBRSB);
    *(uint32_t *)(world_xsave_reset + XSAVE_MXCSR_OFFSET) = MXCSR_RESET;

    if ( cpu_has_svm )
        world_ops = world_ops_svm;
    else if ( world_vmx_available() )
        world_ops = world_ops_vmx;
    register_cpu_notifier(&cpu_block);
    return world_ops.flag != 0;
}

/* --- FPU -------------------------------------------------------------------------------------------- */

static void xcr0_set(uint64_t xcr0)
{
    if ( !set_xcr0(xcr0) )
        host_panic("XCR0");
}

/* XCR0 has all that the tenant ever set while it is saved: what it has switched off since is still there. */
void world_fpu_park(struct vcpu *v, struct world *world)
{
    if ( world->parked )
    {
        xcr0_set(v->arch.xcr0_accum | world_xcr0);
        world_xsave(world->tenant_xsave, world->parked);
    }
    else
    {
        vcpu_save_fpu(v);
        clts();
    }
    xcr0_set(world_xcr0);
}

void world_fpu_unpark(struct vcpu *v, struct world *world)
{
    if ( world->parked )
    {
        world_x87_scrub(world->tenant_xsave);
        xcr0_set(v->arch.xcr0_accum | world_xcr0);
        world_xrstor(world->tenant_xsave, world->parked);
    }
    else
        world_xrstor(world_xsave_reset, world_xcr0);
    xcr0_set(v->arch.xcr0 ?: XSTATE_FP_SSE);
    if ( world->parked )
        return;
    vcpu_restore_fpu_nonlazy(v, false);
    /* Even if its registers were not live: then it can be parked the next time. The CPU's TS, which VMX sets at each exit
     * by the tenant's VMCS, goes with that. */
    alternative_vcall(hvm_funcs.fpu_dirty_intercept);
}

void world_barrier_issue(const struct vcpu *v, bool behind_exit)
{
    const bool done = (v->domain->arch.scf & SCF_entry_ibpb) &&
                      (!cpu_has_svm || boot_cpu_has(X86_FEATURE_IBPB_ENTRY_HVM));

    if ( !(behind_exit && done) )
        wrmsrl(MSR_PRED_CMD, PRED_CMD_IBPB);
}

/* --- the monitor's seam (host.h) ------------------------------------------------------------------ */

void host_world_init(struct thread *thread, frame_t view_root)
{
    struct world *world = host_frame_map(thread->context[0]);

    BUILD_BUG_ON(sizeof(*world) > PAGE_SIZE);
    world->thread = thread;
    world->control = host_frame_map(thread->context[1]);
    world->control_pa = thread->context[1].number << PAGE_SHIFT;
    world->cpu = NR_CPUS;
    thread->world = world;
    world_ops.init(world, view_root.number << PAGE_SHIFT);
}

void host_world_start(struct thread *thread, uint64_t arg0, uint64_t arg1)
{
    struct world *world = thread->world;

    world->enclave.rdi = arg0;
    world->enclave.rsi = arg1;
    world->fresh = true;
    world_ops.start(world, &thread->enclave->header.launch, thread->index);
}

void host_world_answer(struct thread *thread, uint64_t arg0, uint64_t arg1)
{
    struct world *world = thread->world;

    world->enclave.rdi = arg0;
    world->enclave.rsi = arg1;
    world->enclave.rax = 0;
}

void host_world_abandon(struct thread *thread)
{
    struct domain *d = thread->enclave->tenant->domain;
    struct vcpu *v = d->vcpu[thread->vcpu];

    if ( v->arch.cloister.pending == thread->world )
        v->arch.cloister.pending = NULL;
}

/* --- calls and exits -------------------------------------------------------------------------------- */

static void answer(struct cpu_user_regs *regs, const struct thread_result *result)
{
    regs->rax = result->outcome;
    if ( result->outcome >= 0 )
    {
        regs->rdi = result->value[0];
        regs->rsi = result->value[1];
    }
}

bool cloister_call(struct cpu_user_regs *regs)
{
    struct vcpu *v = current;
    unsigned int cpl = hvm_get_cpl(v);
    struct thread_result result = { };
    const struct thread_call call =
        world_call(v, regs, cpl == 3 && hvm_guest_x86_mode(v) == 8, regs->rflags);
    struct thread *thread;

    if ( !cpl )
        return false;
    thread = thread_call(v->domain->arch.cloister, &call, &result);
    if ( thread )
    {
        v->arch.cloister.pending = thread->world;
        v->arch.cloister.state = CLOISTER_VCPU_CALLS;
    }
    answer(regs, &result);
    return true;
}

void world_suspend(struct vcpu *v)
{
    struct world *world = v->arch.cloister.pending;

    v->arch.cloister.pending = NULL;
    world->interrupted = false;
    thread_suspend(world->thread);
}

void world_entered(struct world *world)
{
    if ( !world->interrupted )
        return;
    world->interrupted = false;
    thread_reentered(world->thread);
}

static void thread_left(struct vcpu *v, struct world *world, const struct thread_exit *exit,
                        struct cpu_user_regs *regs)
{
    struct thread_result result = { };
    enum thread_next next;

    stretch_begin();
    next = thread_exit(world->thread, exit, &result);
    stretch_end();
    switch ( next )
    {
    case THREAD_LEAVE:
        v->arch.cloister.pending = NULL;
        answer(regs, &result);
        break;

    case THREAD_ANSWER:
        world->enclave.rax = result.outcome;
        break;

    case THREAD_AGAIN:
        world_ops.again(world);
        break;

    case THREAD_INJECT:
        world_ops.inject(world, X86_EXC_GP, 0);
        break;
    }
}

void world_left(struct vcpu *v, struct world *world, unsigned int kind, bool kernel, uint64_t address,
                struct cpu_user_regs *regs)
{
    struct thread_exit exit = { .kind = THREAD_EXIT_FORBIDDEN, .address = address };

    if ( kind < WORLD_EXIT_FORBIDDEN )
    {
        world_ops.inject(world, kind, kind == X86_EXC_AC ? 0 : NO_ERROR_CODE);
        return;
    }
    if ( kind == WORLD_EXIT_INTERRUPT )
    {
        world->interrupted = true;
        thread_interrupted(world->thread);
        return;
    }
    if ( kind == WORLD_EXIT_CALL )
        exit = (struct thread_exit){ .kind = THREAD_EXIT_CALL, .number = world->enclave.rax,
                                     .value = { world->enclave.rdi, world->enclave.rsi }, .kernel = kernel };
    else if ( kind == WORLD_EXIT_VIEW )
        exit.kind = THREAD_EXIT_VIEW;
    else if ( kind > WORLD_EXIT_VIEW )
    {
        exit.kind = THREAD_EXIT_VECTOR;
        exit.number = kind;
    }
    thread_left(v, world, &exit, regs);
}
