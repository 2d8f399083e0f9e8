/* SPDX-License-Identifier: MIT */
/*
 * The fast way: ENTER, RESUME, RETURN and OCALL served right behind the VM exit, before anything else of Xen runs.
 *
 * More than half of what an enclave call costs the slow way is Xen's generic work done twice: the exit handler, the
 * assistance with interrupts, the entry helper, once behind the tenant's exit although the tenant does not run next.
 * The fast way looks whether any of it is due. If nothing is, the switch is all that is done:
 *
 *   tenant --VMCALL, RAX = 55--> fast_enter() --> park the tenant, claim the thread, VM entry of the enclave
 *   enclave --RETURN, OCALL----> fast_leave() --> put the tenant back with its answer, VM entry of the tenant
 *   all else, or anything that waits ----------> the slow way, as if there were no other
 *
 * States. A parked tenant is the same both ways: its registers in struct world, its RIP behind the call, RAX =
 * -EAGAIN. So an enclave that was entered one way may be left the other way. What Xen does first behind each exit,
 * and the fast way left out, the slow exit catches up.
 *
 * Invariants.
 *  - False means that nothing was changed: not a register, not a field, not a lock, not a count. The last thing that
 *    can say no is thread_call_try(), which claims the thread; what follows it cannot fail.
 *  - It takes no lock for which it would have to wait: tenant.lock by trying. SVM: GIF is 0, VMX: interrupts are off,
 *    from the VM exit to the VM entry. What comes meanwhile (interrupt, NMI, IPI) takes the vCPU out at its entry.
 *  - It writes no record and gives no error: a call that is to be refused goes the slow way, and is refused there.
 *  - Nobody touches struct world once its thread is not RUNNING any more: thread_exit() comes last.
 *
 * What waits for a vCPU is told by the predicates below. They know nothing of Xen, so that
 * tests/unit/xen/world/test_fast.c can try each rule alone.
 */
#ifndef CLOISTER_XEN_FAST_H
#define CLOISTER_XEN_FAST_H

#include <stdbool.h>
#include <stdint.h>

/* What Xen would do between the exit and the next entry, whoever runs next. Both directions test it. */
struct fast_waiting {
    unsigned int softirqs;    /* of this CPU: timers, the scheduler, a pause, a kick by another CPU */
    unsigned int tracing;     /* xentrace wants a record of each exit and each entry */
    unsigned int nmi;         /* for the tenant */
    unsigned int machine_check;
    unsigned int upcall;      /* an event channel has an event for it */
    unsigned int line;        /* the INTx line of the events is up, and would be looked at */
};

static inline bool fast_waits(const struct fast_waiting *waiting)
{
    return waiting->softirqs | waiting->tracing | waiting->nmi | waiting->machine_check | waiting->upcall |
           waiting->line;
}

/* How the tenant stands at its exit; the monitor looks at its mode, IF and TF. */
struct fast_call {
    bool call;           /* it left by VMCALL or VMMCALL, and nothing else */
    uint64_t next;       /* RIP behind the instruction; 0: the CPU does not tell */
    unsigned int shadow; /* STI or MOV SS hold interrupts back until behind the next instruction */
    bool event;          /* one is on its way to it, or waits for the moment that it can be taken */
};

static inline bool fast_callable(const struct fast_call *call)
{
    return call->call && call->next && !call->shadow && !call->event;
}

/* What Xen's entry helper on VMX does for the tenant before it runs; there is nothing of the kind on SVM. */
struct fast_help {
    unsigned int mappings; /* this CPU is to forget translations of its memory */
    unsigned int branches; /* last-branch records, some of which need a correction at each entry */
    bool posting;          /* a device posts interrupts to it */
    bool stepping;         /* the entry is to be armed for a single step */
};

static inline bool fast_needs_help(const struct fast_help *help)
{
    return help->mappings | help->branches | help->posting | help->stepping;
}

/* A TLB tag on a CPU: valid while its generation is the CPU's; 0: flushed by somebody. Tag 0: there are none. */
struct fast_tag {
    uint64_t generation;
    unsigned int tag;
};

/*
 * Who ran until now has a tag that was valid at its VM entry, and this CPU has begun no generation since. So another
 * tag is valid if it is of the same one. It is told without asking Xen, which asks in a function of its own.
 */
static inline bool fast_tags(const struct fast_tag *ran, const struct fast_tag *next)
{
    /* The product is 0 if one of the tags is: one question instead of two. */
    return ran->generation == next->generation && ran->generation && (uint64_t)ran->tag * next->tag != 0;
}

/* States of the tenant's that the FPU's registers hold (Intel SDM vol. 1, 13.1). */
#define FAST_XCR0_ZMM UINT64_C(0xe0)
#define FAST_XCR0_PKRU UINT64_C(0x200)

/*
 * What of a tenant that has ever set the bits `ever` of XCR0 is saved before an enclave with `enclave` for its XCR0
 * runs; 0: nothing here, Xen's own save and restore has to do it. `room`: what there is a place for. PKRU stays in
 * its register: CR4.PKE is 0 inside, so that nothing reads, obeys or writes it. The upper parts of ZMM are saved:
 * each VEX instruction of the enclave's zeros them.
 */
static inline uint64_t fast_fpu(bool live, uint64_t ever, uint64_t enclave, uint64_t room)
{
    return live && !(ever & ~(room | FAST_XCR0_PKRU)) ? (ever & FAST_XCR0_ZMM) | enclave : 0;
}

#endif
