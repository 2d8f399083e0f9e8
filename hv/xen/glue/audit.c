/* SPDX-License-Identifier: MIT */
/*
 * The audit of every table outside the monitor through which memory can be reached: second-stage tables
 * (also those for altp2m and nested guests), page tables of PV domains, active grants, IOMMU tables; and of
 * what dom0, and whoever got it from dom0, has of the machine, as Xen goes by it, not as the hooks have seen it.
 *
 * It goes by domain, and within a table by chunks, so that it can stop for other work at any time. What
 * changes behind the cursor is the guards' business. Locks: an IOMMU table's own, a grant table's own;
 * second-stage entries are read without, as Xen's get_gfn_query_unlocked() does.
 */
#include "glue/glue.h"

#include <xen/iommu.h>
#include <xen/rangeset.h>
#include <xen/sched.h>

#include <asm/cloister_grants.h>
#include <asm/p2m.h>

#include "lockdown/lockdown.h"

#define TABLE_BITS 9
#define TABLE_ENTRIES (1u << TABLE_BITS)
#define CHUNK_FRAMES 1024u

/* drivers/passthrough/vtd/iommu.h: Intel's IOMMUs */
extern struct list_head acpi_drhd_units;

/* audit->cursor: [0] is the monitor's, then */
enum { CURSOR_STAGE = 1, CURSOR_DOMAIN = 2, CURSOR_PLACE = 3 };
enum { STAGE_DOMAINS, STAGE_PV_TABLES, STAGE_PCI, STAGE_END };

static uint64_t protected_in(mfn_t mfn, unsigned long count)
{
    uint64_t found = 0;

    for ( unsigned long i = 0; i < count; i++ )
        found += frame_is_protected((frame_t){ mfn_x(mfn) + i });
    return found;
}

/* --- second-stage tables -------------------------------------------------------------------------- */

/* RAM in a domain's table must be the domain's own. */
static bool is_misplaced(const struct p2m_domain *p2m, mfn_t mfn, p2m_type_t type)
{
    return p2m_is_ram(type) && mfn_valid(mfn) &&
           page_get_owner(mfn_to_page(mfn)) != p2m->domain;
}

/* Violations by one entry; *behind: the first page number behind it. */
static uint64_t entry_violations(struct p2m_domain *p2m, unsigned long gfn, unsigned long *behind,
                                 mfn_t *mfn)
{
    unsigned int order = 0;
    p2m_access_t access;
    p2m_type_t type;

    *mfn = p2m_get_gfn_type_access(p2m, _gfn(gfn), &type, &access, 0, &order, false);
    *behind = (gfn | ((1UL << order) - 1)) + 1;
    if ( p2m_is_hole(type) )
        *mfn = INVALID_MFN;
    if ( mfn_eq(*mfn, INVALID_MFN) )
        return 0;
    return protected_in(*mfn, *behind - gfn) ?: is_misplaced(p2m, *mfn, type);
}

/*
 * Looks at one entry; returns the first page number behind it. A page may leave the domain, and become
 * somebody else's, between the look at the entry and the look at the page: it counts if the entry still
 * has it.
 */
static unsigned long scan_p2m_entry(struct p2m_domain *p2m, unsigned long gfn,
                                    struct cloister_audit *audit)
{
    unsigned long behind;
    mfn_t mfn, again;
    uint64_t violations = entry_violations(p2m, gfn, &behind, &mfn);

    audit->entries += !mfn_eq(mfn, INVALID_MFN);
    if ( violations )
        violations = entry_violations(p2m, gfn, &behind, &again);
    if ( violations && mfn_eq(mfn, again) )
        audit->second_stage += violations;
    return behind;
}

/* *place: the next page number. False: preempted. */
static bool scan_p2m(struct p2m_domain *p2m, uint64_t *place, struct cloister_audit *audit)
{
    while ( *place <= p2m->max_mapped_pfn )
    {
        if ( host_preempted() )
            return false;
        *place = scan_p2m_entry(p2m, *place, audit);
    }
    return true;
}

