/* SPDX-License-Identifier: MIT */
/* The seam's memory (monitor/core/host.h): frames, private memory, second-stage entries, trace rings. */
#include "glue/glue.h"

#include <xen/init.h>
#include <xen/mm.h>
#include <xen/sched.h>
#include <xen/vmap.h>

#include "world/world.h"

#define RING_ORDER 6

static void **__ro_after_init rings;

int __init memory_init(void)
{
    rings = xzalloc_array(void *, nr_cpu_ids);
    return rings ? 0 : -ENOMEM;
}

/* --- memory ------------------------------------------------------------------------------------------ */

int host_frame_alloc(frame_t *frame)
{
    struct page_info *page = alloc_domheap_page(NULL, MEMF_no_owner);

    if ( !page )
        return -ENOMEM;
    frame->number = mfn_x(page_to_mfn(page));
    return 0;
}

/*
 * Not scrubbed at once, which would take a CPU too long: the monitor zeroes each frame when it takes it, and Xen scrubs
 * what nobody owned when it is given back.
 */
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
