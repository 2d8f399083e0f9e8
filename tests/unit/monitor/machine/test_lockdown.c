/* SPDX-License-Identifier: MIT */
/* The table of what dom0 may: what it gives, what it refuses, how it is listed and hashed. */
#include <stdio.h>

#include "machine/lockdown.h"
#include "proof.h"
#include "scene.h"
#include "suite.h"

#define PORT CLOISTER_KIND_PORT
#define MEMORY CLOISTER_KIND_MEMORY
#define READ CLOISTER_ACCESS_READ
#define WRITE CLOISTER_ACCESS_WRITE
#define MACHINE CLOISTER_ACCESS_MACHINE

#define ROOM_FLAG(room, option) CLOISTER_INFO_##room,
static const uint32_t rooms[] = {CLOISTER_LOCKDOWN_ROOMS(ROOM_FLAG)};
#define ROOMS (sizeof(rooms) / sizeof(rooms[0]))

#define RULE_ROOM(number, name, room, text, refused, instead) CLOISTER_INFO_##room,
static const uint32_t room_of[] = {CLOISTER_LOCKDOWN_RULES(RULE_ROOM)};

static struct tenant *dom0;

static uint32_t all_rooms(void)
{
    uint32_t all = 0;

    for (size_t i = 0; i < ROOMS; i++) {
        all |= rooms[i];
    }
    return all;
}

static void start(void)
{
    scene_start();
    dom0 = fake.domains[0].tenant;
    fake.actor_domain = 0;
    lockdown_init(0, false);
}

/* --- what it gives -------------------------------------------------------------------------- */

static bool gives(uint64_t first, uint64_t last)
{
    return lockdown_gives(PORT, WRITE, first, last);
}

START_TEST(a_row_gives_what_is_in_it)
{
    lockdown_give(PORT, READ | WRITE, 0x60, 0x6f);
    lockdown_seal();
    ck_assert(gives(0x60, 0x6f));
    ck_assert(gives(0x60, 0x60));
    ck_assert(gives(0x6f, 0x6f));
    ck_assert(gives(0x64, 0x67));
}
END_TEST

START_TEST(no_row_gives_nothing)
{
    lockdown_seal();
    for (unsigned int kind = CLOISTER_KIND_PORT; kind <= CLOISTER_KIND_CLASS; kind++) {
        ck_assert(!lockdown_gives(kind, READ, 0, 0));
        ck_assert(!lockdown_gives(kind, 0, 0, 0));
        ck_assert(!lockdown_gives(kind, READ, UINT64_MAX, UINT64_MAX));
    }
}
END_TEST

static const struct {
    uint64_t first;
    uint64_t last;
} outside[] = {{0x5f, 0x5f},       {0x70, 0x70}, {0x5f, 0x60},
               {0x6f, 0x70},       {0x5f, 0x70}, {0, UINT64_MAX},
               {0x60, UINT64_MAX}, {0, 0x6f},    {UINT64_MAX, UINT64_MAX}};

START_TEST(what_is_given_in_part_is_not_given)
{
    lockdown_give(PORT, READ | WRITE, 0x60, 0x6f);
    lockdown_seal();
    ck_assert(!gives(outside[_i].first, outside[_i].last));
    ck_assert(gives(0x60, 0x6f));
}
END_TEST

START_TEST(two_rows_are_never_joined)
{
    lockdown_give(PORT, WRITE, 0x60, 0x6f);
    lockdown_give(PORT, WRITE, 0x70, 0x7f);
    lockdown_seal();
    ck_assert(gives(0x60, 0x6f));
    ck_assert(gives(0x70, 0x7f));
    ck_assert(!gives(0x6f, 0x70));
    ck_assert(!gives(0x60, 0x7f));
}
END_TEST