/* --- what domains have of the machine ---------------------------------------------------------------- */

static int cf_check add_count(unsigned long first, unsigned long last, void *count)
{
    *(uint64_t *)count += last - first + 1;
    return 0;
}

static uint64_t count_in(struct rangeset *set, unsigned long first, unsigned long last)
{
    uint64_t count = 0;

    rangeset_report_ranges(set, first, last, add_count, &count);
    return count;
}

static int cf_check permitted_ports(unsigned long first, unsigned long last, void *count)
{
    *(uint64_t *)count += count_in(lockdown_closed[CLOSED_PORTS], first, last);
    return 0;
}

/* What the table does not give may be in a domain's permissions if nobody can write it. */
static int cf_check closed_memory(unsigned long first, unsigned long last, void *count)
{
    *(uint64_t *)count += last - first + 1 - count_in(mmio_ro_ranges, first, last);
    return 0;
}

static int cf_check permitted_memory(unsigned long first, unsigned long last, void *count)
{
    return rangeset_report_ranges(lockdown_closed[CLOSED_MEMORY], first, last, closed_memory, count);
}

static void scan_permissions(const struct domain *d, struct cloister_audit *audit)
{
    rangeset_report_ranges(d->arch.ioport_caps, 0, ~0UL, permitted_ports, &audit->ports);
    if ( lockdown_is_closed(CLOISTER_RULE_MEMORY) )
        rangeset_report_ranges(d->iomem_caps, 0, ~0UL, permitted_memory, &audit->memory);
}

/* --- IOMMU tables ----------------------------------------------------------------------------------- */

/* QEMU has machines with an AMD CPU and Intel's IOMMU. */
static bool is_amd_iommu(void)
{
    return list_empty(&acpi_drhd_units);
}

/* The root of a domain's own IOMMU table and its levels; 0 levels: it has none. */
static unsigned int iommu_root(const struct domain *d, mfn_t *root)
{
    const struct domain_iommu *hd = dom_iommu(d);

    if ( !is_iommu_enabled(d) || iommu_use_hap_pt(d) )
        return 0;
    if ( is_amd_iommu() )
    {
        if ( !hd->arch.amd.root_table )
            return 0;
        *root = page_to_mfn(hd->arch.amd.root_table);
        return hd->arch.amd.paging_mode;
    }
    if ( !hd->arch.vtd.pgd_maddr )
        return 0;
    *root = maddr_to_mfn(hd->arch.vtd.pgd_maddr);
    return hd->arch.vtd.agaw + 2;
}

/* AMD IOMMU manual, 2.2.3: bit 0 present, bits 11:9 the next level (0 and 7: a page), bit 62 write. Intel
 * VT-d manual, 9.8: bits 0 and 1 read and write, bit 7 a large page. */
#define IS_WRITABLE(entry) ((entry) & (is_amd_iommu() ? 1ULL << 62 : 2))

static bool iommu_entry(uint64_t entry, unsigned int level, mfn_t *mfn, bool *leaf)
{
    *mfn = _mfn((entry & (((1UL << 52) - 1) & PAGE_MASK)) >> PAGE_SHIFT);
    if ( is_amd_iommu() )
    {
        unsigned int next = (entry >> 9) & 7;

        *leaf = next == 0 || next == 7;
        return entry & 1;
    }
    *leaf = level == 1 || (entry & (1u << 7));
    return entry & 3;
}

/* Looks at the last-level table (or the large page, or the hole) at page number `dfn`; returns the first
 * page number behind it. Under the domain's mapping lock. */
