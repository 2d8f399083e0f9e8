/* SPDX-License-Identifier: MIT */
/* The monitor's seam (monitor/core/host.h) on Xen, and the hooks that need no world. */
#include "glue/glue.h"

#include <xen/event.h>
#include <xen/guest_access.h>
#include <xen/hypercall.h>
#include <xen/init.h>
#include <xen/iommu.h>
#include <xen/mm.h>
#include <xen/param.h>
#include <xen/pci.h>
#include <xen/sched.h>
#include <xen/spinlock.h>
#include <xen/vmap.h>
#include <xen/version.h>
#include <xen/vm_event.h>

#include <asm/altp2m.h>
#include <public/hvm/hvm_op.h>

#include <asm/cloister.h>
#include <asm/cloister_grants.h>
#include <asm/hvm/hvm.h>
#include <asm/hvm/nestedhvm.h>
#include <asm/p2m.h>
#include <asm/paging.h>
#include <asm/vpmu.h>

#include "glue/compat.h"
#include "lockdown/lockdown.h"
#include "monitor/machine/mor.h"
#include "source.h"
#include "world/world.h"

#define RANDOM_TRIES 10
#define RING_ORDER 6

bool __ro_after_init opt_insecure_dma;
static unsigned int __ro_after_init opt_pcr = CLOISTER_RECORD_PCR;
static bool __ro_after_init opt_tpm_required;

static void **__ro_after_init rings;

/* cloister=insecure-dma: create enclaves although devices can reach all memory. For machines without
 * an IOMMU on which nothing is at stake. */
static int __init cf_check parse_cloister(const char *s)
{
    if ( strcmp(s, "insecure-dma") )
        return -EINVAL;
    opt_insecure_dma = true;
    return 0;
}
custom_param("cloister", parse_cloister);

/* cloister-pcr=N: the PCR for the monitor record. Those above 15 can be reset by software. */
static int __init cf_check parse_pcr(const char *s)
{
    const char *end;
    unsigned long pcr = simple_strtoul(s, &end, 10);

    if ( end == s || *end || pcr > 15 )
        return -EINVAL;
    opt_pcr = pcr;
    return 0;
}
custom_param("cloister-pcr", parse_pcr);

/*
 * cloister-tpm=required: boot only if a TPM vouches for the identity. Otherwise a TPM that is out of order
 * while Xen starts leaves the record's PCR to dom0, which can extend it with a record of its own making.
 * Nothing but "optional" means that: a typing error must not.
 */
static int __init cf_check parse_tpm(const char *s)
{
    opt_tpm_required = strcmp(s, "optional");
    return opt_tpm_required && strcmp(s, "required") ? -EINVAL : 0;
}
custom_param("cloister-tpm", parse_tpm);

/*
 * cloister-update-key=NAME: the key whose holder authorizes updates (cloister/update.h). What is no name
 * must not mean none, and nobody puts another key behind the operator's: once, or there is no root.
 */
static uint8_t __ro_after_init update_key[32];
static int __ro_after_init update_key_status = -ENOENT;

static int __init cf_check parse_update_key(const char *s)
{
    unsigned int i;

    update_key_status = update_key_status == -ENOENT && strlen(s) == 2 * sizeof(update_key)
                        ? 0 : -EINVAL;
    for ( i = 0; !update_key_status && i < sizeof(update_key); i++ )
    {
        const char pair[] = { s[2 * i], s[2 * i + 1], 0 }, *end;

        update_key[i] = simple_strtoul(pair, &end, 16);
        if ( end != pair + 2 )
            update_key_status = -EINVAL;
    }
    return update_key_status;
}
custom_param("cloister-update-key", parse_update_key);

/* --- memory ------------------------------------------------------------------------------------------ */

int host_frame_alloc(frame_t *frame)
{
    struct page_info *page = alloc_domheap_page(NULL, MEMF_no_owner);

    if ( !page )
        return -ENOMEM;
    frame->number = mfn_x(page_to_mfn(page));
    return 0;
}

