/* SPDX-License-Identifier: MIT */
/*
 * The world switch: how a vCPU runs an enclave's thread instead of its tenant.
 *
 * A thread has a second VMCB or VMCS. It is entered in the last C function before the VM entry and left in
 * the first code after the VM exit, with interrupts off in between, so no other line of Xen runs while a vCPU
 * is inside: scheduling, pausing and destroying see a tenant that has just been answered -EAGAIN.
 *
 * svm.c and vmx.c implement struct world_ops; world_init() chooses once. What happens between the two exits
 * is the same for both and stands in world.c. Calls for which nothing of Xen's waits take the way of fast.h.
 */
#ifndef CLOISTER_XEN_WORLD_H
#define CLOISTER_XEN_WORLD_H

#include <xen/sched.h>
#include <xen/shared.h>
#include <xen/softirq.h>
#include <xen/trace.h>

#include <asm/cloister.h>
#include <asm/cpufeature.h>
#include <asm/hvm/asid.h>
#include <asm/hvm/domain.h>
#include <asm/hvm/irq.h>
#include <asm/xstate.h>

#include "glue/glue.h"
#include "world/fast.h"

/* The general registers, in the order of struct cpu_user_regs from r15 to rdi. */
struct world_gprs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
};

/* x87, SSE and AVX state in the standard XSAVE format (Intel SDM vol. 1, 13.4). */
#define WORLD_XSAVE_SIZE 832u
/* With the upper parts of ZMM, wherever the vendors put them. */
#define WORLD_TENANT_XSAVE_SIZE 2688u

/*
 * What vmx.c keeps between a VM exit and the next entry: a VMCS can be read and written only while it is
 * the CPU's current one.
 */
struct world_vmx {
    uint64_t eptp;
    const struct cloister_launch *launch; /* the next entry starts there; NULL: goes on */
    bool built;           /* the VMCS has its controls, and what the enclave cannot change */
    bool again;           /* the next entry is at the call once more */
    uint32_t event;       /* to be injected, 0: none */
    uint32_t error_code;  /* of the event */
    uint64_t cr2, shadow_gs;
    uint64_t tenant_cr2, tenant_shadow_gs;
    bool tenant_launched;
    /* The last exit. */
    unsigned long reason, interruption, address, qualification;
    bool kernel; /* a call, from CPL 0 */
};

/* What every enclave has from its start, besides what its image says. */
#define WORLD_CR0 (X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_PG)
#define WORLD_CR4 (X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_OSXSAVE)
#define WORLD_EFER (EFER_LME | EFER_LMA | EFER_NXE)
#define WORLD_PAT UINT64_C(0x0007040600070406)
#define WORLD_DR7 0x400
#define WORLD_TSS_LIMIT 103
/* The enclave's IDT handles its exceptions. These three come here: a machine check is the host's; #DB and #AC
 * can be raised again by their own delivery, for ever (AMD APM vol. 2, 15.35.3). */
#define WORLD_EXCEPTIONS ((1u << X86_EXC_MC) | (1u << X86_EXC_DB) | (1u << X86_EXC_AC))

/* Stands in a context frame of its thread. */
struct world {
    struct thread *thread;
    void *control;     /* VMCB or VMCS, the other context frame */
    uint64_t control_pa;
    struct hvm_vcpu_asid asid;
    unsigned int cpu;  /* where the ASID is valid ... */
    unsigned int cpu_starts; /* ... as long as no CPU has started since */
    uint64_t tenant_pa; /* SVM: of its VMCB */
    bool settled;      /* the last call was a fast RETURN from 64-bit code: segments are as that left them */
    uint64_t parked;   /* states of the tenant's FPU that are in tenant_xsave; 0: Xen has saved them */
    bool fresh;        /* the enclave's FPU state is the reset state, not what xsave holds */
    bool interrupted;  /* by the host; the tenant has not run since */
    uint64_t call;     /* the address of the last call that was served the slow way */
    struct world_vmx vmx;
    struct world_gprs enclave;
    struct world_gprs tenant;
    uint8_t xsave[WORLD_XSAVE_SIZE] __attribute__((aligned(64)));
    uint8_t tenant_xsave[WORLD_TENANT_XSAVE_SIZE] __attribute__((aligned(64)));
};