static uint64_t scan_iommu_chunk(mfn_t table, unsigned int levels, uint64_t dfn,
                                  struct cloister_audit *audit)
{
    for ( unsigned int level = levels; ; level-- )
    {
        const uint64_t *entries = mfn_to_virt(mfn_x(table));
        unsigned int shift = TABLE_BITS * (level - 1);
        unsigned int slot = (dfn >> shift) & (TABLE_ENTRIES - 1);
        bool leaf;
        mfn_t mfn;

        if ( !iommu_entry(entries[slot], level, &mfn, &leaf) )
            return ((dfn >> shift) + 1) << shift;
        if ( leaf )
        {
            audit->entries++;
            audit->iommu += protected_in(mfn, 1UL << shift);
            if ( IS_WRITABLE(entries[slot]) && lockdown_is_closed(CLOISTER_RULE_MEMORY_WRITE) &&
                 !(lockdown_flags() & CLOISTER_INFO_DMA_RESERVED) )
                audit->dma += count_in(lockdown_closed[CLOSED_DMA], mfn_x(mfn), mfn_x(mfn) + (1UL << shift) - 1);
            return ((dfn >> shift) + 1) << shift;
        }
        table = mfn;
    }
}

static bool scan_iommu(struct domain *d, uint64_t *place, struct cloister_audit *audit)
{
    struct domain_iommu *hd = dom_iommu(d);

    for ( ; ; )
    {
        /* Each frame of a large page is looked at: a lock's share is counted in both. */
        const uint64_t end = *place + CHUNK_FRAMES;
        mfn_t root;
        unsigned int levels;

        spin_lock(&hd->arch.mapping_lock);
        levels = iommu_root(d, &root);
        for ( unsigned int i = 0; i < TABLE_ENTRIES && *place < end && levels &&
                                  *place >> (TABLE_BITS * levels) == 0; i++ )
            *place = scan_iommu_chunk(root, levels, *place, audit);
        spin_unlock(&hd->arch.mapping_lock);

        if ( !levels || *place >> (TABLE_BITS * levels) )
            return true;
        if ( host_preempted() )
            return false;
    }
}

/* --- one domain ------------------------------------------------------------------------------------- */

/* CURSOR_PLACE within a domain: the table's number above, the page number below. */
#define PLACE_BITS 56
enum { TABLE_HOST_P2M, TABLE_ALTP2M, TABLE_NESTED = TABLE_ALTP2M + MAX_ALTP2M,
       TABLE_IOMMU = TABLE_NESTED + MAX_NESTEDP2M, TABLE_GRANTS, TABLE_PERMISSIONS, TABLE_END };

/* NULL: there is no such table, or it is not in use. */
static struct p2m_domain *table_p2m(struct domain *d, unsigned int table)
{
    struct p2m_domain *p2m;

    if ( !is_hvm_domain(d) )
        return NULL;
    if ( table == TABLE_HOST_P2M )
        p2m = p2m_get_hostp2m(d);
    else
        p2m = table < TABLE_NESTED ? d->arch.altp2m_p2m[table - TABLE_ALTP2M]
                                   : d->arch.nested_p2m[table - TABLE_NESTED];
    return p2m && !pagetable_is_null(p2m_get_pagetable(p2m)) ? p2m : NULL;
}

static bool scan_table(struct domain *d, unsigned int table, uint64_t *place,
                       struct cloister_audit *audit)
{
    struct p2m_domain *p2m;

    if ( table == TABLE_IOMMU )
        return scan_iommu(d, place, audit);
    if ( table == TABLE_GRANTS )
    {
        audit->grants += cloister_grants_audit(d, &audit->entries);
        return true;
    }
    if ( table == TABLE_PERMISSIONS )
    {
        scan_permissions(d, audit);
        return true;
    }
    p2m = table_p2m(d, table);
    return !p2m || scan_p2m(p2m, place, audit);
}

static bool scan_domain(struct domain *d, struct cloister_audit *audit)
{
    unsigned int table = audit->cursor[CURSOR_PLACE] >> PLACE_BITS;
    uint64_t place = audit->cursor[CURSOR_PLACE] & ((1UL << PLACE_BITS) - 1);

    for ( ; table < TABLE_END; table++, place = 0 )
    {
        if ( !scan_table(d, table, &place, audit) )
        {
            audit->cursor[CURSOR_PLACE] = ((uint64_t)table << PLACE_BITS) | place;
            return false;
        }
    }
    return true;
}