/* Not scrubbed at once, which would take a CPU too long: the monitor zeroes each frame when it takes it. */
int host_frame_alloc_large(frame_t *first)
{
    struct page_info *page = NULL;

    BUILD_BUG_ON(HOST_LARGE_FRAMES != 1u << PAGE_ORDER_2M);
    if ( hap_has_2mb )
        page = alloc_domheap_pages(NULL, PAGE_ORDER_2M, MEMF_no_owner | MEMF_no_scrub);
    if ( !page )
        return -ENOMEM;
    first->number = mfn_x(page_to_mfn(page));
    return 0;
}

void host_frame_free(frame_t frame)
{
    free_domheap_page(mfn_to_page(_mfn(frame.number)));
}

void *host_frame_map(frame_t frame)
{
    return mfn_to_virt(frame.number);
}

void host_frame_unmap(void *mapping)
{
    (void)mapping;
}

uint64_t host_frame_limit(void)
{
    return max_page;
}

void *host_alloc(size_t size)
{
    return size > PAGE_SIZE ? vzalloc(size) : xzalloc_bytes(size);
}

void host_free(void *memory)
{
    unsigned long address = (unsigned long)memory;

    if ( address >= VMAP_VIRT_START && address < VMAP_VIRT_END )
        vfree(memory);
    else
        xfree(memory);
}

bool host_frame_is_anonymous(frame_t frame)
{
    const struct page_info *page = mfn_to_page(_mfn(frame.number));

    return !page_get_owner(page) && !(page->count_info & PGC_count_mask);
}

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

/* --- the machine and its domains -------------------------------------------------------------------------- */

/* What iommu_hwdom_init() will make of dom0, for the monitor record. */
static bool __ro_after_init dma_will_be_confined;

static bool dma_is_confined(void)
{
    if ( !hardware_domain )
        return dma_will_be_confined;
    return is_iommu_enabled(hardware_domain) && need_iommu_pt_sync(hardware_domain);
}

/* A CPU goes offline while no other runs a hypercall (stop_machine_run()): the masks are there. */
static bool has_siblings(void)
{
    unsigned int cpu;

    for_each_online_cpu ( cpu )
        if ( cpumask_weight(per_cpu(cpu_sibling_mask, cpu)) > 1 )
            return true;
    return false;
}

/* A table that all devices share lets each raise the interrupts of the others. */
static bool interrupts_are_confined(void)
{
    return iommu_intremap && amd_iommu_perdev_intremap;
}

uint32_t host_flags(void)
{
    return world_ops.flag | HOST_TEST_FLAG | lockdown_host_flags() |
           (dma_is_confined() ? CLOISTER_INFO_IOMMU_STRICT : 0) |
           (interrupts_are_confined() ? CLOISTER_INFO_INTREMAP : 0) |
           (opt_insecure_dma ? CLOISTER_INFO_INSECURE_DMA : 0) |
           (opt_tpm_required ? CLOISTER_INFO_TPM_REQUIRED : 0) |
           (update_key_status ? 0 : CLOISTER_INFO_UPDATE_KEY) |
           (mor_status()->outcome == MOR_LOCKED ? CLOISTER_INFO_MOR : 0) |
           (has_siblings() ? CLOISTER_INFO_SMT : 0) |
           (boot_cpu_has(X86_FEATURE_IBPB) || boot_cpu_has(X86_FEATURE_IBRSB)
                ? CLOISTER_INFO_IBPB : 0);
}

void host_version(uint8_t text[32])
{
    memset(text, 0, 32);
    snprintf((char *)text, 32, "%u.%u%s", xen_major_version(), xen_minor_version(),
             xen_extra_version());
}

/* Debian's version of the source; hv/xen/build names it. */
void host_source(uint8_t text[48])
{
    memset(text, 0, 48);
    snprintf((char *)text, 48, "%s", CLOISTER_XEN_SOURCE);
}

uint32_t host_record_pcr(void)
{
    return opt_pcr;
}

int host_update_key(uint8_t name[32])
{
    memcpy(name, update_key, sizeof(update_key));
    return update_key_status;
}

