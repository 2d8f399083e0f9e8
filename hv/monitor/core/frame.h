/* SPDX-License-Identifier: MIT */
/*
 * The frame table: what every frame that belongs to the monitor is for.
 *
 * State     content protected by       referred to by                            leaves to
 * FREE      whoever owns the frame     whatever Xen allows                       any other
 * SEALED    its enclave's view         exactly one leaf of that view, alone or   FREE, zeroed
 *                                      as one of HOST_LARGE_FRAMES
 * TABLE     nobody may map it          its parent table, or the view's root      FREE, zeroed
 * CONTEXT   nobody may map it          its thread                                FREE, zeroed
 * SHARED    nobody (tenant's page)     one leaf of one view, and the tenant's    FREE
 *                                      own tables; a grant pin keeps it
 *
 * A frame changes state only from FREE or to FREE: there is no edge between the other states. A
 * frame is in at most one view. A SEALED frame is in no table but its view. A frame that leaves
 * SEALED, TABLE or CONTEXT is zero before anyone else sees it.
 *
 * Locking: `table.lock` protects every entry and the chunk directory; it is a leaf lock. Predicates
 * (frame_state and what builds on it) read without it: a reader sees the old or the new state, and
 * the monitor makes a frame known here before it puts anything into it.
 *
 * The table has two levels, so that memory without enclaves costs nothing: a directory, and a chunk
 * of one frame (512 entries) for each 2 MiB of machine memory that holds a frame of ours.
 */
#ifndef CLOISTER_MONITOR_FRAME_H
#define CLOISTER_MONITOR_FRAME_H

#include "core/host.h"

enum frame_state {
    FRAME_FREE = 0,
    FRAME_SEALED = 1,
    FRAME_TABLE = 2,
    FRAME_CONTEXT = 3,
    FRAME_SHARED = 4,
    FRAME_STATES,
};

struct frame_entry {
    uint32_t enclave; /* 0 where state is FREE */
    uint32_t page : 28;
    uint32_t state : 4;
};

/* Prepares an empty table for the machine's memory. -ENOMEM. */
MUST_USE int frame_table_init(void);

/* A zeroed frame in `state` (not FREE, not SHARED). -ENOMEM, also for one beyond the memory of the start. */
MUST_USE int frame_take(enum frame_state state, uint32_t enclave, uint32_t page, frame_t *frame);
/* The same with a frame that the host gave out and the table does not know yet; on an error it stays the caller's. */
MUST_USE int frame_adopt(frame_t frame, enum frame_state state, uint32_t enclave, uint32_t page);
/* Zeroes a frame that frame_take() gave, or frame_adopt() took, and returns it to the host. */
void frame_give_back(frame_t frame);

/* A tenant's frame enters, or leaves, the one view it is shared with. -EEXIST: in a view; -ENOMEM, as above. */
MUST_USE int frame_share(frame_t frame, uint32_t enclave, uint32_t page);
void frame_unshare(frame_t frame);

struct frame_entry frame_lookup(frame_t frame);
/* No table outside the monitor may refer to this frame. */
bool frame_is_protected(frame_t frame);
/* One of the frames [first, first + count) is protected: *found is the first of them. */
bool frame_any_protected(uint64_t first, uint64_t count, frame_t *found);
/* Frames in a state now; FRAME_FREE counts the frames of the table itself. */
uint64_t frame_count(enum frame_state state);

/*
 * Calls `visit` for every protected frame from *cursor on; stops early when it returns true, or `pause` (NULL: never),
 * which is asked now and then, with *cursor at the next frame. Returns true when it has come to the end.
 */
bool frame_walk(uint64_t *cursor, bool (*pause)(void),
                bool (*visit)(frame_t frame, struct frame_entry entry, void *context),
                void *context);

#endif
