/* SPDX-License-Identifier: MIT */
/* What may be done to a domain that has enclaves. */
#include "glue/glue.h"

#include <xen/sched.h>

#include <asm/cloister.h>
#include <public/domctl.h>
#include <public/hvm/hvm_op.h>

#include "glue/compat.h"

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
