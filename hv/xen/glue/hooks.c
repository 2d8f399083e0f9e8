/* SPDX-License-Identifier: MIT */
/* What Xen's own files call (hooks.h) that needs no world: control operations, the life of domains, the guards. */
#include "glue/glue.h"

#include <xen/guest_access.h>
#include <xen/hypercall.h>
#include <xen/mm.h>
#include <xen/pci.h>
#include <xen/sched.h>

#include <asm/cloister.h>
#include <asm/cloister_grants.h>

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
    stretch_begin();
    rc = control(cmd, (unsigned long)arg.p);
    stretch_end();
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

bool cloister_frame_is_protected(unsigned long mfn)
{
    return frame_is_protected((frame_t){ mfn });
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
