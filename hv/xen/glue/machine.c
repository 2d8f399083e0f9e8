/* SPDX-License-Identifier: MIT */
/* The seam to the machine and its domains (monitor/core/host.h). */
#include "glue/glue.h"

#include <xen/init.h>
#include <xen/iommu.h>
#include <xen/sched.h>
#include <xen/version.h>
#include <xen/vm_event.h>

#include <asm/altp2m.h>
#include <asm/cloister.h>
#include <asm/cloister_grants.h>
#include <asm/hvm/nestedhvm.h>
#include <asm/p2m.h>
#include <asm/paging.h>
#include <asm/vpmu.h>

#include "lockdown/lockdown.h"
#include "monitor/machine/mor.h"
#include "source.h"
#include "world/world.h"

/* --- the machine ---------------------------------------------------------------------------------- */

/* What iommu_hwdom_init() will make of dom0, for the monitor record. */
static bool __ro_after_init dma_will_be_confined;

static bool dma_is_confined(void)
{
    if ( !hardware_domain )
        return dma_will_be_confined;
    return is_iommu_enabled(hardware_domain) && need_iommu_pt_sync(hardware_domain);
}

void __init machine_init(void)
{
    dma_will_be_confined = iommu_enabled && iommu_hwdom_strict;
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

/* --- its domains ---------------------------------------------------------------------------------- */

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