/*
 * What a VM exit of an enclave is, whatever its vendor calls it: an exception that is to be raised inside (its vector),
 * one of these, or what ends the thread (CLOISTER_VECTOR_*, beyond all vectors).
 */
enum world_exit_kind {
    WORLD_EXIT_FORBIDDEN = 32, /* an instruction that enclaves may not use, and whatever has no row */
    WORLD_EXIT_INTERRUPT,      /* the host's business; nothing of the enclave's */
    WORLD_EXIT_CALL,
    WORLD_EXIT_VIEW,           /* an access that the view does not allow */
};

struct world_exit_row {
    uint32_t reason;
    uint16_t kind;
};

static inline unsigned int world_exit_of(const struct world_exit_row *rows, unsigned int count, uint32_t reason)
{
    for ( unsigned int i = 0; i < count; i++ )
        if ( rows[i].reason == reason )
            return rows[i].kind;
    return WORLD_EXIT_FORBIDDEN;
}

/* A call of the enclave's that does nothing but leave it, if it comes from CPL 0. */
static inline bool world_exit_leaves(uint64_t rax)
{
    return rax == CLOISTER_ENCLAVE_RETURN || rax == CLOISTER_ENCLAVE_OCALL;
}

/* Of an exception that has none. */
#define NO_ERROR_CODE (-1)

struct world_ops {
    uint32_t flag; /* CLOISTER_INFO_SVM or _VMX */
    void (*init)(struct world *world, uint64_t view_root);
    void (*start)(struct world *world, const struct cloister_launch *launch, uint32_t index);
    /* The next entry is at the last call once more. */
    void (*again)(struct world *world);
    /* Raises an exception at the next entry; error_code may be NO_ERROR_CODE. */
    void (*inject)(struct world *world, uint8_t vector, int32_t error_code);
    uint64_t (*table_entry)(uint64_t frame);
    uint64_t (*leaf_entry)(uint64_t frame, uint32_t flags);
    bool (*entry_frame)(uint64_t entry, uint64_t *frame);
};

extern struct world_ops world_ops;
extern const struct world_ops world_ops_svm;
extern const struct world_ops world_ops_vmx;

/* The CPU has what world_ops_vmx needs. */
bool world_vmx_available(void);

/* Chooses the vendor. False: this CPU has no world switch in this build. */
bool world_init(void);

#ifdef CLOISTER_TEST
/* Spoils the next entry; 0: none (CLOISTER_TEST_STATE). */
extern unsigned int world_test_state;
#endif

/* The world was last on this CPU, which has not been off since: its ASID may still be valid. */
extern unsigned int world_cpu_starts;
static inline bool world_is_here(const struct world *world)
{
    return world->cpu == smp_processor_id() && world->cpu_starts == world_cpu_starts;
}

/* It comes to this CPU. */
void world_move(struct world *world);

/* --- common parts of an entry and an exit, interrupts off ---------------------------------------------- */

/* Features of the enclave's XCR0, and states for which tenant_xsave has room. */
extern uint64_t world_xcr0, world_room;
/* All of the enclave's features at their reset values. */
extern uint8_t world_xsave_reset[WORLD_XSAVE_SIZE];

static inline void world_xsave(void *area, uint64_t states)
{
    asm volatile ( "xsave64 (%0)" : : "r" (area), "a" ((uint32_t)states), "d" (0) : "memory" );
}

static inline void world_xrstor(const void *area, uint64_t states)
{
    asm volatile ( "xrstor64 (%0)" : : "r" (area), "a" ((uint32_t)states), "d" (0) : "memory" );
}

/* What of the tenant's FPU state can be parked; 0: Xen has to save it. */
static inline uint64_t world_parks(const struct vcpu *v)
{
    return fast_fpu(v->fpu_dirtied, v->arch.xcr0_accum, world_xcr0, world_room);
}

