/* SPDX-License-Identifier: MIT */
#include "machine/lockdown.h"

#include "core/count.h"
#include "core/hash.h"
#include "core/refuse.h"

#define RULE_ROOM(number, name, room, text, refused, instead) CLOISTER_INFO_##room,
static const uint32_t rooms[] = {CLOISTER_LOCKDOWN_RULES(RULE_ROOM)};
#undef RULE_ROOM

#define ROOM_FLAG(room, option) CLOISTER_INFO_##room |
#define ALL_ROOMS ((uint32_t)(CLOISTER_LOCKDOWN_ROOMS(ROOM_FLAG) 0))

#define ROOM_WORD(room, option) {option, CLOISTER_INFO_##room},
static const struct {
    const char *word;
    uint32_t flag;
} words[] = {{"watch", CLOISTER_INFO_LOCKDOWN_WATCH}, CLOISTER_LOCKDOWN_ROOMS(ROOM_WORD)};
#undef ROOM_WORD

#define SMALL 128u
#define READ_WRITE (CLOISTER_ACCESS_READ | CLOISTER_ACCESS_WRITE)

static struct {
    struct cloister_lockdown_row rows[LOCKDOWN_MAX_ROWS];
    uint32_t count;
    /* All rows of a kind stand in [first, end), and few others there. */
    struct {
        uint32_t first, end;
    } kinds[CLOISTER_KIND_LIMIT];
    /* Numbers below SMALL that rows give to read and write, by bit, once the table is sealed. */
    uint64_t small[CLOISTER_KIND_LIMIT][SMALL / 64];
    uint32_t left_out;
    uint32_t open;
    bool watch;
    bool sealed;
    uint64_t refused;
    uint8_t hash[SHA256_SIZE];
} table;

static bool is_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && memcmp(text, word, length) == 0;
}

const char *lockdown_parse(const char *text, uint32_t *open)
{
    const char *unknown = NULL;

    for (const char *end; *text != 0; text = *end != 0 ? end + 1 : end) {
        size_t i = 0;

        for (end = text; *end != 0 && *end != ','; end++) {
        }
        while (i < sizeof(words) / sizeof(words[0]) &&
               !is_word(text, (size_t)(end - text), words[i].word)) {
            i++;
        }
        if (i < sizeof(words) / sizeof(words[0])) {
            *open |= words[i].flag;
        } else if (unknown == NULL && end != text) {
            unknown = text;
        }
    }
    return unknown;
}

void lockdown_init(uint32_t open, bool watch)
{
    memset(&table, 0, sizeof(table));
    table.open = open & ALL_ROOMS;
    table.watch = watch;
    for (uint32_t rule = 0; rule < CLOISTER_RULE_LIMIT; rule++) {
        lockdown_give(CLOISTER_KIND_RULE, table.open & rooms[rule] ? CLOISTER_ACCESS_OPEN : 0, rule,
                      rule);
    }
}

void lockdown_give(enum cloister_lockdown_kind kind, uint32_t access, uint64_t first, uint64_t last)
{
    if (table.sealed) {
        host_panic("the table of what dom0 may is sealed");
    }
    if (first > last) {
        return;
    }
    if (table.count == LOCKDOWN_MAX_ROWS) {
        table.left_out++;
        return;
    }
    if (!table.kinds[kind].end) {
        table.kinds[kind].first = table.count;
    }
    table.kinds[kind].end = table.count + 1;
    table.rows[table.count++] = (struct cloister_lockdown_row){
        .kind = kind, .access = access, .first = first, .last = last};
}

uint32_t lockdown_left_out(void)
{
    return table.left_out;
}

static bool rows_give(enum cloister_lockdown_kind kind, uint32_t access, uint64_t first,
                      uint64_t last)
{
    bool gives = false;

    for (uint32_t i = table.kinds[kind].first; i < table.kinds[kind].end; i++) {
        const struct cloister_lockdown_row *row = &table.rows[i];

        if (row->kind != kind || last < row->first || row->last < first) {
            continue;
        }
        if ((row->access & access) != access) {
            return false;
        }
        gives |= row->first <= first && last <= row->last;
    }
    return gives;
}

