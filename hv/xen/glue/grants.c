/* SPDX-License-Identifier: MIT */
/*
 * Included at the end of Xen's grant_table.c, whose functions for holding a granted page are static.
 *
 * An enclave's shared window holds its pages as a grant copy does, only longer: the grant is pinned
 * for writing (so the tenant's kernel sees it in use and keeps the page), and a reference is held.
 */
#include <asm/cloister_grants.h>

int cloister_grant_acquire(struct domain *d, uint32_t ref, uint64_t *frame)
{
    struct page_info *page;
    uint16_t offset, length;
    mfn_t mfn;

    if ( acquire_grant_for_copy(d, ref, current->domain->domain_id, false, &mfn, &page, &offset,
                                &length, false) != GNTST_okay )
        return -EINVAL;
    *frame = mfn_x(mfn);
    if ( !offset && length == PAGE_SIZE && page_get_owner(page) == d &&
         get_page_type(page, PGT_writable_page) )
        return 0;

    release_grant_for_copy(d, ref, false);
    put_page(page);
    return -EINVAL;
}

void cloister_grant_release(struct domain *d, uint32_t ref, uint64_t frame)
{
    release_grant_for_copy(d, ref, false);
    put_page_and_type(mfn_to_page(_mfn(frame)));
}

uint64_t cloister_grants_audit(struct domain *d, uint64_t *entries)
{
    struct grant_table *gt = d->grant_table;
    uint64_t violations = 0;

    if ( !gt )
        return 0;
    grant_read_lock(gt);
    for ( grant_ref_t ref = 0; ref < nr_grant_entries(gt); ref++ )
    {
        struct active_grant_entry *act = active_entry_acquire(gt, ref);

        if ( act->pin )
        {
            ++*entries;
            violations += cloister_frame_is_protected(mfn_x(act->mfn));
        }
        active_entry_release(act);
    }
    grant_read_unlock(gt);
    return violations;
}
