/* SPDX-License-Identifier: MIT */
/* Boot entries: seen, ordered, chosen once; never made; and the firmware is not asked where it could be another's. */
#include "machine/bootorder.h"

#include <stdio.h>

#include "firmware.h"
#include "vault/report.h"
#include "scene.h"
#include "suite.h"

#define CLOSED (CLOISTER_INFO_LOCKDOWN | CLOISTER_INFO_IOMMU_STRICT)
#define ENTRIES 4u

/* What the firmware has: Boot0000, Boot0003, Boot00A1 and BootFFFF, each with other bytes. */
static const uint16_t entries[ENTRIES] = {0x0003, 0x0000, 0x00a1, 0xffff};
static const char *const names[ENTRIES] = {"Boot0003", "Boot0000", "Boot00A1", "BootFFFF"};
#define MISSING 0x0007u

static void start(void)
{
    const uint16_t current = 0x0003;

    scene_start();
    fake.flags = CLOSED;
    firmware_boot(FIRMWARE_PLAIN, 0);
    for (unsigned int i = 0; i < ENTRIES; i++) {
        uint8_t option[40];

        memset(option, (int)(0x10 + i), sizeof(option));
        firmware_put(names[i], option, sizeof(option) - i);
    }
    firmware_put("BootOrder", entries, 3 * sizeof(entries[0]));
    firmware_put("BootCurrent", &current, sizeof(current));
}

static void end(void)
{
    firmware_boot(FIRMWARE_NONE, 0);
    scene_end();
}

static struct cloister_boot ask(enum cloister_boot_kind kind)
{
    return (struct cloister_boot){.kind = kind};
}

static int boot(struct cloister_boot *op)
{
    return control(CLOISTER_OP_BOOT, op, sizeof(*op));
}

static struct cloister_boot order(uint32_t count, const uint16_t *wanted)
{
    struct cloister_boot op = ask(CLOISTER_BOOT_ORDER);

    op.count = count;
    memcpy(op.order, wanted,
           (count < CLOISTER_BOOT_MAX ? count : CLOISTER_BOOT_MAX) * sizeof(wanted[0]));
    return op;
}

static struct cloister_boot next(uint32_t entry)
{
    struct cloister_boot op = ask(CLOISTER_BOOT_NEXT);

    op.entry = entry;
    return op;
}

/* Refused, and every variable is as it was. */
#define KEEPS(op, error, why)                                                                      \
    do {                                                                                           \
        struct firmware before = firmware;                                                         \
        uint64_t changes = bootorder_changes();                                                    \
        REFUSES(CLOISTER_OP_BOOT, op, error, why);                                                 \
        ck_assert_mem_eq(firmware.boot, before.boot, sizeof(before.boot));                         \
        ck_assert_uint_eq(firmware.writes, before.writes);                                         \
        ck_assert_uint_eq(bootorder_changes(), changes);                                           \
    } while (0)

START_TEST(reads)
{
    struct cloister_boot op = ask(CLOISTER_BOOT_READ);
    const uint16_t chosen = 0x00a1;

    memset(op.order, 0xee, sizeof(op.order));
    ck_assert_int_eq(boot(&op), 0);
    ck_assert_uint_eq(op.booted, 0x0003);
    ck_assert_uint_eq(op.next, CLOISTER_BOOT_NONE);
    ck_assert_uint_eq(op.count, 3);
    ck_assert_mem_eq(op.order, entries, 3 * sizeof(entries[0]));
    ck_assert_uint_eq(op.order[3], 0);
    firmware_put("BootNext", &chosen, sizeof(chosen));
    ck_assert_int_eq(boot(&op), 0);
    ck_assert_uint_eq(op.next, 0x00a1);
    ck_assert_uint_eq(firmware.writes, 0);
}
END_TEST

