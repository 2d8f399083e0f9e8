/* SPDX-License-Identifier: MIT */
#include "core/view.h"

#define ENTRIES 512u
#define LEVEL_BITS 9u

/* The slot of a page number in a table of `level` (3 is the root, 0 holds the leaves). */
static unsigned int slot_of(uint64_t gpfn, unsigned int level)
{
    return (gpfn >> (LEVEL_BITS * level)) % ENTRIES;
}

/* How many pages an entry of `level` stands for. */
static uint64_t span_of(unsigned int level)
{
    return UINT64_C(1) << (LEVEL_BITS * level);
}

int view_init(struct view *view, uint32_t enclave)
{
    *view = (struct view){.enclave = enclave};
    int rc = frame_take(FRAME_TABLE, enclave, 0, &view->root);
    if (!rc) {
        view->tables = 1;
    }
    return rc;
}

static uint64_t entry_read(frame_t table, unsigned int slot)
{
    uint64_t *entries = host_frame_map(table);
    uint64_t entry = entries[slot];

    host_frame_unmap(entries);
    return entry;
}

static void entry_write(frame_t table, unsigned int slot, uint64_t entry)
{
    uint64_t *entries = host_frame_map(table);

    __atomic_store_n(&entries[slot], entry, __ATOMIC_RELEASE);
    host_frame_unmap(entries);
}

/* Follows existing tables from the root, at the most to `last`; the level of the one where it ends, and its entry. */
static unsigned int walk_to(const struct view *view, uint64_t gpfn, unsigned int last,
                            frame_t *table, uint64_t *entry)
{
    unsigned int level = VIEW_LEVELS - 1;
    frame_t next;

    *table = view->root;
    while (*entry = entry_read(*table, slot_of(gpfn, level)),
           level > last && !(*entry & HOST_VIEW_LARGE) && host_view_entry_frame(*entry, &next)) {
        *table = next;
        level--;
    }
    return level;
}

/* The frame of a page in a leaf of `level`. False: there is no leaf. */
static bool leaf_frame(uint64_t entry, unsigned int level, uint64_t gpfn, frame_t *frame)
{
    bool present = host_view_entry_frame(entry, frame);

    frame->number += gpfn % span_of(level);
    return present;
}

unsigned int view_tables_needed(const struct view *view, uint64_t gpfn)
{
    frame_t table;
    uint64_t entry;

    return walk_to(view, gpfn, 0, &table, &entry);
}

int view_map(struct view *view, uint64_t gpfn, frame_t frame, uint32_t flags)
{
    frame_t fresh[VIEW_MAX_NEW_TABLES];
    frame_t table;
    frame_t present;
    uint64_t entry;
    unsigned int level = walk_to(view, gpfn, 0, &table, &entry);

    if (host_view_entry_frame(entry, &present)) {
        return -EEXIST;
    }
    for (unsigned int taken = 0; taken < level; taken++) {
        if (frame_take(FRAME_TABLE, view->enclave, 0, &fresh[taken])) {
            while (taken > 0) {
                frame_give_back(fresh[--taken]);
            }
            return -ENOMEM;
        }
    }
    view->tables += level;
    for (; level > 0; level--) {
        entry_write(table, slot_of(gpfn, level), host_view_table_entry(fresh[level - 1]));
        table = fresh[level - 1];
    }
    entry_write(table, slot_of(gpfn, 0), host_view_leaf_entry(frame, flags));
    return 0;
}

bool view_merge(struct view *view, uint64_t gpfn, uint32_t flags)
{
    frame_t parent, table, first;
    uint64_t entry;

    if ((flags & CLOISTER_PAGE_X) || walk_to(view, gpfn, 1, &parent, &entry) != 1 ||
        (entry & HOST_VIEW_LARGE) || !host_view_entry_frame(entry, &table) ||
        !host_view_entry_frame(entry_read(table, 0), &first) || first.number % ENTRIES) {
        return false;
    }
    for (unsigned int slot = 0; slot < ENTRIES; slot++) {
        frame_t frame = {first.number + slot};

        if (entry_read(table, slot) != host_view_leaf_entry(frame, flags)) {
            return false;
        }
    }
    entry_write(parent, slot_of(gpfn, 1), host_view_leaf_entry(first, flags) | HOST_VIEW_LARGE);
    frame_give_back(table);
    view->tables--;
    return true;
}