/* The domain with the lowest number of at least `id` (the list is in that order), kept from going away. */
static struct domain *next_domain(domid_t id)
{
    struct domain *d;

    rcu_read_lock(&domlist_read_lock);
    for_each_domain ( d )
        if ( d->domain_id >= id && get_domain(d) )
            break;
    rcu_read_unlock(&domlist_read_lock);
    return d;
}

static bool scan_domains(struct cloister_audit *audit)
{
    struct domain *d;

    while ( (d = next_domain(audit->cursor[CURSOR_DOMAIN])) != NULL )
    {
        bool done = scan_domain(d, audit);

        audit->cursor[CURSOR_DOMAIN] = d->domain_id + done;
        put_domain(d);
        if ( !done )
            return false;
        audit->cursor[CURSOR_PLACE] = 0;
    }
    return true;
}

/* --- page tables of PV domains ------------------------------------------------------------------------ */

/* The type alone says nothing: a page that PV no longer uses keeps its last one. */
static bool is_pv_leaf_table(mfn_t mfn)
{
    const unsigned long mask = PGT_type_mask | PGT_validated;
    const struct page_info *page = mfn_to_page(mfn);
    const struct domain *owner = mfn_valid(mfn) ? page_get_owner(page) : NULL;

    return owner && is_pv_domain(owner) &&
           (page->u.inuse.type_info & mask) == (PGT_l1_page_table | PGT_validated);
}

static void scan_pv_table(const l1_pgentry_t *entries, struct cloister_audit *audit)
{
    for ( unsigned int slot = 0; slot < TABLE_ENTRIES; slot++ )
    {
        const l1_pgentry_t entry = { read_atomic(&entries[slot].l1) };

        if ( !(l1e_get_flags(entry) & _PAGE_PRESENT) )
            continue;
        audit->entries++;
        /* As above: only if the entry still has it. */
        if ( protected_in(l1e_get_mfn(entry), 1) && read_atomic(&entries[slot].l1) == entry.l1 )
            audit->pv_tables++;
    }
}

static bool scan_pv_tables(uint64_t *place, struct cloister_audit *audit)
{
    while ( *place < max_page )
    {
        const bool table = is_pv_leaf_table(_mfn(*place));

        if ( table )
            scan_pv_table(mfn_to_virt(*place), audit);
        ++*place;
        /* Tables stand close together. */
        if ( (table || !(*place % CHUNK_FRAMES)) && host_preempted() )
            return false;
    }
    return true;
}

static bool scan_pci(uint64_t *bus, struct cloister_audit *audit)
{
    for ( ; *bus < LOCKDOWN_BUSES; ++*bus )
    {
        if ( host_preempted() )
            return false;
        lockdown_audit_bus(*bus, audit);
    }
    return true;
}

int host_audit(struct cloister_audit *audit)
{
    if ( audit->cursor[CURSOR_STAGE] == STAGE_DOMAINS )
    {
        if ( !scan_domains(audit) )
            return -ERESTART;
        audit->cursor[CURSOR_STAGE] = STAGE_PV_TABLES;
        audit->cursor[CURSOR_PLACE] = 0;
    }
    if ( audit->cursor[CURSOR_STAGE] == STAGE_PV_TABLES )
    {
        if ( !scan_pv_tables(&audit->cursor[CURSOR_PLACE], audit) )
            return -ERESTART;
        audit->cursor[CURSOR_STAGE] = STAGE_PCI;
        audit->cursor[CURSOR_PLACE] = 0;
    }
    if ( audit->cursor[CURSOR_STAGE] == STAGE_PCI )
    {
        if ( !scan_pci(&audit->cursor[CURSOR_PLACE], audit) )
            return -ERESTART;
        audit->cursor[CURSOR_STAGE] = STAGE_END;
    }
    return 0;
}
