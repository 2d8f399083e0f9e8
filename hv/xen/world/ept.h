/* SPDX-License-Identifier: MIT */
/*
 * EPT entries of a view: write-back whatever the enclave's PAT says. A leaf with HOST_VIEW_LARGE is a large one. Section
 * numbers are of the Intel SDM, volume 3. tests/unit/xen/world/test_ept.c builds views of them.
 *
 * No entry can be misconfigured (29.3.3.1): all are readable, the memory type is one that exists, and no
 * reserved bit is set as long as the frame is one of the machine's. No leaf is both writable and executable,
 * whatever the flags say.
 */
#ifndef CLOISTER_XEN_EPT_H
#define CLOISTER_XEN_EPT_H

#include <stdbool.h>
#include <stdint.h>

#include <cloister/image.h>

#ifndef __XEN__
#define cf_check /* may be called through a pointer */
#endif

/* 29.3.2 */
#define EPT_READ (UINT64_C(1) << 0)
#define EPT_WRITE (UINT64_C(1) << 1)
#define EPT_EXECUTE (UINT64_C(1) << 2)
#define EPT_WRITE_BACK (UINT64_C(6) << 3)
#define EPT_IGNORE_PAT (UINT64_C(1) << 6)
#define EPT_ADDRESS UINT64_C(0x000ffffffffff000)
#define EPT_FRAME_SHIFT 12
/* 25.6.11: write-back, four levels; neither accessed and dirty flags nor supervisor shadow stacks. */
#define EPT_POINTER_FLAGS (UINT64_C(6) | (UINT64_C(3) << 3))

static inline uint64_t cf_check ept_table(uint64_t frame)
{
    return (frame << EPT_FRAME_SHIFT) | EPT_READ | EPT_WRITE | EPT_EXECUTE;
}

/* flags: CLOISTER_PAGE_W, CLOISTER_PAGE_X */
static inline uint64_t cf_check ept_leaf(uint64_t frame, uint32_t flags)
{
    const uint64_t more = flags & CLOISTER_PAGE_W   ? EPT_WRITE
                          : flags & CLOISTER_PAGE_X ? EPT_EXECUTE
                                                    : 0;

    return (frame << EPT_FRAME_SHIFT) | EPT_READ | EPT_WRITE_BACK | EPT_IGNORE_PAT | more;
}

/* False: the entry maps nothing. */
static inline bool cf_check ept_frame(uint64_t entry, uint64_t *frame)
{
    *frame = (entry & EPT_ADDRESS) >> EPT_FRAME_SHIFT;
    return entry & EPT_READ;
}

#endif
