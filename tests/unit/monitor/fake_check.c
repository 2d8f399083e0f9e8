/* SPDX-License-Identifier: MIT */
/*
 * What must hold between operations, checked from outside: the frame table against the fake's own
 * record of every frame, the views by a walker of their own, the accounts by adding up.
 */
#include "fake_host.h"

#include <stdlib.h>

#define ENTRIES 512u

/* How often something refers to each frame. */
static uint8_t references[FAKE_FRAMES];
/* It waits in an enclave's block for its page. */
static bool waiting[FAKE_FRAMES];

static unsigned int index_of(frame_t frame)
{
    uint64_t stride = fake_frame_number(1).number - fake_frame_number(0).number;
    uint64_t index = (frame.number - FAKE_FIRST_FRAME) / stride;

    if (index >= FAKE_FRAMES || fake_frame_number(index).number != frame.number) {
        fake_die("an entry names frame %#lx, which does not exist", (unsigned long)frame.number);
    }
    return index;
}

static void refer(frame_t frame, enum frame_state state, const struct enclave *enclave,
                  uint64_t page)
{
    struct frame_entry entry = frame_lookup(frame);

    if (++references[index_of(frame)] > 1) {
        fake_die("frame %#lx is referred to twice", (unsigned long)frame.number);
    }
    if (entry.state != state || entry.enclave != enclave->id || entry.page != page) {
        fake_die("frame %#lx: state %u enclave %u page %u, but %u %u %lu refers to it",
                 (unsigned long)frame.number, entry.state, entry.enclave, entry.page, state,
                 enclave->id, (unsigned long)page);
    }
}

struct tally {
    uint64_t tables;
    uint64_t own;
    uint64_t shared;
};

static void walk_view(const struct enclave *enclave, frame_t table, unsigned int level,
                      uint64_t first, struct tally *tally)
{
    uint64_t entries[ENTRIES];

    refer(table, FRAME_TABLE, enclave, 0);
    tally->tables++;
    fake_frame_read(table, entries);
    for (unsigned int slot = 0; slot < ENTRIES; slot++) {
        uint64_t page = first + ((uint64_t)slot << (9 * level));
        frame_t frame;

        if (!entries[slot]) {
            continue;
        }
        const bool large = fake_entry_is_large(entries[slot]);

        if (!host_view_entry_frame(entries[slot], &frame) ||
            fake_entry_is_leaf(entries[slot]) != (level == 0 || large) || (large && level != 1)) {
            fake_die("a strange entry in a view");
        }
        if (large) {
            if (frame.number % HOST_LARGE_FRAMES || page >= CLOISTER_SHARED_GPFN ||
                fake_entry_flags(entries[slot]) & CLOISTER_PAGE_X) {
                fake_die("a large leaf where there may be none");
            }
            for (unsigned int i = 0; i < HOST_LARGE_FRAMES; i++) {
                refer((frame_t){frame.number + i}, FRAME_SEALED, enclave, page + i);
            }
            tally->own += HOST_LARGE_FRAMES;
        } else if (level > 0) {
            walk_view(enclave, frame, level - 1, page, tally);
        } else if (page < CLOISTER_SHARED_GPFN) {
            refer(frame, FRAME_SEALED, enclave, page);
            tally->own++;
        } else {
            refer(frame, FRAME_SHARED, enclave, page - CLOISTER_SHARED_GPFN);
            tally->shared++;
            if (fake_entry_flags(entries[slot]) != (CLOISTER_PAGE_R | CLOISTER_PAGE_W)) {
                fake_die("a shared page is not RW");
            }
        }
    }
}

/* Frames of a block are FREE in the table, and no table's own: fake_check() does not count them. */
static void expect_block_frame(frame_t frame)
{
    if (frame_lookup(frame).state != FRAME_FREE || fake_owner(frame) != OWNER_MONITOR) {
        fake_die("frame %#lx of a block is in use", (unsigned long)frame.number);
    }
    waiting[index_of(frame)] = true;
}