/* Started from a file that somebody named, on firmware that has no entries at all. */
START_TEST(reads_where_there_is_nothing)
{
    struct cloister_boot op = ask(CLOISTER_BOOT_READ);

    firmware_boot(FIRMWARE_PLAIN, 0);
    ck_assert_int_eq(boot(&op), 0);
    ck_assert_uint_eq(op.booted, CLOISTER_BOOT_NONE);
    ck_assert_uint_eq(op.next, CLOISTER_BOOT_NONE);
    ck_assert_uint_eq(op.count, 0);
}
END_TEST

START_TEST(reads_the_longest_order)
{
    struct cloister_boot op = ask(CLOISTER_BOOT_READ);
    uint16_t long_order[CLOISTER_BOOT_MAX + 1];

    for (unsigned int i = 0; i <= CLOISTER_BOOT_MAX; i++) {
        long_order[i] = (uint16_t)i;
    }
    firmware_put("BootOrder", long_order, CLOISTER_BOOT_MAX * sizeof(long_order[0]));
    ck_assert_int_eq(boot(&op), 0);
    ck_assert_uint_eq(op.count, CLOISTER_BOOT_MAX);
    ck_assert_mem_eq(op.order, long_order, sizeof(op.order));
    firmware_put("BootOrder", long_order, sizeof(long_order));
    KEEPS(op, -EIO, BOOT_FAILED);
    ck_assert_uint_eq(op.head.found, E2BIG);
}
END_TEST

START_TEST(shows_entries_as_they_are)
{
    for (unsigned int i = 0; i < ENTRIES; i++) {
        struct cloister_boot op = ask(CLOISTER_BOOT_ENTRY);
        const struct firmware_variable *variable = firmware_look(names[i]);

        op.entry = entries[i];
        op.size = CLOISTER_BOOT_ENTRY_SIZE;
        op.buffer = fake_user_put(NULL, CLOISTER_BOOT_ENTRY_SIZE);
        ck_assert_int_eq(boot(&op), 0);
        ck_assert_uint_eq(op.size, 40 - i);
        ck_assert_mem_eq(fake_user(op.buffer), variable->data, op.size);
    }
}
END_TEST

/* One that does not exist is an answer, no refusal: who looks for all of them asks for many. */
START_TEST(shows_that_there_is_none)
{
    static const uint32_t missing[] = {MISSING, 0x10003,
                                       CLOISTER_BOOT_NONE}; /* the second is not entry 3 */
    uint64_t refusals = trace_refusals();

    for (unsigned int i = 0; i < 3; i++) {
        struct cloister_boot op = ask(CLOISTER_BOOT_ENTRY);

        op.entry = missing[i];
        op.size = 64;
        op.buffer = fake_user_put(NULL, 64);
        ck_assert_int_eq(boot(&op), 0);
        ck_assert_uint_eq(op.size, 0);
    }
    ck_assert_uint_eq(trace_refusals(), refusals);
}
END_TEST

START_TEST(shows_how_large_it_is)
{
    static const uint8_t large[CLOISTER_BOOT_ENTRY_SIZE + 1];
    struct cloister_boot op = ask(CLOISTER_BOOT_ENTRY);
    uint8_t untouched[64];

    memset(untouched, 0x77, sizeof(untouched));
    op.entry = 0x0003;
    op.size = 39;
    op.buffer = fake_user_put(untouched, sizeof(untouched));
    ck_assert_int_eq(boot(&op), 0);
    ck_assert_uint_eq(op.size, 40);
    ck_assert_mem_eq(fake_user(op.buffer), untouched, sizeof(untouched));
    firmware_put("Boot0003", large, sizeof(large));
    op.size = CLOISTER_BOOT_ENTRY_SIZE;
    ck_assert_int_eq(boot(&op), 0);
    ck_assert_uint_eq(op.size, sizeof(large));
}
END_TEST

