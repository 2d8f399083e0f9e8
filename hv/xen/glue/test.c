/* SPDX-License-Identifier: MIT */
/* The test build's back door (CLOISTER_OP_TEST in abi.h). Nothing of it is in any other build. */
/* A translation unit is not empty (C11, 6.9). */
struct cloister_test;

#ifdef CLOISTER_TEST
#include "glue/glue.h"

#include <xen/iocap.h>
#include <xen/iommu.h>
#include <xen/mm.h>
#include <xen/pci.h>
#include <xen/pci_regs.h>
#include <xen/percpu.h>
#include <xen/rangeset.h>
#include <xen/sched.h>
#include <xen/smp.h>

#include <asm/p2m.h>

#include "lockdown/lockdown.h"
#include "monitor/vault/counters.h"
#include "world/world.h"

static bool is_wanted(frame_t frame, struct frame_entry entry, void *context)
{
    struct cloister_test *op = context;

    if ( entry.state != FRAME_SEALED || entry.enclave != op->enclave || entry.page != op->page )
        return false;
    op->frame = frame.number;
    return true;
}

static int find_frame(struct cloister_test *op)
{
    uint64_t cursor = 0;

    return frame_walk(&cursor, NULL, is_wanted, op) ? -ENOENT : 0;
}

static int read_frame(struct cloister_test *op)
{
    if ( op->frame >= host_frame_limit() )
        return -ENOENT;
    memcpy(op->data, mfn_to_virt(op->frame), sizeof(op->data));
    return 0;
}

static int change_reference(const struct cloister_test *op)
{
    struct page_info *page = mfn_to_page(_mfn(op->frame));

    if ( op->frame >= host_frame_limit() || !frame_is_protected((frame_t){ op->frame }) )
        return -ENOENT;
    page->count_info += op->page ? 1 : -1;
    return 0;
}

/* Behind the guard's back. */
static int change_second_stage(struct domain *d, const struct cloister_test *op)
{
    struct p2m_domain *p2m = is_hvm_domain(d) ? p2m_get_hostp2m(d) : NULL;
    bool unmap = op->frame == ~0UL;
    int rc;

    if ( !p2m )
        return -EINVAL;
    rc = p2m->set_entry(p2m, _gfn(op->page), unmap ? INVALID_MFN : _mfn(op->frame), 0,
                        unmap ? p2m_invalid : p2m_mmio_direct, p2m_access_rw, -1);
    if ( !rc && !unmap )
        p2m->max_mapped_pfn = max(p2m->max_mapped_pfn, (unsigned long)op->page);
    return rc;
}

static int change_iommu(struct domain *d, const struct cloister_test *op)
{
    const struct domain_iommu *hd = dom_iommu(d);
    unsigned int flush = 0;

    if ( !is_iommu_enabled(d) )
        return -EINVAL;
    if ( op->frame == ~0UL )
        return iommu_call(hd->platform_ops, unmap_page, d, _dfn(op->page), 0, &flush);
    return iommu_call(hd->platform_ops, map_page, d, _dfn(op->page), _mfn(op->frame),
                      IOMMUF_readable | IOMMUF_writable, &flush);
}

unsigned int world_test_state;

static int change_state(const struct cloister_test *op)
{
    world_test_state = op->page;
    return 0;
}

static int show_secrets(const struct cloister_test *op)
{
    secret_test_shown = op->page;
    return 0;
}

static int read_secret(struct cloister_test *op)
{
    const uint8_t *const secrets[] = { identity_test_key(), seal_test_root(), counters_test_key(),
                                       counters_test_auth() };

    if ( op->page >= ARRAY_SIZE(secrets) )
        return -ENOENT;
    memcpy(op->data, secrets[op->page], 32);
    return 0;
}

/* When the stretch on this CPU began; 0: nobody is served. */
static DEFINE_PER_CPU(uint64_t, stretch_start);
static uint64_t stretch_longest;

void stretch_begin(void)
{
    this_cpu(stretch_start) = rdtsc();
}

