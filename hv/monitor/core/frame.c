/* SPDX-License-Identifier: MIT */
#include "core/frame.h"

#define CHUNK_ENTRIES 512u
#define WALK_BATCH 4096u /* frames that are looked at between two pauses */

/* An entry is read and written as one word: without the lock, too, it is the old or the new one. */
union frame_word {
    struct frame_entry entry;
    uint64_t word;
};

struct frame_chunk {
    uint64_t words[CHUNK_ENTRIES];
};

_Static_assert(sizeof(struct frame_entry) == sizeof(uint64_t), "an entry is one word");
_Static_assert(sizeof(struct frame_chunk) == CLOISTER_PAGE_SIZE, "a chunk is one frame");

static struct {
    struct host_lock lock;
    uint64_t limit;
    struct frame_chunk **chunks;
    uint64_t count[FRAME_STATES];
} table;

int frame_table_init(void)
{
    memset(&table, 0, sizeof(table));
    host_lock_init(&table.lock);
    table.limit = host_frame_limit();
    table.chunks = host_alloc((table.limit / CHUNK_ENTRIES + 1) * sizeof(*table.chunks));
    return table.chunks ? 0 : -ENOMEM;
}

static struct frame_chunk *chunk_of(frame_t frame)
{
    if (!table.chunks || frame.number >= table.limit) {
        return NULL;
    }
    return __atomic_load_n(&table.chunks[frame.number / CHUNK_ENTRIES], __ATOMIC_ACQUIRE);
}

/* Makes the chunk of a frame exist. Chunks live until reboot: 1/512 of the memory they describe. */
static int chunk_ensure(frame_t frame)
{
    if (frame.number >= table.limit) {
        return -ENOMEM; /* memory that was added since the start */
    }
    if (chunk_of(frame)) {
        return 0;
    }
    frame_t fresh;
    if (host_frame_alloc(&fresh)) {
        return -ENOMEM;
    }
    struct frame_chunk *chunk = host_frame_map(fresh);
    memset(chunk, 0, sizeof(*chunk));

    host_lock(&table.lock);
    struct frame_chunk **slot = &table.chunks[frame.number / CHUNK_ENTRIES];
    bool used = !*slot;
    if (used) {
        __atomic_store_n(slot, chunk, __ATOMIC_RELEASE);
        table.count[FRAME_FREE]++;
    }
    host_unlock(&table.lock);

    if (!used) {
        host_frame_unmap(chunk);
        host_frame_free(fresh);
    }
    return 0;
}

/* The chunk of this frame exists. */
static void entry_write(frame_t frame, struct frame_entry entry)
{
    union frame_word word = {.entry = entry};

    __atomic_store_n(&chunk_of(frame)->words[frame.number % CHUNK_ENTRIES], word.word,
                     __ATOMIC_RELEASE);
}

/* Moves a frame to `state` if it is FREE now. */
static bool entry_claim(frame_t frame, enum frame_state state, uint32_t enclave, uint32_t page)
{
    host_lock(&table.lock);
    bool free = frame_lookup(frame).state == FRAME_FREE;
    if (free) {
        entry_write(frame, (struct frame_entry){
                               .enclave = enclave, .page = page & 0xfffffff, .state = state});
        table.count[state]++;
    }
    host_unlock(&table.lock);
    return free;
}

static void entry_release(frame_t frame)
{
    host_lock(&table.lock);
    table.count[frame_lookup(frame).state]--;
    entry_write(frame, (struct frame_entry){.state = FRAME_FREE});
    host_unlock(&table.lock);
}

int frame_take(enum frame_state state, uint32_t enclave, uint32_t page, frame_t *frame)
{
    if (host_frame_alloc(frame)) {
        return -ENOMEM;
    }
    int rc = frame_adopt(*frame, state, enclave, page);
    if (rc) {
        host_frame_free(*frame);
    }
    return rc;
}

int frame_adopt(frame_t frame, enum frame_state state, uint32_t enclave, uint32_t page)
{
    if (chunk_ensure(frame)) {
        return -ENOMEM;
    }
    if (!entry_claim(frame, state, enclave, page)) {
        host_panic("the host's allocator gave out a frame that is in use");
    }
    void *content = host_frame_map(frame);
    memset(content, 0, CLOISTER_PAGE_SIZE);
    host_frame_unmap(content);
    return 0;
}

void frame_give_back(frame_t frame)
{
    if (!frame_is_protected(frame)) {
        host_panic("giving back a frame that is not the monitor's");
    }
    void *content = host_frame_map(frame);
    memset(content, 0, CLOISTER_PAGE_SIZE);
    host_frame_unmap(content);
    /* A release store: the zeroes are in memory before the entry says that it is anybody's. */
    entry_release(frame);
    host_frame_free(frame);
}

int frame_share(frame_t frame, uint32_t enclave, uint32_t page)
{
    if (chunk_ensure(frame)) {
        return -ENOMEM;
    }
    return entry_claim(frame, FRAME_SHARED, enclave, page) ? 0 : -EEXIST;
}

void frame_unshare(frame_t frame)
{
    if (frame_lookup(frame).state != FRAME_SHARED) {
        host_panic("unsharing a frame that is not shared");
    }
    entry_release(frame);
}

struct frame_entry frame_lookup(frame_t frame)
{
    struct frame_chunk *chunk = chunk_of(frame);

    if (!chunk) {
        return (struct frame_entry){.state = FRAME_FREE};
    }
    union frame_word word = {
        .word = __atomic_load_n(&chunk->words[frame.number % CHUNK_ENTRIES], __ATOMIC_ACQUIRE)};
    return word.entry;
}

bool frame_is_protected(frame_t frame)
{
    enum frame_state state = frame_lookup(frame).state;

    return state == FRAME_SEALED || state == FRAME_TABLE || state == FRAME_CONTEXT;
}

uint64_t frame_count(enum frame_state state)
{
    host_lock(&table.lock);
    uint64_t count = table.count[state];
    host_unlock(&table.lock);
    return count;
}

/* The first protected frame of [*cursor, end); *cursor is then behind it, or at the end. */
static bool next_protected(uint64_t *cursor, uint64_t end, frame_t *found)
{
    uint64_t limit = end < table.limit ? end : table.limit;

    while (*cursor < limit) {
        frame_t frame = {(*cursor)++};

        if (!chunk_of(frame)) {
            *cursor = (frame.number | (CHUNK_ENTRIES - 1)) + 1;
        } else if (frame_is_protected(frame)) {
            *found = frame;
            return true;
        }
    }
    return false;
}

bool frame_any_protected(uint64_t first, uint64_t count, frame_t *found)
{
    return next_protected(&first, count < UINT64_MAX - first ? first + count : UINT64_MAX, found);
}

bool frame_walk(uint64_t *cursor, bool (*pause)(void),
                bool (*visit)(frame_t frame, struct frame_entry entry, void *context),
                void *context)
{
    frame_t frame;

    while (*cursor < table.limit) {
        if (next_protected(cursor, *cursor + WALK_BATCH, &frame) &&
            visit(frame, frame_lookup(frame), context)) {
            return false;
        }
        if (pause && pause()) {
            return false;
        }
    }
    return true;
}