START_TEST(of_two_rows_the_narrower_holds)
{
    lockdown_give(PORT, READ, 0x604, 0x605);
    lockdown_give(PORT, READ | WRITE, 0x600, 0x6ff);
    lockdown_give(MEMORY, READ | WRITE, 0x604, 0x605);
    lockdown_seal();
    ck_assert(gives(0x600, 0x603));
    ck_assert(gives(0x606, 0x6ff));
    ck_assert(!gives(0x604, 0x604));
    ck_assert(!gives(0x603, 0x604));
    ck_assert(!gives(0x605, 0x606));
    ck_assert(!gives(0x600, 0x6ff));
    ck_assert(lockdown_gives(PORT, READ, 0x604, 0x605));
    ck_assert(lockdown_gives(PORT, READ, 0x600, 0x6ff));
    ck_assert(lockdown_gives(MEMORY, READ | WRITE, 0x604, 0x605));
}
END_TEST

/* Ports of the chipset in a bridge's window, on either side of the window's row in the table. */
START_TEST(a_row_without_access_takes)
{
    if (_i) {
        lockdown_give(PORT, READ | WRITE, 0x6000, 0x6fff);
    }
    lockdown_give(PORT, CLOISTER_ACCESS_MACHINE, 0x6200, 0x623f);
    if (!_i) {
        lockdown_give(PORT, READ | WRITE, 0x6000, 0x6fff);
    }
    lockdown_seal();
    ck_assert(gives(0x6000, 0x61ff));
    ck_assert(gives(0x6240, 0x6fff));
    for (uint64_t port = 0x6200; port < 0x6240; port++) {
        ck_assert(!gives(port, port));
        ck_assert(!lockdown_gives(PORT, READ, port, port));
    }
    ck_assert(!gives(0x61fe, 0x6201));
    ck_assert(!gives(0x6000, 0x6fff));
    ck_assert(lockdown_gives(PORT, 0, 0x6000, 0x6fff));
    ck_assert(!lockdown_gives(PORT, 0, 0x5fff, 0x6fff));
    ck_assert(!lockdown_gives(PORT, 0, 0x6000, 0x7000));
    ck_assert(!lockdown_gives(MEMORY, 0, 0x6000, 0x6fff));
}
END_TEST

START_TEST(kind_and_access_count)
{
    lockdown_give(MEMORY, READ, 0x60, 0x6f);
    lockdown_seal();
    ck_assert(lockdown_gives(MEMORY, READ, 0x60, 0x60));
    ck_assert(!lockdown_gives(MEMORY, WRITE, 0x60, 0x60));
    ck_assert(!lockdown_gives(MEMORY, READ | WRITE, 0x60, 0x60));
    for (unsigned int kind = 0; kind <= CLOISTER_KIND_CLASS; kind++) {
        ck_assert_int_eq(lockdown_gives(kind, READ, 0x60, 0x60), kind == MEMORY);
    }
}
END_TEST

START_TEST(a_row_that_ends_before_it_begins)
{
    lockdown_give(PORT, WRITE, 0x70, 0x6f);
    lockdown_give(PORT, WRITE, UINT64_MAX, 0);
    lockdown_seal();
    ck_assert(!gives(0x6f, 0x70));
    ck_assert(!gives(0x70, 0x70));
    ck_assert(!gives(0, 0));
}
END_TEST

START_TEST(the_ends_of_the_range)
{
    lockdown_give(MEMORY, READ, 0, UINT64_MAX);
    lockdown_seal();
    ck_assert(lockdown_gives(MEMORY, READ, 0, UINT64_MAX));
    ck_assert(lockdown_gives(MEMORY, READ, UINT64_MAX, UINT64_MAX));
}
END_TEST

static void give_one(void *context)
{
    (void)context;
    lockdown_give(PORT, WRITE, 0x70, 0x70);
}

START_TEST(a_sealed_table_gets_no_rows)
{
    lockdown_give(PORT, WRITE, 0x60, 0x60);
    lockdown_seal();
    ck_assert(fake_panics(give_one, NULL));
    ck_assert_str_eq(fake_panic_text(), "the table of what dom0 may is sealed");
    ck_assert(!gives(0x70, 0x70));
    ck_assert(gives(0x60, 0x60));
}
END_TEST

static struct cloister_lockdown_row rows[CLOISTER_MAX_LOCKDOWN];

/* A page of the list; its rows go to `rows`. */
static struct cloister_lockdown list(uint32_t first, uint32_t capacity)
{
    struct cloister_lockdown op = {
        .start = first, .capacity = capacity, .buffer = FAKE_USER_BASE + FAKE_USER_SIZE / 2};