START_TEST(refuses_to_show)
{
    struct cloister_boot op = ask(CLOISTER_BOOT_ENTRY);

    op.entry = 0x0003;
    op.buffer = fake_user_put(NULL, CLOISTER_BOOT_ENTRY_SIZE);
    KEEPS(op, -EINVAL, BATCH);
    op.size = CLOISTER_BOOT_ENTRY_SIZE + 1;
    KEEPS(op, -EINVAL, BATCH);
    ck_assert_uint_eq(op.head.allowed, CLOISTER_BOOT_ENTRY_SIZE);
    op.size = UINT32_MAX;
    KEEPS(op, -EINVAL, BATCH);
    op.size = CLOISTER_BOOT_ENTRY_SIZE;
    op.buffer = fake_user_readonly();
    KEEPS(op, -EFAULT, BAD_POINTER);
    op.buffer = 0;
    KEEPS(op, -EFAULT, BAD_POINTER);
    op.buffer = fake_user_put(NULL, 1);
    fake_fail(FAKE_HEAP_ALLOC, 1);
    ck_assert_int_eq(boot(&op), -ENOMEM);
    ck_assert_uint_eq(op.head.reason, CLOISTER_REASON_NO_MEMORY);
}
END_TEST

START_TEST(orders)
{
    static const uint16_t wanted[][ENTRIES] = {{0x00a1, 0x0003, 0x0000},
                                               {0x0000},
                                               {0xffff, 0x00a1, 0x0000, 0x0003},
                                               {0x0003, 0x0000, 0x00a1}};
    static const uint32_t counts[] = {3, 1, 4, 3};

    for (unsigned int i = 0; i < 4; i++) {
        struct cloister_boot op = order(counts[i], wanted[i]);
        const struct firmware_variable *now = firmware_look("BootOrder");
        uint64_t changes = bootorder_changes();

        ck_assert_int_eq(boot(&op), 0);
        ck_assert_uint_eq(now->size, counts[i] * sizeof(wanted[0][0]));
        ck_assert_mem_eq(now->data, wanted[i], now->size);
        ck_assert_uint_eq(now->attributes, HOST_VARIABLE_ATTRIBUTES);
        ck_assert_uint_eq(firmware.writes, i + 1);
        ck_assert_uint_eq(bootorder_changes(), changes + 1);
        ck_assert_uint_eq(op.changes, changes + 1);

        const struct cloister_trace_record *record = fake_last_record();
        ck_assert_uint_eq(record->event, CLOISTER_EVENT_CONTROL);
        ck_assert_uint_eq(record->decision, CLOISTER_ALLOWED);
        ck_assert_uint_eq(record->operation, CLOISTER_OP_BOOT);
        ck_assert_uint_eq(record->address, (uint64_t)CLOISTER_BOOT_ORDER << 32 | wanted[i][0]);
    }
    ck_assert(!firmware_look("BootNext")->there);
}
END_TEST

/* Where the firmware has none yet it is made: with entries that exist. */
START_TEST(orders_where_there_is_no_order)
{
    struct cloister_boot op = order(1, &entries[2]);

    firmware_put("BootOrder", NULL, 0);
    ck_assert_int_eq(boot(&op), 0);
    ck_assert_mem_eq(firmware_look("BootOrder")->data, &entries[2], 2);
}
END_TEST

/* The entry that is wrong is named, wherever it stands. */
START_TEST(orders_no_entry_that_is_invented)
{
    for (unsigned int at = 0; at < ENTRIES; at++) {
        uint16_t wanted[ENTRIES];

        memcpy(wanted, entries, sizeof(wanted));
        wanted[at] = MISSING;
        struct cloister_boot op = order(ENTRIES, wanted);
        KEEPS(op, -ENOENT, BOOT_ENTRY);
        ck_assert_uint_eq(op.head.found, MISSING);
    }
}
END_TEST