/* XCR0 is the enclave's for the tenant, too (0: it never wrote it), and for all that it ever had switched on. */
static inline bool world_xcr0_is_shared(const struct vcpu *v)
{
    return (v->arch.xcr0 ?: XSTATE_FP_SSE) == world_xcr0 && !(v->arch.xcr0_accum & ~world_xcr0);
}

/*
 * The general registers, through those of SSE: between XSAVE and XRSTOR these hold nothing, and nothing that is in them
 * then stays there. Half as many instructions as a register at a time.
 */
static inline void world_registers_copy(struct world_gprs *to, const struct world_gprs *from)
{
    BUILD_BUG_ON(sizeof(*to) != 120);
    asm volatile ( "movups 0(%1), %%xmm0; movups 16(%1), %%xmm1; movups 32(%1), %%xmm2; movups 48(%1), %%xmm3;"
                   "movups 64(%1), %%xmm4; movups 80(%1), %%xmm5; movups 96(%1), %%xmm6; movups 104(%1), %%xmm7;"
                   "movups %%xmm0, 0(%0); movups %%xmm1, 16(%0); movups %%xmm2, 32(%0); movups %%xmm3, 48(%0);"
                   "movups %%xmm4, 64(%0); movups %%xmm5, 80(%0); movups %%xmm6, 96(%0); movups %%xmm7, 104(%0)"
                   : : "r" (to), "r" (from) : "memory" );
}

/* Of a thread that starts, all are zero that are not arguments. */
static inline void world_registers_enter(struct world *world, struct cpu_user_regs *regs)
{
    world_registers_copy(&world->tenant, (struct world_gprs *)&regs->r15);
    if ( !world->fresh )
    {
        world_registers_copy((struct world_gprs *)&regs->r15, &world->enclave);
        return;
    }
    regs->r15 = regs->r14 = regs->r13 = regs->r12 = regs->rbp = regs->rbx = 0;
    regs->r11 = regs->r10 = regs->r9 = regs->r8 = regs->rax = regs->rcx = 0;
    regs->rdi = world->enclave.rdi;
    regs->rsi = world->enclave.rsi;
    regs->rdx = world->thread->index;
}

/*
 * AMD CPUs neither save nor restore the pointers to the last x87 instruction and its operand while no
 * exception is pending (APM vol. 2, 11.4.4.3): an x87 load replaces the enclave's, as Xen's xrstor() does.
 */
static inline void world_x87_scrub(const void *area)
{
    const struct { uint16_t control, status; uint32_t rest; } *x87 = area;

    if ( cpu_bug_fpu_ptrs && !(x87->status & ~x87->control & 0x3f) )
        asm volatile ( "fnclex; ffree %%st(7); fildl %0" : : "m" (x87->rest) );
}

/* What is rare of the two below: XCR0 changes, or Xen saves the tenant's FPU state, or saved it. */
void world_fpu_park(struct vcpu *v, struct world *world);
void world_fpu_unpark(struct vcpu *v, struct world *world);

/*
 * The tenant's registers give way to the enclave's. A tenant whose FPU is live and holds nothing that has no place here
 * (parks: world_parks()) is parked; for Xen it stays live all the time. Any other goes through Xen's own save and restore.
 */
static always_inline void world_park(struct vcpu *v, struct world *world, struct cpu_user_regs *regs, uint64_t parks)
{
    world->parked = parks;
    if ( likely(parks && world_xcr0_is_shared(v)) )
        world_xsave(world->tenant_xsave, parks);
    else
        world_fpu_park(v, world);
    world_registers_enter(world, regs);
    world_xrstor(world->fresh ? world_xsave_reset : world->xsave, world_xcr0);
}

