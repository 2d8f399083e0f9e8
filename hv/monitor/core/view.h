/* SPDX-License-Identifier: MIT */
/*
 * A view: the second-stage page table of one enclave. Four levels, write-back, leaves of 4 KiB, and of 2 MiB
 * (large ones) where view_merge() made them. Whoever looks for a page does not see which leaf it is in.
 *
 * It maps the enclave's own SEALED frames at their page numbers and SHARED frames at
 * CLOISTER_SHARED_GPFN, and nothing else, ever. Its tables are TABLE frames of the enclave.
 *
 * Locking: the enclave's builder token (enclave.h). Leaves are only added before the enclave can be
 * entered and only removed after its last thread has stopped, so no CPU holds a stale translation.
 */
#ifndef CLOISTER_MONITOR_VIEW_H
#define CLOISTER_MONITOR_VIEW_H

#include "core/frame.h"

#define VIEW_LEVELS 4u
/* Tables that one more leaf can need, at the most. */
#define VIEW_MAX_NEW_TABLES (VIEW_LEVELS - 1)

struct view {
    frame_t root;
    uint32_t enclave;
    uint32_t tables; /* frames in use, the root included */
    uint32_t left;   /* frames of an unmapped leaf that are not released yet, from `next` on */
    frame_t next;
};

/* -ENOMEM. */
MUST_USE int view_init(struct view *view, uint32_t enclave);

/* How many tables view_map() would have to allocate for this page, which is not mapped. */
unsigned int view_tables_needed(const struct view *view, uint64_t gpfn);
/* Maps a frame. -EEXIST: something is mapped there; -ENOMEM: no frame for a table. On an error the
 * view is as it was. */
MUST_USE int view_map(struct view *view, uint64_t gpfn, frame_t frame, uint32_t flags);
/*
 * Makes one large leaf of the HOST_LARGE_FRAMES pages around this one, and gives their table back. False, and nothing
 * changes: they are not all mapped, not all with these flags, executable, or not frames in a row from a multiple on.
 * Executable ones stay small because some Intel CPUs stop at a fetch from a large page that the code inside calls a
 * small one (CVE-2018-12207).
 */
bool view_merge(struct view *view, uint64_t gpfn, uint32_t flags);
bool view_lookup(const struct view *view, uint64_t gpfn, frame_t *frame);
/* The same, and the page is mapped to be read and written. */
bool view_lookup_writable(const struct view *view, uint64_t gpfn, frame_t *frame);

/*
 * Takes the view apart from *cursor (a page number, at first 0) on: calls `release` for each page,
 * after its leaf is unmapped, and gives every table back, the root at last. Returns false when
 * host_preempted() asks for a pause; call again with the same cursor.
 */
bool view_unmap_all(struct view *view, uint64_t *cursor,
                    void (*release)(uint64_t gpfn, frame_t frame, void *context), void *context);

/* Looks at up to `batch` pages from *cursor (a page number, at first 0) on; counts them, and those
 * that the frame table does not allow here. True: that was the end. */
bool view_audit(const struct view *view, uint64_t *cursor, uint32_t batch, uint64_t *entries,
                uint64_t *violations);

#endif