    memset(fake_user(op.buffer), 0xee, sizeof(rows));
    ck_assert_int_eq(control(CLOISTER_OP_LOCKDOWN, &op, sizeof(op)), 0);
    ck_assert_uint_le(op.count, capacity);
    memcpy(rows, fake_user(op.buffer), sizeof(rows));
    return op;
}

START_TEST(too_many_rows)
{
    uint32_t given = LOCKDOWN_MAX_ROWS - CLOISTER_RULE_LIMIT;

    for (uint32_t i = 0; i < given + 10; i++) {
        lockdown_give(PORT, WRITE, 2 * i, 2 * i);
        ck_assert_uint_eq(lockdown_left_out(), i < given ? 0 : i - given + 1);
    }
    lockdown_give(MEMORY, READ | WRITE, 1, 0); /* nothing */
    ck_assert_uint_eq(lockdown_left_out(), 10);
    lockdown_give(MEMORY, READ | WRITE, 0, UINT64_MAX);
    ck_assert_uint_eq(lockdown_left_out(), 11);
    lockdown_seal();
    ck_assert(gives(0, 0));
    ck_assert(gives(2 * (given - 1), 2 * (given - 1)));
    for (uint32_t i = given; i < given + 10; i++) {
        ck_assert(!gives(2 * i, 2 * i));
    }
    ck_assert(!lockdown_gives(MEMORY, READ, 0, 0));
    ck_assert_uint_eq(list(0, CLOISTER_MAX_LOCKDOWN).count, CLOISTER_MAX_LOCKDOWN);
    ck_assert_uint_eq(list(CLOISTER_MAX_LOCKDOWN, CLOISTER_MAX_LOCKDOWN).count,
                      LOCKDOWN_MAX_ROWS - CLOISTER_MAX_LOCKDOWN);
    ck_assert_uint_eq(list(LOCKDOWN_MAX_ROWS, CLOISTER_MAX_LOCKDOWN).count, 0);
}
END_TEST

/* --- the option ------------------------------------------------------------------------------ */

#define ROOM_WORD(room, option) {option, CLOISTER_INFO_##room, NULL},
static const struct {
    const char *text;
    uint32_t open;
    const char *unknown; /* the text from the first word on that is none */
} options[] = {
    CLOISTER_LOCKDOWN_ROOMS(ROOM_WORD){"watch", CLOISTER_INFO_LOCKDOWN_WATCH, NULL},
    {"", 0, NULL},
    {",", 0, NULL},
    {",,ports,", CLOISTER_INFO_OPEN_PORTS, NULL},
    {"ports,memory", CLOISTER_INFO_OPEN_PORTS | CLOISTER_INFO_OPEN_MEMORY, NULL},
    {"ports,ports", CLOISTER_INFO_OPEN_PORTS, NULL},
    {"debug,watch,sleep", CLOISTER_INFO_DEBUG | CLOISTER_INFO_LOCKDOWN_WATCH | CLOISTER_INFO_SLEEP,
     NULL},
    /* What is meant is not guessed. */
    {"wach", 0, "wach"},
    {"watchdog", 0, "watchdog"},
    {"watch=1", 0, "watch=1"},
    {"port", 0, "port"},
    {"portss", 0, "portss"},
    {"Ports", 0, "Ports"},
    {" ports", 0, " ports"},
    {"ports ", 0, "ports "},
    {"ports;memory", 0, "ports;memory"},
    {"all", 0, "all"},
    {"on", 0, "on"},
    {"no", 0, "no"},
    {"1", 0, "1"},
    {"-ports", 0, "-ports"},
    {"hot", 0, "hot"},
    {"hot-add-all", 0, "hot-add-all"},
    {"runtime_services", 0, "runtime_services"},
    {"ports,memry,pci", CLOISTER_INFO_OPEN_PORTS | CLOISTER_INFO_OPEN_PCI, "memry,pci"},
    {"memry,pic", 0, "memry,pic"},
    {",x,ports", CLOISTER_INFO_OPEN_PORTS, "x,ports"},
};
#define OPTIONS ((int)(sizeof(options) / sizeof(options[0])))