/* The reverse. keep: the enclave goes on where it is; else it starts afresh, and its state is lost. */
static always_inline void world_unpark(struct vcpu *v, struct world *world, struct cpu_user_regs *regs, bool keep)
{
    if ( keep )
    {
        world_xsave(world->xsave, world_xcr0);
        world_registers_copy(&world->enclave, (struct world_gprs *)&regs->r15);
    }
    world_registers_copy((struct world_gprs *)&regs->r15, &world->tenant);
    world->fresh = !keep;
    if ( likely(world->parked && world_xcr0_is_shared(v)) )
    {
        world_x87_scrub(world->tenant_xsave);
        world_xrstor(world->tenant_xsave, world->parked); /* all that the enclave could touch */
    }
    else
        world_fpu_unpark(v, world);
}

extern bool world_has_barrier;
void world_barrier_issue(const struct vcpu *v, bool behind_exit);
/*
 * Nothing that a guest trained is of use behind it. Where Xen itself has one behind each exit of this domain (AMD's
 * entry code, Intel's list of MSRs), and nothing but this code has run since (behind_exit), a second one is of none.
 */
static inline void world_barrier(const struct vcpu *v, bool behind_exit)
{
    if ( world_has_barrier )
        world_barrier_issue(v, behind_exit);
}

/* The fast way: something waits for this vCPU. */
static inline bool world_waits(const struct vcpu *v)
{
    return fast_waits(&(struct fast_waiting){
        .softirqs = softirq_pending(smp_processor_id()),
        .tracing = tb_init_done,
        .nmi = v->arch.nmi_pending,
        .machine_check = v->arch.mce_pending,
        .upcall = vcpu_info(v, evtchn_upcall_pending),
        .line = hvm_domain_irq(v->domain)->callback_via_asserted,
    });
}

/* The two TLB tags are of one generation: fast_tags(). */
static inline bool world_tags(const struct hvm_vcpu_asid *ran, const struct hvm_vcpu_asid *next)
{
    return fast_tags(&(struct fast_tag){ ran->generation, ran->asid },
                     &(struct fast_tag){ read_atomic(&next->generation), next->asid });
}
/* What the tenant asks. */
static inline struct thread_call world_call(const struct vcpu *v, const struct cpu_user_regs *regs, bool user_mode,
                                            uint64_t rflags)
{
    return (struct thread_call){
        .operation = regs->rdi,
        .handle = { regs->rsi, regs->rdx },
        .thread = regs->r10,
        .arg = { regs->r8, regs->r9 },
        .user_mode = user_mode,
        .flags_ok = (rflags & (X86_EFLAGS_IF | X86_EFLAGS_TF)) == X86_EFLAGS_IF,
        .vcpu = v->vcpu_id,
    };
}

/* The world of the thread that the tenant's call in `regs` names is the vCPU's now; NULL: nothing was changed. */
static inline struct world *world_claim(struct vcpu *v, const struct cpu_user_regs *regs, bool user_mode,
                                        uint64_t rflags)
{
    const struct thread_call call = world_call(v, regs, user_mode, rflags);
    struct thread *thread = thread_call_try(v->domain->arch.cloister, &call);

    if ( !thread )
        return NULL;
    v->arch.cloister.pending = thread->world;
    return thread->world;
}

/* RETURN or OCALL: the thread is free, and the tenant's registers have its answer. The last thing that is done. */
static inline void world_answer(struct vcpu *v, struct world *world, struct cpu_user_regs *regs, uint64_t number,
                                uint64_t value0, uint64_t value1)
{
    v->arch.cloister.pending = NULL;
    regs->rax = number;
    regs->rdi = value0;
    regs->rsi = value1;
    thread_leave(world->thread, number);
}

/* The tenant has something to do before the enclave: it will RESUME. */
void world_suspend(struct vcpu *v);
/* The enclave is being entered. */
void world_entered(struct world *world);
/*
 * It has been left, and the tenant's state is complete; enum world_exit_kind, whether a call came from CPL 0, what address
 * the view did not allow. After an interrupt the next entry goes in again unless the tenant has something to do; for all
 * else the monitor says what to do.
 */
void world_left(struct vcpu *v, struct world *world, unsigned int kind, bool kernel, uint64_t address,
                struct cpu_user_regs *regs);

#endif