enum cloister_reason host_refusal(void)
{
    if ( !world_ops.flag )
        return CLOISTER_REASON_HOST_CPU;
    if ( !dma_is_confined() && !opt_insecure_dma )
        return CLOISTER_REASON_HOST_IOMMU;
    if ( !interrupts_are_confined() && !opt_insecure_dma )
        return CLOISTER_REASON_HOST_INTREMAP;
    if ( vpmu_mode != XENPMU_MODE_OFF )
        return CLOISTER_REASON_HOST_VPMU;
    return CLOISTER_REASON_NONE;
}

enum cloister_reason host_domain_refusal(void *domain)
{
    struct domain *d = domain;

    /* Until then Xen may give it up without asking tenant_end(). */
    if ( !d->creation_finished )
        return CLOISTER_REASON_DOMAIN_BUILDING;
    if ( !is_hvm_domain(d) || !hap_enabled(d) )
        return CLOISTER_REASON_DOMAIN_KIND;
    if ( nestedhvm_enabled(d) )
        return CLOISTER_REASON_DOMAIN_NESTED;
    if ( altp2m_active(d) )
        return CLOISTER_REASON_DOMAIN_ALTP2M;
    if ( p2m_pod_active(d) )
        return CLOISTER_REASON_DOMAIN_POD;
    if ( paging_mode_log_dirty(d) )
        return CLOISTER_REASON_DOMAIN_LOG_DIRTY;
    if ( vm_event_check_ring(d->vm_event_monitor) || d->vmtrace_size )
        return CLOISTER_REASON_DOMAIN_VM_EVENT;
    return CLOISTER_REASON_NONE;
}

uint16_t host_domain_id(void *domain)
{
    const struct domain *d = domain;

    return d->domain_id;
}

void host_domain_uuid(void *domain, uint8_t uuid[16])
{
    const struct domain *d = domain;

    BUILD_BUG_ON(sizeof(d->handle) != 16);
    memcpy(uuid, d->handle, sizeof(d->handle));
}

void host_vcpu_stop(void *domain, uint16_t vcpu)
{
    const struct domain *d = domain;

    vcpu_pause(d->vcpu[vcpu]);
}

void host_vcpu_start(void *domain, uint16_t vcpu)
{
    const struct domain *d = domain;

    vcpu_unpause(d->vcpu[vcpu]);
}

int host_grant_acquire(void *domain, uint32_t ref, frame_t *frame)
{
    return cloister_grant_acquire(domain, ref, &frame->number);
}

void host_grant_release(void *domain, uint32_t ref, frame_t frame)
{
    cloister_grant_release(domain, ref, frame.number);
}

bool cloister_frame_is_protected(unsigned long mfn)
{
    return frame_is_protected((frame_t){ mfn });
}

/* --- second-stage entries ------------------------------------------------------------------------------------ */

uint64_t host_view_table_entry(frame_t table)
{
    return world_ops.table_entry(table.number);
}

uint64_t host_view_leaf_entry(frame_t frame, uint32_t flags)
{
    return world_ops.leaf_entry(frame.number, flags);
}

bool host_view_entry_frame(uint64_t entry, frame_t *frame)
{
    return world_ops.entry_frame(entry, &frame->number);
}

/* --- trace rings ------------------------------------------------------------------------------------------------ */

void *host_trace_ring_alloc(unsigned int cpu)
{
    void *ring = alloc_xenheap_pages(RING_ORDER, 0);

    BUILD_BUG_ON(CLOISTER_TRACE_RING_PAGES != 1 << RING_ORDER);
    if ( !ring )
        return NULL;
    memset(ring, 0, CLOISTER_TRACE_RING_PAGES * PAGE_SIZE);
    for ( unsigned int i = 0; i < CLOISTER_TRACE_RING_PAGES; i++ )
        share_xen_page_with_privileged_guests(virt_to_page(ring + i * PAGE_SIZE), SHARE_ro);
    rings[cpu] = ring;
    return ring;
}

uint64_t host_trace_ring_frame(unsigned int cpu, unsigned int page)
{
    return virt_to_mfn(rings[cpu] + page * PAGE_SIZE);
}