START_TEST(what_the_option_opens)
{
    uint32_t open = 0, before = CLOISTER_INFO_HOT_ADD;
    const char *unknown = lockdown_parse(options[_i].text, &open);

    ck_assert_uint_eq(open, options[_i].open);
    ck_assert_pstr_eq(unknown, options[_i].unknown);
    lockdown_parse(options[_i].text, &before); /* a second option adds to the first */
    ck_assert_uint_eq(before, open | CLOISTER_INFO_HOT_ADD);
    lockdown_init(open, open & CLOISTER_INFO_LOCKDOWN_WATCH);
    lockdown_seal();
    ck_assert_int_eq(lockdown_flags() == CLOISTER_INFO_LOCKDOWN, options[_i].open == 0);
}
END_TEST

/* --- refusals ------------------------------------------------------------------------------- */

static uint64_t refused_by(enum cloister_lockdown_rule rule)
{
    list(0, CLOISTER_RULE_LIMIT);
    ck_assert_uint_eq(rows[rule].kind, CLOISTER_KIND_RULE);
    ck_assert_uint_eq(rows[rule].first, rule);
    return rows[rule].refused;
}

static const struct cloister_trace_record *newest(uint64_t before)
{
    ck_assert_uint_eq(fake_ring(0)->next, before + 1);
    return fake_record(0, before);
}

START_TEST(a_closed_rule_refuses)
{
    enum cloister_lockdown_rule rule = _i;

    lockdown_seal();
    uint64_t before = fake_ring(0)->next;
    ck_assert(lockdown_is_closed(rule));
    ck_assert_int_eq(lockdown_refuse(dom0, rule, 0x1234, 0x5678), -EPERM);
    const struct cloister_trace_record *record = newest(before);
    ck_assert_uint_eq(record->event, CLOISTER_EVENT_LOCKDOWN);
    ck_assert_uint_eq(record->decision, CLOISTER_REFUSED);
    ck_assert_uint_eq(record->reason, CLOISTER_REASON_LOCKDOWN);
    ck_assert_int_eq(record->error, -EPERM);
    ck_assert_uint_eq(record->operation, rule);
    ck_assert_uint_eq(record->address, 0x1234);
    ck_assert_uint_eq(record->found, 0x5678);
    ck_assert_uint_eq(record->domain, 0);
    ck_assert_uint_eq(refused_by(rule), 1);
    for (unsigned int other = 0; other < CLOISTER_RULE_LIMIT; other++) {
        ck_assert_uint_eq(refused_by(other), other == rule);
    }
    ck_assert_uint_eq(list(0, 1).refused, 1);
    ck_assert_int_eq(lockdown_refuse(NULL, rule, 0, 0), -EPERM); /* nobody that is known */
    ck_assert_uint_eq(refused_by(rule), 2);
}
END_TEST

START_TEST(an_open_room_refuses_nothing_and_records_nothing)
{
    uint32_t open = rooms[_i];

    lockdown_init(open, false);
    lockdown_seal();
    for (unsigned int rule = 0; rule < CLOISTER_RULE_LIMIT; rule++) {
        uint64_t before = fake_ring(0)->next;
        bool closed = room_of[rule] != open;
        ck_assert_int_eq(lockdown_is_closed(rule), closed);
        ck_assert_int_eq(lockdown_refuse(dom0, rule, 1, 2), closed ? -EPERM : 0);
        ck_assert_uint_eq(fake_ring(0)->next, before + closed);
        ck_assert_uint_eq(refused_by(rule), closed);
        ck_assert_uint_eq(rows[rule].access, closed ? 0 : CLOISTER_ACCESS_OPEN);
    }
    ck_assert_uint_eq(lockdown_flags(), open);
}
END_TEST

