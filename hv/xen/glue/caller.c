/* SPDX-License-Identifier: MIT */
/* The seam to who calls, and to the CPU that serves it (monitor/core/host.h). */
#include "glue/glue.h"

#include <xen/event.h>
#include <xen/guest_access.h>
#include <xen/hypercall.h>
#include <xen/sched.h>
#include <xen/spinlock.h>

#include <asm/hvm/hvm.h>

#define RANDOM_TRIES 10

/* --- locks -------------------------------------------------------------------------------------------- */

static spinlock_t *lock_of(struct host_lock *lock)
{
    BUILD_BUG_ON(sizeof(spinlock_t) > sizeof(*lock));
    return (spinlock_t *)lock;
}

void host_lock_init(struct host_lock *lock)
{
    spin_lock_init(lock_of(lock));
}

void host_lock(struct host_lock *lock)
{
    spin_lock(lock_of(lock));
}

bool host_lock_try(struct host_lock *lock)
{
    return spin_trylock(lock_of(lock));
}

void host_unlock(struct host_lock *lock)
{
    spin_unlock(lock_of(lock));
}

#ifndef NDEBUG
void host_lock_expect(const struct host_lock *lock)
{
    ASSERT(spin_is_locked(lock_of((struct host_lock *)(unsigned long)lock)));
}
#endif

/* --- the caller ------------------------------------------------------------------------------------------ */

int host_copy_in(void *to, uint64_t from, size_t size)
{
    return raw_copy_from_guest(to, (void *)from, size) ? -EFAULT : 0;
}

int host_copy_out(uint64_t to, const void *from, size_t size)
{
    return raw_copy_to_guest((void *)to, from, size) ? -EFAULT : 0;
}

bool host_preempted(void)
{
    stretch_check();
    return hypercall_preempt_check();
}

uint64_t host_now(void)
{
    return NOW();
}

unsigned int host_cpu(void)
{
    return smp_processor_id();
}

unsigned int host_cpu_count(void)
{
    return nr_cpu_ids;
}

/* One value from the CPU's generator (Intel SDM vol. 1, 7.3.17): the seed source where there is one. */
static bool random_step(uint64_t *value)
{
    bool ok;

    if ( boot_cpu_has(X86_FEATURE_RDSEED) )
        asm volatile ( "rdseed %0; setc %1" : "=r" (*value), "=qm" (ok) : : "cc" );
    else
        asm volatile ( "rdrand %0; setc %1" : "=r" (*value), "=qm" (ok) : : "cc" );
    return ok;
}

static bool random_value(uint64_t *value)
{
    for ( unsigned int i = 0; i < RANDOM_TRIES; i++ )
    {
        uint64_t again;

        /* A generator that repeats itself is broken. */
        if ( random_step(value) && random_step(&again) && again != *value )
            return true;
        cpu_relax();
    }
    return false;
}

int host_random(void *to, size_t size)
{
    uint8_t *bytes = to;

    if ( !boot_cpu_has(X86_FEATURE_RDRAND) && !boot_cpu_has(X86_FEATURE_RDSEED) )
        return -EIO;
    for ( size_t done = 0; done < size; done += sizeof(uint64_t) )
    {
        uint64_t value;

        if ( !random_value(&value) )
            return -EIO;
        memcpy(bytes + done, &value, min(size - done, sizeof(value)));
    }
    return 0;
}

void host_describe_actor(struct cloister_trace_record *record)
{
    const struct vcpu *v = current;
    const struct cpu_user_regs *regs = guest_cpu_user_regs();

    if ( is_system_domain(v->domain) )
        return;
    record->domain = v->domain->domain_id;
    record->vcpu = v->vcpu_id;
    record->rip = regs->rip;
    if ( is_hvm_vcpu(v) )
    {
        record->cpl = hvm_get_cpl(current);
        record->cr3 = v->arch.hvm.guest_cr[3];
    }
    else
    {
        record->cpl = guest_kernel_mode(v, regs) ? 0 : 3;
        record->cr3 = pagetable_get_paddr(v->arch.guest_table);
    }
    if ( record->event == CLOISTER_EVENT_CALL &&
         hvm_copy_from_guest_linear(record->insn, regs->rip, sizeof(record->insn), 0, NULL) ==
             HVMTRANS_okay )
        record->insn_size = sizeof(record->insn);
    else
        memset(record->insn, 0, sizeof(record->insn)); /* half of a copy is in nobody's log */
}

void host_panic(const char *what)
{
    panic("Cloister: %s\n", what);
}
