/* SPDX-License-Identifier: MIT */
/*
 * dom0 takes the tenant's UUID away, gives it to a guest without enclaves, and makes an enclave in a domain that is
 * still being built: uuid TENANT HELPER IMAGE
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "monitor.h"
#include "report.h"
#include "xen_interface.h"
/* after xen.h */
#include <xen/domctl.h>

static struct xen_domctl named(uint32_t domain, uint32_t command)
{
    struct xen_domctl op;

    memset(&op, 0, sizeof(op));
    op.cmd = command;
    op.domain = domain;
    return op;
}

static long uuid_set(uint32_t domain, const uint8_t uuid[16])
{
    struct xen_domctl op = named(domain, XEN_DOMCTL_setdomainhandle);

    memcpy(op.u.setdomainhandle.handle, uuid, 16);
    return domctl(&op);
}

static void uuid_get(uint32_t domain, uint8_t uuid[16])
{
    struct xen_domctl op = named(domain, XEN_DOMCTL_getdomaininfo);

    if (domctl(&op)) {
        report_cannot("domain %u is not there", domain);
    }
    memcpy(uuid, op.u.getdomaininfo.handle, 16);
}

static bool has_uuid(uint32_t domain, const uint8_t uuid[16])
{
    uint8_t now[16];

    uuid_get(domain, now);
    return !memcmp(now, uuid, sizeof(now));
}

/* As the toolstack begins a PVH domain; nobody unpauses it. */
static uint32_t domain_begin(void)
{
    struct xen_domctl op = named(0, XEN_DOMCTL_createdomain);

    op.u.createdomain.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
    op.u.createdomain.max_vcpus = 1;
    op.u.createdomain.max_evtchn_port = 1023;
    op.u.createdomain.max_grant_frames = 4;
    op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(2);
    op.u.createdomain.arch.emulation_flags = XEN_X86_EMU_LAPIC;
    long rc = domctl(&op);
    if (rc) {
        report_cannot("createdomain: %s", errno_name(rc));
    }
    return op.domain;
}

static void domain_end(uint32_t domain)
{
    struct xen_domctl op = named(domain, XEN_DOMCTL_destroydomain);

    while (domctl(&op) == -ERESTART) {
    }
}

static void try_building(uint32_t tenant, const uint8_t uuid[16], const char *image)
{
    struct cloister_create create = {0};
    uint8_t *header = hyper_memory(4096);
    FILE *file = fopen(image, "rb");

    if (!file || fread(header, CLOISTER_IMAGE_HEADER_SIZE, 1, file) != 1) {
        report_cannot("%s cannot be read", image);
    }
    fclose(file);
    uint32_t domain = domain_begin();
    create.domain = domain;
    create.header = (uintptr_t)header;
    report_errno(monitor_op(CLOISTER_OP_CREATE, &create, sizeof(create)), EOPNOTSUPP,
                 "an enclave in a domain that is being built");
    report_try(create.head.reason == CLOISTER_REASON_DOMAIN_BUILDING, "the reason: %s",
               cloister_reason_name(create.head.reason));
    report_control(!uuid_set(domain, uuid) && has_uuid(domain, uuid),
                   "a domain that is being built takes the UUID that it had");
    domain_end(domain);
    report_try(has_uuid(tenant, uuid), "the tenant has its UUID");
}

int main(int count, char **arguments)
{
    static const uint8_t fresh[16] = {0xf0, 0x0d};
    uint8_t own[16], helper_s[16];

    if (count < 4) {
        return 2;
    }
    uint32_t tenant = strtoul(arguments[1], NULL, 0), helper = strtoul(arguments[2], NULL, 0);

    uuid_get(tenant, own);
    uuid_get(helper, helper_s);
    report_control(!uuid_set(helper, fresh) && has_uuid(helper, fresh),
                   "another UUID, without enclaves");
    report_errno(uuid_set(tenant, fresh), EBUSY, "the helper's UUID for the tenant");
    report_control(!uuid_set(helper, helper_s), "and back");
    report_errno(uuid_set(tenant, fresh), EBUSY, "a fresh UUID for the tenant");
    report_errno(uuid_set(helper, own), EBUSY, "the tenant's UUID for the helper");
    report_control(!uuid_set(tenant, own), "the UUID that it has");
    report_try(has_uuid(tenant, own) && has_uuid(helper, helper_s), "all have theirs");
    try_building(tenant, own, arguments[3]);
    return report_end();
}