START_TEST(orders_no_entry_twice)
{
    for (unsigned int at = 1; at < ENTRIES; at++) {
        uint16_t wanted[ENTRIES];

        memcpy(wanted, entries, sizeof(wanted));
        wanted[at] = wanted[at - 1];
        struct cloister_boot op = order(ENTRIES, wanted);
        KEEPS(op, -EEXIST, BOOT_TWICE);
        ck_assert_uint_eq(op.head.found, entries[at - 1]);
    }
}
END_TEST

START_TEST(orders_neither_none_nor_too_many)
{
    static const uint32_t counts[] = {0, CLOISTER_BOOT_MAX + 1, UINT32_MAX, UINT32_C(1) << 31};
    uint16_t wanted[CLOISTER_BOOT_MAX] = {0};

    for (unsigned int i = 0; i < 4; i++) {
        struct cloister_boot op = order(counts[i], wanted);

        KEEPS(op, -EINVAL, BATCH);
        ck_assert_uint_eq(op.head.found, counts[i]);
        ck_assert_uint_eq(op.head.allowed, CLOISTER_BOOT_MAX);
    }
    /* As many as there may be: */
    for (unsigned int i = 0; i < CLOISTER_BOOT_MAX; i++) {
        char name[9];

        snprintf(name, sizeof(name), "Boot%04X", i);
        firmware_put(name, "an entry", 8);
        wanted[i] = (uint16_t)i;
    }
    struct cloister_boot op = order(CLOISTER_BOOT_MAX, wanted);
    firmware.reads = 0;
    ck_assert_int_eq(boot(&op), 0);
    ck_assert_uint_eq(firmware.reads, CLOISTER_BOOT_MAX); /* and one write */
    ck_assert_uint_eq(firmware_look("BootOrder")->size, sizeof(wanted));
}
END_TEST

START_TEST(chooses_the_next)
{
    for (unsigned int i = 0; i < ENTRIES; i++) {
        struct cloister_boot op = next(entries[i]);
        const struct firmware_variable *now = firmware_look("BootNext");

        ck_assert_int_eq(boot(&op), 0);
        now = firmware_look("BootNext");
        ck_assert_uint_eq(now->size, 2);
        ck_assert_mem_eq(now->data, &entries[i], 2);
        ck_assert_uint_eq(now->attributes, HOST_VARIABLE_ATTRIBUTES);
        ck_assert_uint_eq(fake_last_record()->address,
                          (uint64_t)CLOISTER_BOOT_NEXT << 32 | entries[i]);
    }
    struct cloister_boot op = next(CLOISTER_BOOT_NONE);
    uint64_t changes = bootorder_changes();
    ck_assert_int_eq(boot(&op), 0);
    ck_assert(!firmware_look("BootNext")->there);
    ck_assert_uint_eq(bootorder_changes(), changes + 1);
    /* None again is none: nothing was changed. */
    ck_assert_int_eq(boot(&op), 0);
    ck_assert_uint_eq(bootorder_changes(), changes + 1);
    ck_assert_mem_eq(firmware_look("BootOrder")->data, entries, 6);
}
END_TEST

START_TEST(chooses_no_entry_that_is_invented)
{
    static const uint32_t wrong[] = {MISSING, 1, 0x10000, 0x10003, 0xfffffffe, UINT32_C(1) << 31};
    const uint16_t chosen = 0x0003;

    firmware_put("BootNext", &chosen, sizeof(chosen));
    for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct cloister_boot op = next(wrong[i]);

        KEEPS(op, -ENOENT, BOOT_ENTRY);
        ck_assert_uint_eq(op.head.found, wrong[i]);
    }
}
END_TEST

START_TEST(knows_no_other_kind)
{
    static const uint32_t kinds[] = {CLOISTER_BOOT_NEXT + 1, 255, 256, UINT32_C(1) << 31,
                                     UINT32_MAX};

    for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct cloister_boot op = next(0x0003);

        op.kind = kinds[i];
        KEEPS(op, -EINVAL, UNKNOWN_OP);
        ck_assert_uint_eq(op.head.found, kinds[i]);
    }
}
END_TEST