/* An enclave, found through its first thread's context frame. */
static uint64_t check_enclave(const struct enclave *enclave)
{
    struct tally tally = {0};
    bool dying = enclave->state == CLOISTER_ENCLAVE_DYING;
    uint64_t contexts = (uint64_t)enclave->header.launch.thread_count * THREAD_FRAMES;

    walk_view(enclave, enclave->view.root, VIEW_LEVELS - 1, 0, &tally);
    /* A leaf that is being released: unmapped, and its frames still the enclave's. */
    for (uint32_t i = 0; i < enclave->view.left; i++) {
        refer((frame_t){enclave->view.next.number + i}, FRAME_SEALED, enclave, enclave->cursor + i);
        tally.own++;
    }
    for (uint32_t i = 0; i < enclave->block.left; i++) {
        expect_block_frame((frame_t){enclave->block.frame.number + i});
    }
    for (uint32_t i = 0; i < enclave->header.launch.thread_count; i++) {
        for (unsigned int f = 0; f < THREAD_FRAMES; f++) {
            refer(enclave->threads[i].context[f], FRAME_CONTEXT, enclave, i);
        }
        if (enclave->threads[i].enclave != enclave || enclave->threads[i].index != i) {
            fake_die("a thread that does not know its enclave");
        }
    }
    if (tally.tables != enclave->view.tables) {
        fake_die("%lu tables, %u counted", (unsigned long)tally.tables, enclave->view.tables);
    }
    if (dying ? tally.own > enclave->pages_added || tally.shared > enclave->shared_pages
              : tally.own != enclave->pages_added || tally.shared != enclave->shared_pages) {
        fake_die("%lu own and %lu shared pages, %u and %u counted", (unsigned long)tally.own,
                 (unsigned long)tally.shared, enclave->pages_added, enclave->shared_pages);
    }
    uint64_t frames = tally.tables + tally.own + contexts + enclave->block.left;
    if (dying ? frames > enclave->frames : frames != enclave->frames) {
        fake_die("%lu frames in use, %lu charged", (unsigned long)frames,
                 (unsigned long)enclave->frames);
    }
    for (uint32_t i = 0; i < enclave->header.launch.shared_count; i++) {
        tally.shared -= enclave->shared[i].present;
    }
    if (tally.shared) {
        fake_die("shared pages and the view differ");
    }
    if (enclave->building) {
        fake_die("a builder token was not given back");
    }
    return enclave->frames;
}

static void check_frame(unsigned int index, uint64_t count[FRAME_STATES])
{
    frame_t frame = fake_frame_number(index);
    struct frame_entry entry = frame_lookup(frame);
    enum fake_owner owner = fake_owner(frame);

    if (entry.state == FRAME_FREE && (entry.enclave || entry.page)) {
        fake_die("a FREE entry that is not empty");
    }
    if (entry.state >= FRAME_STATES) {
        fake_die("a state that does not exist");
    }
    bool protected = entry.state != FRAME_FREE && entry.state != FRAME_SHARED;
    if (protected != frame_is_protected(frame) || (protected && owner != OWNER_MONITOR) ||
        (entry.state == FRAME_SHARED && owner != OWNER_TENANT)) {
        fake_die("frame %#lx: state %u, owner %u", (unsigned long)frame.number, entry.state, owner);
    }
    if (references[index] != (entry.state != FRAME_FREE)) {
        fake_die("frame %#lx in state %u has %u references", (unsigned long)frame.number,
                 entry.state, references[index]);
    }
    /* Of the monitor's frames only those of the table itself are FREE in the table. */
    count[entry.state] += entry.state != FRAME_FREE || (owner == OWNER_MONITOR && !waiting[index]);
}

void fake_check(void)
{
    uint64_t used[FAKE_DOMAINS] = {0};
    uint32_t enclaves[FAKE_DOMAINS] = {0};
    uint64_t count[FRAME_STATES] = {0};

    fake_require_quiet("an operation that has returned");
    fake_require_no_secret("an operation that has returned");
    memset(references, 0, sizeof(references));
    memset(waiting, 0, sizeof(waiting));
    for (unsigned int i = 0; i < FAKE_FRAMES; i++) {
        const struct fake_world *world = fake_world(fake_frame_number(i));

        if (fake_owner(fake_frame_number(i)) == OWNER_MONITOR && world->thread &&
            world->thread->index == 0) {
            const struct enclave *enclave = world->thread->enclave;
            uint16_t domain = enclave->tenant->id;

            used[domain] += check_enclave(enclave);
            enclaves[domain]++;
            if (world->root.number != enclave->view.root.number) {
                fake_die("a world with somebody else's view");
            }
        }
    }
    for (unsigned int i = 0; i < FAKE_FRAMES; i++) {
        check_frame(i, count);
    }
    for (unsigned int state = 0; state < FRAME_STATES; state++) {
        if (count[state] != frame_count(state)) {
            fake_die("%lu frames in state %u, %lu counted", (unsigned long)count[state], state,
                     (unsigned long)frame_count(state));
        }
    }
    for (unsigned int i = 0; i < FAKE_DOMAINS; i++) {
        const struct tenant *tenant = fake.domains[i].tenant;

        if (tenant && (tenant->used != used[i] || tenant->enclaves != enclaves[i])) {
            fake_die("domain %u: %lu frames of %u enclaves in use, %lu of %u counted", i,
                     (unsigned long)used[i], enclaves[i], (unsigned long)tenant->used,
                     tenant->enclaves);
        }
        for (unsigned int v = 0; v < FAKE_VCPUS; v++) {
            if (fake.domains[i].vcpus[v].stopped) {
                fake_die("a vCPU was left stopped");
            }
        }
    }
}