void stretch_end(void)
{
    const uint64_t start = this_cpu(stretch_start);

    if ( start )
        stretch_longest = max(stretch_longest, rdtsc() - start);
    this_cpu(stretch_start) = 0;
}

void stretch_check(void)
{
    if ( !this_cpu(stretch_start) )
        return;
    stretch_end();
    stretch_begin();
}

static int read_stretch(struct cloister_test *op)
{
    op->frame = stretch_longest;
    stretch_longest = 0;
    return 0;
}

static int change_port(struct domain *d, const struct cloister_test *op)
{
    return op->frame == ~0UL ? ioports_deny_access(d, op->page, op->page)
                             : ioports_permit_access(d, op->page, op->page);
}

static int change_table(const struct cloister_test *op)
{
    struct domain *d = get_domain_by_id(op->enclave);
    int rc;

    if ( !d )
        return -ESRCH;
    rc = op->kind == CLOISTER_TEST_IOMMU  ? change_iommu(d, op)
         : op->kind == CLOISTER_TEST_PORT ? change_port(d, op)
                                          : change_second_stage(d, op);
    put_domain(d);
    return rc;
}

static int change_memory(const struct cloister_test *op)
{
    return op->frame == ~0UL ? rangeset_add_singleton(mmio_ro_ranges, op->page)
                             : rangeset_remove_singleton(mmio_ro_ranges, op->page);
}

static int change_pci(const struct cloister_test *op)
{
    return op->page < LOCKDOWN_BUSES * 256 && lockdown_test_chipset(op->page, op->frame == ~0UL) ? 0 : -ENOENT;
}

static int exchange_bar(struct cloister_test *op)
{
    pci_sbdf_t function = { .sbdf = op->page };
    uint32_t now = pci_conf_read32(function, PCI_BASE_ADDRESS_0);

    pci_conf_write32(function, PCI_BASE_ADDRESS_0, op->frame);
    op->frame = now;
    return 0;
}

static void cf_check stick(void *unused)
{
    local_irq_disable();
    for ( ; ; )
        cpu_relax();
}

long cloister_test(XEN_GUEST_HANDLE_PARAM(void) arg)
{
    struct cloister_test op;
    int rc;

    if ( copy_from_guest(&op, arg, 1) )
        return -EFAULT;
    switch ( op.kind )
    {
    case CLOISTER_TEST_FRAME:
        rc = find_frame(&op);
        break;

    case CLOISTER_TEST_READ:
        rc = read_frame(&op);
        break;

    case CLOISTER_TEST_REFERENCE:
        rc = change_reference(&op);
        break;

    case CLOISTER_TEST_SECOND_STAGE:
    case CLOISTER_TEST_IOMMU:
    case CLOISTER_TEST_PORT:
        rc = change_table(&op);
        break;

    case CLOISTER_TEST_MEMORY:
        rc = change_memory(&op);
        break;

    case CLOISTER_TEST_PCI:
        rc = change_pci(&op);
        break;

    case CLOISTER_TEST_BAR:
        rc = exchange_bar(&op);
        break;

    case CLOISTER_TEST_STATE:
        rc = change_state(&op);
        break;

    case CLOISTER_TEST_KEEP:
        power_test_keep = true;
        rc = 0;
        break;

    case CLOISTER_TEST_STICK:
        smp_call_function(stick, NULL, 0);
        rc = 0;
        break;

    case CLOISTER_TEST_SECRETS:
        identity_test_secret(op.data);
        seal_test_secret(op.data + 32);
        rc = 0;
        break;

    case CLOISTER_TEST_SHOW_SECRETS:
        rc = show_secrets(&op);
        break;

    case CLOISTER_TEST_STRETCH:
        rc = read_stretch(&op);
        break;

    case CLOISTER_TEST_SECRET:
        rc = read_secret(&op);
        break;

    default:
        rc = -EINVAL;
        break;
    }
    return rc ?: copy_to_guest(arg, &op, 1) ? -EFAULT : 0;
}

#endif