/* Whatever is open, the firmware is not even asked; and what has nothing to do with it does not matter. */
START_TEST(asks_no_firmware_that_could_be_anothers)
{
    static const uint32_t flags[] = {0,
                                     CLOISTER_INFO_LOCKDOWN,
                                     CLOISTER_INFO_IOMMU_STRICT,
                                     CLOSED | CLOISTER_INFO_ATS,
                                     CLOISTER_INFO_IOMMU_STRICT | CLOISTER_INFO_LOCKDOWN_WATCH,
#define OPEN(room, option) CLOISTER_INFO_IOMMU_STRICT | CLOISTER_INFO_##room,
                                     CLOISTER_LOCKDOWN_ROOMS(OPEN)
#undef OPEN
    };

    for (unsigned int i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        for (uint32_t kind = 0; kind <= CLOISTER_BOOT_NEXT; kind++) {
            struct cloister_boot op = order(1, entries);

            op.kind = kind;
            op.entry = entries[0];
            op.size = 64;
            fake.flags = flags[i];
            firmware.reads = 0;
            KEEPS(op, -EPERM, BOOT_OPEN);
            ck_assert_uint_eq(op.head.found, flags[i]);
            ck_assert_uint_eq(op.head.allowed, CLOSED);
            ck_assert_uint_eq(firmware.reads, 0);
        }
    }
    fake.flags = CLOSED | CLOISTER_INFO_SMT | CLOISTER_INFO_BMC | CLOISTER_INFO_SVM;
    struct cloister_boot op = order(1, entries);
    ck_assert_int_eq(boot(&op), 0);
}
END_TEST

START_TEST(says_that_there_is_no_such_firmware)
{
    firmware_boot(FIRMWARE_NONE, 0);
    for (uint32_t kind = 0; kind <= CLOISTER_BOOT_NEXT; kind++) {
        struct cloister_boot op = order(1, entries);

        op.kind = kind;
        op.entry = kind == CLOISTER_BOOT_NEXT ? entries[0] : 0;
        op.size = 64;
        op.buffer = fake_user_put(NULL, 64);
        KEEPS(op, -EOPNOTSUPP, BOOT_FIRMWARE);
    }
    struct cloister_boot op = next(CLOISTER_BOOT_NONE);
    REFUSES(CLOISTER_OP_BOOT, op, -EOPNOTSUPP, BOOT_FIRMWARE);
}
END_TEST

/* Each read, and the write, in each of the requests. */
START_TEST(tells_what_the_firmware_said)
{
    static const int errors[] = {-EIO, -EPERM, -EINVAL, -ENOMEM};
    struct cloister_boot ops[] = {ask(CLOISTER_BOOT_READ), ask(CLOISTER_BOOT_ENTRY),
                                  order(3, entries), next(entries[1])};
    static const unsigned int reads[] = {3, 1, 3, 1};

    ops[1].size = 64;
    ops[1].buffer = fake_user_put(NULL, 64);
    for (unsigned int i = 0; i < 4; i++) {
        for (unsigned int at = 1; at <= reads[i]; at++) {
            struct cloister_boot op = ops[i];

            firmware.fail_read = errors[_i];
            firmware.fail_read_at = firmware.reads + at;
            KEEPS(op, -EIO, BOOT_FAILED);
            ck_assert_uint_eq(op.head.found, -errors[_i]);
        }
    }
    firmware.fail_read = 0;
    for (unsigned int i = 2; i < 4; i++) {
        struct cloister_boot op = ops[i];
        struct firmware before = firmware;

        firmware.fail_write = 1;
        firmware.fail_with = errors[_i];
        REFUSES(CLOISTER_OP_BOOT, op, -EIO, BOOT_FAILED);
        ck_assert_uint_eq(op.head.found, -errors[_i]);
        ck_assert_uint_eq(op.changes, bootorder_changes());
        ck_assert_mem_eq(firmware.boot, before.boot, sizeof(before.boot));
    }
}
END_TEST