bool view_lookup(const struct view *view, uint64_t gpfn, frame_t *frame)
{
    frame_t table;
    uint64_t entry;
    unsigned int level = walk_to(view, gpfn, 0, &table, &entry);

    return leaf_frame(entry, level, gpfn, frame);
}

bool view_lookup_writable(const struct view *view, uint64_t gpfn, frame_t *frame)
{
    frame_t table, first;
    uint64_t entry;
    unsigned int level = walk_to(view, gpfn, 0, &table, &entry);
    const uint64_t large = level ? HOST_VIEW_LARGE : 0;

    return leaf_frame(entry, level, gpfn, frame) && host_view_entry_frame(entry, &first) &&
           entry == (host_view_leaf_entry(first, CLOISTER_PAGE_R | CLOISTER_PAGE_W) | large);
}

/* The next page at or after this one that is mapped; ~0 when there is none. */
static uint64_t next_mapped(const struct view *view, uint64_t gpfn, frame_t *frame)
{
    while (gpfn < span_of(VIEW_LEVELS)) {
        frame_t table;
        uint64_t entry;
        unsigned int level = walk_to(view, gpfn, 0, &table, &entry);

        if (leaf_frame(entry, level, gpfn, frame)) {
            return gpfn;
        }
        gpfn = (gpfn | (span_of(level) - 1)) + 1;
    }
    return UINT64_MAX;
}

/* The first entry of a table that has one below it. */
static bool first_below(frame_t table, unsigned int *slot, frame_t *below)
{
    for (*slot = 0; *slot < ENTRIES; ++*slot) {
        if (host_view_entry_frame(entry_read(table, *slot), below)) {
            return true;
        }
    }
    return false;
}

/* Gives back one table that has none below it; all leaves are gone. */
static void free_table(struct view *view)
{
    frame_t table = view->root, parent = view->root, below;
    unsigned int level = VIEW_LEVELS - 1, slot, at = 0;

    while (level > 0 && first_below(table, &slot, &below)) {
        parent = table;
        at = slot;
        table = below;
        level--;
    }
    if (level < VIEW_LEVELS - 1) {
        entry_write(parent, at, 0);
    }
    frame_give_back(table);
    view->tables--;
}

/* Unmaps the first leaf at or after *cursor. False: there is none. */
static bool leaf_unmap(struct view *view, uint64_t *cursor)
{
    frame_t table;
    uint64_t entry;

    *cursor = next_mapped(view, *cursor, &view->next);
    if (*cursor == UINT64_MAX) {
        return false;
    }
    unsigned int level = walk_to(view, *cursor, 0, &table, &entry);
    entry_write(table, slot_of(*cursor, level), 0);
    view->left = span_of(level);
    return true;
}

bool view_unmap_all(struct view *view, uint64_t *cursor,
                    void (*release)(uint64_t gpfn, frame_t frame, void *context), void *context)
{
    if (!view->tables) {
        return true;
    }
    while (view->left || leaf_unmap(view, cursor)) {
        view->left--;
        release((*cursor)++, view->next, context);
        view->next.number++;
        if (host_preempted()) {
            return false;
        }
    }
    while (view->tables > 0) {
        free_table(view);
        if (view->tables > 0 && host_preempted()) {
            return false;
        }
    }
    return true;
}

static uint64_t audit_leaf(const struct view *view, uint64_t gpfn, frame_t frame)
{
    struct frame_entry entry = frame_lookup(frame);
    bool shared = gpfn >= CLOISTER_SHARED_GPFN;
    uint64_t page = shared ? gpfn - CLOISTER_SHARED_GPFN : gpfn;

    return entry.state != (shared ? FRAME_SHARED : FRAME_SEALED) ||
           entry.enclave != view->enclave || entry.page != page;
}

bool view_audit(const struct view *view, uint64_t *cursor, uint32_t batch, uint64_t *entries,
                uint64_t *violations)
{
    frame_t frame;

    for (; batch > 0; batch--) {
        if (!view->tables || (*cursor = next_mapped(view, *cursor, &frame)) == UINT64_MAX) {
            return true;
        }
        *violations += audit_leaf(view, *cursor, frame);
        ++*entries;
        ++*cursor;
    }
    return false;
}