START_TEST(watching_records_and_refuses_nothing)
{
    lockdown_init(_i ? all_rooms() : 0, true);
    lockdown_seal();
    for (unsigned int rule = 0; rule < CLOISTER_RULE_LIMIT; rule++) {
        uint64_t before = fake_ring(0)->next;
        ck_assert(!lockdown_is_closed(rule));
        ck_assert_int_eq(lockdown_refuse(dom0, rule, 3, 4), 0);
        const struct cloister_trace_record *record = newest(before);
        ck_assert_uint_eq(record->event, CLOISTER_EVENT_LOCKDOWN);
        ck_assert_uint_eq(record->decision, CLOISTER_ALLOWED);
        ck_assert_uint_eq(record->reason, CLOISTER_REASON_LOCKDOWN);
        ck_assert_int_eq(record->error, 0);
        ck_assert_uint_eq(record->operation, rule);
        ck_assert_uint_eq(refused_by(rule), 1);
    }
    ck_assert_uint_eq(list(0, 1).refused, CLOISTER_RULE_LIMIT);
    ck_assert_uint_eq(list(0, 1).open, all_rooms());
    ck_assert_uint_eq(lockdown_flags(), all_rooms() | CLOISTER_INFO_LOCKDOWN_WATCH);
}
END_TEST

/* Before dom0 exists Xen's own drivers set the machine up. */
START_TEST(a_table_that_is_not_sealed_refuses_nothing)
{
    uint64_t before = fake_ring(0)->next;

    for (unsigned int rule = 0; rule < CLOISTER_RULE_LIMIT; rule++) {
        ck_assert(!lockdown_is_closed(rule));
        ck_assert_int_eq(lockdown_refuse(dom0, rule, 0, 0), 0);
    }
    ck_assert_uint_eq(fake_ring(0)->next, before);
    lockdown_seal();
    ck_assert_int_eq(lockdown_refuse(dom0, 0, 0, 0), -EPERM);
}
END_TEST

/* dom0 asks as fast as it can: all are counted, and the records are at its rate. */
START_TEST(a_storm_of_refusals)
{
    lockdown_seal();
    uint64_t before = fake_ring(0)->next;
    for (unsigned int i = 0; i < 5000; i++) {
        ck_assert_int_eq(lockdown_refuse(dom0, CLOISTER_RULE_PORT, i, 0), -EPERM);
    }
    ck_assert_uint_eq(refused_by(CLOISTER_RULE_PORT), 5000);
    ck_assert_uint_le(fake_ring(0)->next - before, CLOISTER_TRACE_RATE);
}
END_TEST

/* --- flags ---------------------------------------------------------------------------------- */

START_TEST(flags)
{
    ck_assert_uint_eq(lockdown_flags(), 0); /* not sealed: nothing is promised */
    lockdown_seal();
    ck_assert_uint_eq(lockdown_flags(), CLOISTER_INFO_LOCKDOWN);
    for (size_t i = 0; i < ROOMS; i++) {
        lockdown_init(rooms[i], false);
        ck_assert_uint_eq(lockdown_flags(), rooms[i]);
        lockdown_seal();
        ck_assert_uint_eq(lockdown_flags(), rooms[i]);
    }
    lockdown_init(0, true);
    lockdown_seal();
    ck_assert_uint_eq(lockdown_flags() & CLOISTER_INFO_LOCKDOWN, 0);
    /* What is no room opens nothing, and shows nothing. */
    lockdown_init(~all_rooms(), false);
    lockdown_seal();
    ck_assert_uint_eq(lockdown_flags(), CLOISTER_INFO_LOCKDOWN);
}
END_TEST

/* --- the hash ------------------------------------------------------------------------------- */

struct digest {
    uint8_t bytes[32];
};

static struct digest hash_of(uint32_t open, bool watch, uint32_t access, uint64_t first)
{
    struct digest digest;

    lockdown_init(open, watch);
    lockdown_give(PORT, WRITE, 0x60, 0x6f);
    if (first) {
        lockdown_give(MEMORY, access, first, first + 1);
    }
    lockdown_seal();
    memcpy(digest.bytes, lockdown_hash(), sizeof(digest.bytes));
    return digest;
}

static bool same(struct digest a, struct digest b)
{
    return !memcmp(&a, &b, sizeof(a));
}

