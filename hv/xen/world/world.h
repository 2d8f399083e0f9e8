/* SPDX-License-Identifier: MIT */
/*
 * The world switch: how a vCPU runs an enclave's thread instead of its tenant.
 *
 * A thread has a second VMCB or VMCS. It is entered in the last C function before the VM entry and left in
 * the first code after the VM exit, with interrupts off in between, so no other line of Xen runs while a vCPU
 * is inside: scheduling, pausing and destroying see a tenant that has just been answered -EAGAIN.
 *
 * svm.c and vmx.c implement struct world_ops; world_init() chooses once. What happens between the two exits
 * is the same for both and stands in world.c.
 */
#ifndef CLOISTER_XEN_WORLD_H
#define CLOISTER_XEN_WORLD_H

#include <xen/sched.h>

#include <asm/hvm/asid.h>

#include "glue/glue.h"

/* The general registers, in the order of struct cpu_user_regs from r15 to rdi. */
struct world_gprs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
};

/* x87, SSE and AVX state in the standard XSAVE format (Intel SDM vol. 1, 13.4). */
#define WORLD_XSAVE_SIZE 832u

/*
 * What vmx.c keeps between a VM exit and the next entry: a VMCS can be read and written only while it is
 * the CPU's current one.
 */
struct world_vmx {
    uint64_t eptp;
    const struct cloister_launch *launch; /* the next entry starts there; NULL: goes on */
    bool built;           /* the VMCS has its controls, and what the enclave cannot change */
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
    bool tenant_fpu;   /* the tenant's FPU state was loaded at entry ... */
    bool tenant_parked; /* ... and is in tenant_xsave */
    bool fresh;        /* the enclave's FPU state is the reset state, not what xsave holds */
    bool interrupted;  /* by the host; the tenant has not run since */
    struct world_vmx vmx;
    struct world_gprs enclave;
    struct world_gprs tenant;
    uint8_t xsave[WORLD_XSAVE_SIZE] __attribute__((aligned(64)));
    uint8_t tenant_xsave[WORLD_XSAVE_SIZE] __attribute__((aligned(64)));
};

/* What a VM exit of an enclave asks for. */
enum world_exit_kind {
    WORLD_EXIT_INTERRUPT, /* the host's business; nothing of the enclave's */
    WORLD_EXIT_THREAD,    /* `exit` is for the monitor */
    WORLD_EXIT_REPEAT,    /* go on: an event has been put back */
};

/* An exit for the monitor that is told by its kind and a number. */
static inline enum world_exit_kind world_exit_thread(struct thread_exit *exit, enum thread_exit_kind kind,
                                                     uint64_t number)
{
    *exit = (struct thread_exit){ .kind = kind, .number = number };
    return WORLD_EXIT_THREAD;
}

/* Of an exception that has none. */
#define NO_ERROR_CODE (-1)

struct world_ops {
    uint32_t flag; /* CLOISTER_INFO_SVM or _VMX */
    void (*init)(struct world *world, uint64_t view_root);
    void (*start)(struct world *world, const struct cloister_launch *launch, uint32_t index);
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

/* At entry: true if the world was last elsewhere, or this CPU off; its ASID is void then. */
bool world_moved(struct world *world);

/* Common parts of an entry and an exit, interrupts off. */
void world_fpu_enter(struct vcpu *v, struct world *world);
void world_fpu_leave(struct vcpu *v, struct world *world);
void world_barrier(void);

/* The tenant has something to do before the enclave: it will RESUME. */
void world_suspend(struct vcpu *v);
/* The enclave is being entered. */
void world_entered(struct world *world);
/* It has been left, and the tenant's state is complete. After an interrupt the next entry goes in again unless
 * the tenant has something to do; for a thread's exit (`exit`) the monitor says what to do. */
void world_left(struct vcpu *v, struct world *world, enum world_exit_kind kind,
                const struct thread_exit *exit, struct cpu_user_regs *regs);

#endif