static void small_fill(void)
{
    for (uint32_t kind = 0; kind < CLOISTER_KIND_LIMIT; kind++) {
        for (uint32_t i = 0; i < SMALL; i++) {
            table.small[kind][i / 64] |= (uint64_t)rows_give(kind, READ_WRITE, i, i) << i % 64;
        }
    }
}

bool lockdown_gives(enum cloister_lockdown_kind kind, uint32_t access, uint64_t first,
                    uint64_t last)
{
    return (first == last && first < SMALL && (table.small[kind][first / 64] >> first % 64) & 1) ||
           rows_give(kind, access, first, last);
}

void lockdown_seal(void)
{
    br_sha256_context hash;

    br_sha256_init(&hash);
    for (uint32_t i = 0; i < table.count; i++) {
        if (!(table.rows[i].access & CLOISTER_ACCESS_MACHINE)) {
            br_sha256_update(&hash, &table.rows[i], sizeof(table.rows[i]));
        }
    }
    br_sha256_update(&hash, &table.open, sizeof(table.open)); /* not every room has a rule */
    br_sha256_update(&hash, &table.watch, sizeof(table.watch));
    br_sha256_out(&hash, table.hash);
    small_fill();
    table.sealed = true;
}

const struct cloister_lockdown_row *lockdown_row(uint32_t index)
{
    return index < table.count ? &table.rows[index] : NULL;
}

bool lockdown_is_closed(enum cloister_lockdown_rule rule)
{
    return table.sealed && !table.watch && !(table.open & rooms[rule]);
}

int lockdown_refuse(struct tenant *actor, enum cloister_lockdown_rule rule, uint64_t address,
                    uint64_t value)
{
    struct cloister_trace_record record;
    bool closed = lockdown_is_closed(rule);

    if (!closed && !table.watch) {
        return 0;
    }
    count_add_shared(&table.rows[rule].refused, 1);
    count_add_shared(&table.refused, 1);
    record = trace_record(CLOISTER_EVENT_LOCKDOWN);
    record.decision = closed ? CLOISTER_REFUSED : CLOISTER_ALLOWED;
    record.reason = CLOISTER_REASON_LOCKDOWN;
    record.error = closed ? -EPERM : 0;
    record.operation = rule;
    record.address = address;
    record.found = value;
    if (actor) {
        tenant_trace(actor, &record);
    } else {
        trace_write(&record, NULL);
    }
    return record.error;
}

uint32_t lockdown_flags(void)
{
    uint32_t open = table.watch ? ALL_ROOMS | CLOISTER_INFO_LOCKDOWN_WATCH : table.open;

    return table.sealed && !open ? CLOISTER_INFO_LOCKDOWN : open;
}

const uint8_t *lockdown_hash(void)
{
    return table.hash;
}

int lockdown_list(struct cloister_lockdown *op)
{
    if (!op->capacity || op->capacity > CLOISTER_MAX_LOCKDOWN) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_BATCH, op->capacity,
                      CLOISTER_MAX_LOCKDOWN);
    }
    op->count = 0;
    op->open = lockdown_flags() & ALL_ROOMS;
    op->refused = count_read(&table.refused);
    memcpy(op->hash, table.hash, sizeof(op->hash));
    for (uint32_t i = op->start; op->count < op->capacity && i < table.count; i++, op->count++) {
        if (host_copy_out(op->buffer + op->count * sizeof(table.rows[i]), &table.rows[i],
                          sizeof(table.rows[i]))) {
            return refuse(&op->head, -EFAULT, CLOISTER_REASON_BAD_POINTER, op->buffer, 0);
        }
    }
    return 0;
}