START_TEST(rows_of_the_machine_are_not_hashed)
{
    struct digest without = hash_of(0, false, 0, 0);

    ck_assert(same(without, hash_of(0, false, 0, 0)));
    ck_assert(same(without, hash_of(0, false, READ | MACHINE, 0xfed00)));
    ck_assert(same(without, hash_of(0, false, READ | WRITE | MACHINE, 0xfee00)));
    ck_assert(!same(without, hash_of(0, false, READ, 0xfed00)));
    ck_assert(!same(hash_of(0, false, READ, 0xfed00), hash_of(0, false, WRITE, 0xfed00)));
    ck_assert(!same(hash_of(0, false, READ, 0xfed00), hash_of(0, false, READ, 0xfed01)));
}
END_TEST

START_TEST(what_is_open_is_hashed)
{
    struct digest closed = hash_of(0, false, 0, 0);

    for (size_t i = 0; i < ROOMS; i++) {
        struct digest open = hash_of(rooms[i], false, 0, 0);
        ck_assert(!same(open, closed));
        for (size_t j = 0; j < i; j++) {
            ck_assert(!same(open, hash_of(rooms[j], false, 0, 0)));
        }
    }
    ck_assert(!same(hash_of(0, true, 0, 0), closed));
    ck_assert(!same(hash_of(0, true, 0, 0), hash_of(all_rooms(), true, 0, 0)));
}
END_TEST

/* The same value by another library, of the rows as they are listed. */
START_TEST(the_hash_is_that_of_the_rows)
{
    struct digest hash = hash_of(CLOISTER_INFO_SLEEP, false, READ | MACHINE, 0xfed00), expected;
    uint8_t all[sizeof(rows) + 5];
    size_t size = 0;

    ck_assert_int_eq(lockdown_refuse(dom0, CLOISTER_RULE_PORT, 0, 0), -EPERM);
    struct cloister_lockdown op = list(0, CLOISTER_MAX_LOCKDOWN);
    ck_assert_mem_eq(op.hash, hash.bytes, sizeof(op.hash)); /* counting changes nothing */
    for (uint32_t i = 0; i < op.count; i++) {
        rows[i].refused = 0;
        if (!(rows[i].access & MACHINE)) {
            memcpy(all + size, &rows[i], sizeof(rows[i]));
            size += sizeof(rows[i]);
        }
    }
    ck_assert_uint_eq(size, (op.count - 1) * sizeof(rows[0]));
    const uint32_t open = CLOISTER_INFO_SLEEP;
    memcpy(all + size, &open, sizeof(open));
    size += sizeof(open);
    all[size++] = 0; /* it does not only watch */
    proof_sha256(all, size, expected.bytes);
    ck_assert(same(hash, expected));
}
END_TEST

/* --- the list ------------------------------------------------------------------------------- */

START_TEST(the_list_in_pages)
{
    lockdown_give(PORT, WRITE, 0x60, 0x6f);
    lockdown_give(MEMORY, READ | MACHINE, 0xfed00, 0xfed00);
    lockdown_seal();
    uint32_t total = CLOISTER_RULE_LIMIT + 2;
    uint32_t capacity = _i;
    for (uint32_t i = 0; i < total; i += capacity) {
        uint32_t expected = total - i < capacity ? total - i : capacity;
        ck_assert_uint_eq(list(i, capacity).count, expected);
        for (uint32_t j = 0; j < expected; j++) {
            if (i + j < CLOISTER_RULE_LIMIT) {
                ck_assert_uint_eq(rows[j].first, i + j);
                ck_assert_uint_eq(rows[j].last, i + j);
            }
        }
        /* Not a byte behind them. */
        ck_assert_uint_eq(((uint8_t *)rows)[expected * sizeof(rows[0])], 0xee);
    }
    ck_assert_uint_eq(list(total - 1, 1).count, 1);
    ck_assert_uint_eq(rows[0].kind, MEMORY);
    ck_assert_uint_eq(rows[0].access, READ | MACHINE);
    ck_assert_uint_eq(rows[0].first, 0xfed00);
    ck_assert_uint_eq(list(total, 1).count, 0);
    ck_assert_uint_eq(list(UINT32_MAX, 1).count, 0);
}
END_TEST