void host_panic(const char *what)
{
    panic("Cloister: %s\n", what);
}

/* --- start -------------------------------------------------------------------------------------------------------- */

/*
 * Xen gives the first MiB to dom_io, for dom0 to map, and keeps the code in it that starts a CPU and wakes
 * the machine: who writes there runs beneath Xen. These pages become nobody's, with a count of zero.
 */
static void __init trampoline_hide(void)
{
    unsigned long last = PFN_DOWN(bootsym_phys(trampoline_end) - 1);

    for ( unsigned long mfn = PFN_DOWN(bootsym_phys(trampoline_start)); mfn <= last; mfn++ )
    {
        struct page_info *page = mfn_to_page(_mfn(mfn));

        page_set_owner(page, NULL);
        page->u.inuse.type_info = 0;
        page->count_info &= ~(PGC_allocated | PGC_count_mask);
    }
}

static void __init identity_say(void)
{
    const struct identity_status *status = identity_status();
    const struct cloister_monitor_record *record = identity_record();

    if ( status->tpm_started )
        printk("Cloister: the firmware had not started the TPM\n");
    if ( status->reason == CLOISTER_REASON_TPM_FAILED )
        printk(XENLOG_WARNING "Cloister: the TPM failed (%d, response code %#x)\n", status->error,
               status->tpm_code);
    if ( !record )
        printk(XENLOG_WARNING "Cloister: no entropy, no identity: no reports\n");
    else if ( record->pcr == CLOISTER_RECORD_NO_TPM )
        printk(XENLOG_WARNING "Cloister: identity made; no TPM vouches for it\n");
    else
        printk("Cloister: identity made, PCR %u extended%s\n", record->pcr,
               status->pcr_used ? " (it was not zero: verifiers will refuse it)" : "");
}

/* Before there is a dom0 that could do anything with the PCR. A panic's own text has room for little. */
static void __init identity_demand(void)
{
    const struct identity_status *status = identity_status();

    if ( !opt_tpm_required || (!status->reason && !status->pcr_used) )
        return;
    printk(XENLOG_ERR "Cloister: %s\n", status->reason ? cloister_reason_text(status->reason)
                                                        : "the record's PCR was used before Xen");
    printk(XENLOG_ERR "Cloister: switch the TPM on in the firmware's setup and reset the machine; with "
           "cloister-tpm=optional Xen boots, and no verifier accepts it\n");
    panic("Cloister: cloister-tpm=required, and no TPM vouches for this boot\n");
}

static void __init seal_say(void)
{
    const struct seal_status *status = seal_status();

    if ( update_key_status == -EINVAL )
        printk(XENLOG_ERR "Cloister: cloister-update-key= must stand there once, with 64 hexadecimal digits\n");
    if ( !update_key_status && status->reason != CLOISTER_REASON_TPM_ABSENT )
        printk("Cloister: the update key's statements hold from number %"PRIu64" on\n",
               be64_to_cpup((const void *)status->floor));
    if ( !status->reason )
        printk("Cloister: sealing root %s\n", status->fresh ? "made" : "read, and locked");
    else if ( status->reason != CLOISTER_REASON_TPM_ABSENT )
        printk(XENLOG_WARNING "Cloister: no sealing keys: %s (%d, response code %#x)\n",
               cloister_reason_text(status->reason), status->error, status->tpm_code);
}

static int __init cf_check cloister_start(void)
{
    bool available = world_init();
    int rc;

    dma_will_be_confined = iommu_enabled && iommu_hwdom_strict;

    trampoline_hide();
    lockdown_start();
    power_init();
    rings = xzalloc_array(void *, nr_cpu_ids);
    rc = rings ? monitor_init() : -ENOMEM;
    if ( rc )
        panic("Cloister: the monitor cannot start (%d)\n", rc);
    printk("Cloister: monitor ready, worlds by %s%s\n",
           world_ops.flag == CLOISTER_INFO_SVM ? "SVM" :
           world_ops.flag == CLOISTER_INFO_VMX ? "VMX" : "nothing",
           available ? "" : ": no enclaves on this CPU");
    identity_say();
    seal_say();
    identity_demand();
    return 0;
}
__initcall(cloister_start);