/* A number of another size is none; half a number at an order's end is not shown. */
START_TEST(believes_no_odd_numbers)
{
    static const uint8_t odd[5] = {3, 0, 0, 0, 9};
    struct cloister_boot op = ask(CLOISTER_BOOT_READ);

    firmware_put("BootOrder", odd, 5);
    ck_assert_int_eq(boot(&op), 0);
    ck_assert_uint_eq(op.count, 2);
    firmware_put("BootNext", odd, 1);
    KEEPS(op, -EIO, BOOT_FAILED);
    firmware_put("BootNext", odd, 4);
    KEEPS(op, -EIO, BOOT_FAILED);
}
END_TEST

START_TEST(is_for_the_control_domain)
{
    struct cloister_boot op = next(entries[0]);
    uint64_t address = fake_user_put(&op, sizeof(op));

    fake.actor_domain = TENANT;
    ck_assert_int_eq(monitor_control(CLOISTER_OP_BOOT, address, false, false), -EPERM);
    fake.actor_domain = 0;
    ck_assert_int_eq(monitor_control(CLOISTER_OP_BOOT, address, true, true), -EBUSY);
    ck_assert_uint_eq(firmware.writes + firmware.reads, 0);
    op.head.reserved1 = 1;
    KEEPS(op, -EINVAL, RESERVED_NOT_ZERO);
}
END_TEST

/* Looking leaves no record; the count is what a heartbeat signs. */
START_TEST(counts)
{
    struct cloister_boot look = ask(CLOISTER_BOOT_READ), change = next(entries[0]);
    struct cloister_heartbeat beat = {0};
    uint64_t before = bootorder_changes(), records = trace_anchor().records;

    ck_assert_int_eq(boot(&look), 0);
    ck_assert_uint_eq(trace_anchor().records, records);
    ck_assert_int_eq(boot(&change), 0);
    ck_assert_uint_eq(trace_anchor().records, records + 1);
    ck_assert_int_eq(control(CLOISTER_OP_HEARTBEAT, &beat, sizeof(beat)), 0);
    ck_assert_uint_eq(beat.report.boot_changes, before + 1);
    ck_assert_int_eq(boot(&look), 0);
    ck_assert_uint_eq(look.changes, before + 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bootorder");
    TCase *tcase = suite_case(suite, "bootorder", 60);

    tcase_add_checked_fixture(tcase, start, end);
    tcase_add_test(tcase, reads);
    tcase_add_test(tcase, reads_where_there_is_nothing);
    tcase_add_test(tcase, reads_the_longest_order);
    tcase_add_test(tcase, shows_entries_as_they_are);
    tcase_add_test(tcase, shows_that_there_is_none);
    tcase_add_test(tcase, shows_how_large_it_is);
    tcase_add_test(tcase, refuses_to_show);
    tcase_add_test(tcase, orders);
    tcase_add_test(tcase, orders_where_there_is_no_order);
    tcase_add_test(tcase, orders_no_entry_that_is_invented);
    tcase_add_test(tcase, orders_no_entry_twice);
    tcase_add_test(tcase, orders_neither_none_nor_too_many);
    tcase_add_test(tcase, chooses_the_next);
    tcase_add_test(tcase, chooses_no_entry_that_is_invented);
    tcase_add_test(tcase, knows_no_other_kind);
    tcase_add_test(tcase, asks_no_firmware_that_could_be_anothers);
    tcase_add_test(tcase, says_that_there_is_no_such_firmware);
    tcase_add_loop_test(tcase, tells_what_the_firmware_said, 0, 4);
    tcase_add_test(tcase, believes_no_odd_numbers);
    tcase_add_test(tcase, is_for_the_control_domain);
    tcase_add_test(tcase, counts);
    return suite_run(suite);
}