START_TEST(errors_of_the_list)
{
    static const uint32_t bad[] = {0, CLOISTER_MAX_LOCKDOWN + 1, UINT32_MAX};
    static const uint64_t nowhere[] = {0, FAKE_USER_BASE - 1, FAKE_USER_BASE + FAKE_USER_SIZE,
                                       UINT64_MAX, UINT64_MAX - 31};
    struct cloister_lockdown op = {.capacity = 1};

    lockdown_seal();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        op = (struct cloister_lockdown){.capacity = bad[i], .buffer = FAKE_USER_BASE};
        REFUSES(CLOISTER_OP_LOCKDOWN, op, -EINVAL, BATCH);
        ck_assert_uint_eq(last_head.found, bad[i]);
        ck_assert_uint_eq(last_head.allowed, CLOISTER_MAX_LOCKDOWN);
    }
    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        op = (struct cloister_lockdown){.capacity = 2, .buffer = nowhere[i]};
        REFUSES(CLOISTER_OP_LOCKDOWN, op, -EFAULT, BAD_POINTER);
    }
    op = (struct cloister_lockdown){.capacity = 2, .buffer = fake_user_readonly()};
    REFUSES(CLOISTER_OP_LOCKDOWN, op, -EFAULT, BAD_POINTER);
    op = (struct cloister_lockdown){.head = {.reserved1 = 1}, .capacity = 1};
    REFUSES(CLOISTER_OP_LOCKDOWN, op, -EINVAL, RESERVED_NOT_ZERO);
    ck_assert_uint_eq(list(0, 1).count, 1);
}
END_TEST

START_TEST(only_the_control_domain_lists)
{
    struct cloister_lockdown op = {.capacity = 1};
    uint64_t address = fake_user_put(&op, sizeof(op));

    lockdown_seal();
    ck_assert_int_eq(monitor_control(CLOISTER_OP_LOCKDOWN, address, false, false), -EPERM);
    ck_assert_int_eq(monitor_control(CLOISTER_OP_LOCKDOWN, address, true, true), -EBUSY);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lockdown");
    TCase *cases = suite_case(suite, "rows", 60);

    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_test(cases, a_row_gives_what_is_in_it);
    tcase_add_test(cases, no_row_gives_nothing);
    tcase_add_loop_test(cases, what_is_given_in_part_is_not_given, 0,
                        sizeof(outside) / sizeof(outside[0]));
    tcase_add_test(cases, two_rows_are_never_joined);
    tcase_add_test(cases, of_two_rows_the_narrower_holds);
    tcase_add_loop_test(cases, a_row_without_access_takes, 0, 2);
    tcase_add_test(cases, kind_and_access_count);
    tcase_add_test(cases, a_row_that_ends_before_it_begins);
    tcase_add_test(cases, the_ends_of_the_range);
    tcase_add_test(cases, a_sealed_table_gets_no_rows);
    tcase_add_test(cases, too_many_rows);
    tcase_add_loop_test(cases, what_the_option_opens, 0, OPTIONS);

    cases = suite_case(suite, "rules", 60);
    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_loop_test(cases, a_closed_rule_refuses, 0, CLOISTER_RULE_LIMIT);
    tcase_add_loop_test(cases, an_open_room_refuses_nothing_and_records_nothing, 0, ROOMS);
    tcase_add_loop_test(cases, watching_records_and_refuses_nothing, 0, 2);
    tcase_add_test(cases, a_table_that_is_not_sealed_refuses_nothing);
    tcase_add_test(cases, a_storm_of_refusals);
    tcase_add_test(cases, flags);

    cases = suite_case(suite, "hash and list", 60);
    tcase_add_checked_fixture(cases, start, scene_end);
    tcase_add_test(cases, rows_of_the_machine_are_not_hashed);
    tcase_add_test(cases, what_is_open_is_hashed);
    tcase_add_test(cases, the_hash_is_that_of_the_rows);
    tcase_add_loop_test(cases, the_list_in_pages, 1, 40);
    tcase_add_test(cases, errors_of_the_list);
    tcase_add_test(cases, only_the_control_domain_lists);
    return suite_run(suite);
}