/* --- hooks ---------------------------------------------------------------------------------------------------------- */

/*
 * CREATE under the lock of domain controls, which bring about what it refuses (host_domain_refusal), and change UUIDs:
 * none stands between its question to cloister_freeze() and its effect. -ERESTART: another one has it.
 */
static int control(unsigned int cmd, unsigned long arg)
{
    bool privileged = is_control_domain(current->domain);
    bool locked = cmd == CLOISTER_OP_CREATE && privileged;
    int rc;

    if ( locked && !domctl_lock_acquire() )
        return -ERESTART;
    rc = monitor_control(cmd, arg, privileged, current->mc_state.flags & MCSF_in_multicall);
    if ( locked )
        domctl_lock_release();
    return rc;
}

long do_cloister_op(unsigned int cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    int rc;

#ifdef CLOISTER_TEST
    if ( cmd == CLOISTER_OP_TEST && is_control_domain(current->domain) )
        return cloister_test(arg);
#endif
    rc = control(cmd, (unsigned long)arg.p);
    if ( rc == -ERESTART )
        return hypercall_create_continuation(__HYPERVISOR_cloister_op, "ih", cmd, arg);
    return rc;
}

int cloister_domain_create(struct domain *d)
{
    d->arch.cloister = tenant_create(d);
    return d->arch.cloister ? 0 : -ENOMEM;
}

int cloister_domain_end(struct domain *d)
{
    return d->arch.cloister ? tenant_end(d->arch.cloister) : 0;
}

void cloister_domain_destroy(struct domain *d)
{
    if ( d->arch.cloister )
        tenant_destroy(d->arch.cloister);
    d->arch.cloister = NULL;
}

/*
 * Device memory is what Xen does not manage, or gives to dom_io, or a page of the domain's own that Xen
 * made for it (the APIC-access page). Everything else is RAM: somebody's, or Xen's.
 */
static bool is_device_frame(const struct domain *d, mfn_t mfn)
{
    const struct page_info *page;

    if ( !mfn_valid(mfn) )
        return true;
    page = mfn_to_page(mfn);
    return page_get_owner(page) == dom_io || (page_get_owner(page) == d && is_special_page(page));
}

int cloister_guard_mmio(const struct domain *d, unsigned long mfn, unsigned long count)
{
    for ( unsigned long i = 0; i < count; i++ )
    {
        if ( !is_device_frame(d, _mfn(mfn + i)) )
        {
            monitor_refused(CLOISTER_EVENT_GUARD, CLOISTER_REASON_GUARD_MMIO, -EPERM, d->domain_id,
                            0, mfn + i);
            return -EPERM;
        }
    }
    return 0;
}

int cloister_guard_iommu(const struct domain *d, unsigned long mfn, unsigned long count)
{
    return monitor_guard(CLOISTER_REASON_GUARD_IOMMU, d->domain_id, mfn, count);
}

struct domain *cloister_reference_refused(const struct page_info *page)
{
    if ( system_state >= SYS_STATE_active )
        monitor_reference_refused(current->domain->arch.cloister,
                                  (frame_t){ mfn_x(page_to_mfn(page)) });
    return NULL;
}

/* In a tasklet: it was no vCPU. */
void cloister_dma_refused(uint16_t segment, uint16_t bdf, uint64_t address)
{
    const struct pci_dev *device;
    uint16_t domain = CLOISTER_NO_DOMAIN;

    pcidevs_lock();
    device = pci_get_pdev(NULL, PCI_SBDF(segment, bdf));
    if ( device && device->domain )
        domain = device->domain->domain_id;
    pcidevs_unlock();
    monitor_dma_refused(domain, ((uint32_t)segment << 16) | bdf, address);
}

/*
 * What the life of a domain with enclaves needs, each looked at (hv/CAVEATS.md, "Domain controls"). Everything
 * else would save, trace or rewrite the inside of a domain, or lose its enclaves, or is a control that came
 * after this list was made: refused.
 */
static const uint8_t harmless_controls[] = {
    XEN_DOMCTL_destroydomain, XEN_DOMCTL_pausedomain, XEN_DOMCTL_unpausedomain, XEN_DOMCTL_resumedomain,
    XEN_DOMCTL_sendtrigger, XEN_DOMCTL_settimeoffset,

    XEN_DOMCTL_getdomaininfo, XEN_DOMCTL_getvcpuinfo, XEN_DOMCTL_getvcpucontext,
    XEN_DOMCTL_setvcpucontext, /* how a domain goes on after a save that failed */
    XEN_DOMCTL_getvcpuextstate, XEN_DOMCTL_gethvmcontext_partial, XEN_DOMCTL_getpageframeinfo3,
    XEN_DOMCTL_get_address_size, XEN_DOMCTL_get_cpu_policy, XEN_DOMCTL_gettscinfo,

    XEN_DOMCTL_scheduler_op, XEN_DOMCTL_setvcpuaffinity, XEN_DOMCTL_getvcpuaffinity,
    XEN_DOMCTL_setnodeaffinity, XEN_DOMCTL_getnodeaffinity, XEN_DOMCTL_max_mem,
    XEN_DOMCTL_get_paging_mempool_size, XEN_DOMCTL_set_paging_mempool_size,

    XEN_DOMCTL_assign_device, XEN_DOMCTL_deassign_device, XEN_DOMCTL_test_assign_device,
    XEN_DOMCTL_get_device_group, XEN_DOMCTL_iomem_permission, XEN_DOMCTL_memory_mapping,
    XEN_DOMCTL_ioport_permission, XEN_DOMCTL_ioport_mapping, XEN_DOMCTL_irq_permission,
    XEN_DOMCTL_gsi_permission, XEN_DOMCTL_bind_pt_irq, XEN_DOMCTL_unbind_pt_irq,
};

static bool is_harmless(const struct xen_domctl *op)
{
    for ( unsigned int i = 0; i < ARRAY_SIZE(harmless_controls); i++ )
        if ( op->cmd == harmless_controls[i] )
            return true;
    return op->cmd == XEN_DOMCTL_shadow_op && (op->u.shadow_op.op == XEN_DOMCTL_SHADOW_OP_OFF ||
                                               op->u.shadow_op.op == XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION ||
                                               op->u.shadow_op.op == XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION);
}

static int freeze(struct domain *d, enum cloister_reason reason, uint32_t operation)
{
    if ( !reason )
        return 0;
    monitor_refused(CLOISTER_EVENT_FREEZE, reason, -EBUSY, d->domain_id, operation, 0);
    return -EBUSY;
}

/* NONE: the domain has no enclaves. */
static enum cloister_reason with_enclaves(struct domain *d, enum cloister_reason reason)
{
    return d->arch.cloister && tenant_has_enclaves(d->arch.cloister) ? reason : CLOISTER_REASON_NONE;
}

/*
 * Before Xen's own check, because newer ones do some controls before it: whoever may control nothing must
 * neither learn here that there are enclaves nor leave a record, and is left to Xen, which refuses.
 */
int cloister_freeze(struct domain *d, const struct xen_domctl *op)
{
    const struct domain *caller = current->domain;

    if ( !d || (!is_control_domain(caller) && caller->target != d) )
        return 0;
    if ( op->cmd == XEN_DOMCTL_ioport_permission || op->cmd == XEN_DOMCTL_ioport_mapping )
        cloister_ports_change(d);
    if ( op->cmd == XEN_DOMCTL_setdomainhandle && d->arch.cloister )
        return freeze(d, tenant_uuid_refusal(d->arch.cloister, op->u.setdomainhandle.handle), op->cmd);
    return is_harmless(op) ? 0 : freeze(d, with_enclaves(d, CLOISTER_REASON_ENCLAVES_LIVE), op->cmd);
}

/* Altp2m is on already, and CREATE would see it: tenant_has_enclaves(). */
int cloister_freeze_altp2m(struct domain *d)
{
    return freeze(d, with_enclaves(d, CLOISTER_REASON_DOMAIN_ALTP2M), HVMOP_altp2m);
}
