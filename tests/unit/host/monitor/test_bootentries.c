/* SPDX-License-Identifier: MIT */
/* Boot entries: what they say, how operators name them, and what cloisterctl makes of the monitor's answers. */
#include "monitor/bootentries.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../suite.h"

/* --- an entry's content ------------------------------------------------------------------------- */

struct bytes {
    uint8_t data[600];
    size_t size;
};

static void add(struct bytes *bytes, const void *data, size_t size)
{
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

/* ASCII as UCS-2, with its NUL. */
static void add_text(struct bytes *bytes, const char *text)
{
    do {
        const uint8_t letter[2] = {(uint8_t)*text, 0};

        add(bytes, letter, sizeof(letter));
    } while (*text++);
}

/* A load option for a file on a disk; `attributes` as in the first byte. */
static struct bytes make_option(uint8_t attributes, const char *description, const char *file)
{
    struct bytes option = {0}, path = {0};
    const uint8_t disk[8] = {4, 1, 8, 0, 1, 2, 3, 4}, end[4] = {0x7f, 0xff, 4, 0};
    const uint8_t node[4] = {4, 4, (uint8_t)(4 + 2 * (strlen(file) + 1)), 0};

    add(&path, disk, sizeof(disk));
    add(&path, node, sizeof(node));
    add_text(&path, file);
    add(&path, end, sizeof(end));
    const uint8_t head[6] = {attributes, 0, 0, 0, (uint8_t)path.size, (uint8_t)(path.size >> 8)};
    add(&option, head, sizeof(head));
    add_text(&option, description);
    add(&option, path.data, path.size);
    add(&option, "options that nobody shows", 25);
    return option;
}

START_TEST(says_what_it_is)
{
    struct bytes bytes = make_option(1, "Cloister, next", "\\EFI\\cloister\\next.efi");
    struct boot_option option;

    boot_option_read(bytes.data, bytes.size, &option);
    ck_assert(option.valid && option.active && !option.hidden);
    ck_assert_str_eq(option.description, "Cloister, next");
    ck_assert_str_eq(option.file, "\\EFI\\cloister\\next.efi");
    bytes = make_option(8, "", "");
    boot_option_read(bytes.data, bytes.size, &option);
    ck_assert(option.valid && !option.active && option.hidden);
    ck_assert_str_eq(option.description, "");
}
END_TEST

/* Cut off anywhere, in memory that ends there: nothing is read behind it. */
START_TEST(ends_where_it_ends)
{
    const struct bytes bytes = make_option(1, "an entry", "\\a.efi");

    for (size_t size = 0; size <= bytes.size; size++) {
        uint8_t *exact = malloc(size ? size : 1);
        struct boot_option option;

        memcpy(exact, bytes.data, size);
        boot_option_read(exact, size, &option);
        ck_assert_int_eq(option.valid, size >= bytes.size - 25);
        free(exact);
    }
}
END_TEST

/* Each byte anything: it is read, or not. */
START_TEST(reads_any_bytes)
{
    const struct bytes bytes = make_option(1, "an entry", "\\a.efi");

    for (size_t at = 0; at < bytes.size; at++) {
        for (unsigned int value = 0; value < 256; value++) {
            uint8_t *exact = malloc(bytes.size);
            struct boot_option option;

            memcpy(exact, bytes.data, bytes.size);
            exact[at] = (uint8_t)value;
            boot_option_read(exact, bytes.size, &option);
            ck_assert(strlen(option.description) < BOOT_TEXT && strlen(option.file) < BOOT_TEXT);
            free(exact);
        }
    }
}
END_TEST

/* A name that the firmware's setup let somebody write cannot talk to the terminal. */
START_TEST(shows_letters_only)
{
    static const uint16_t letters[] = {'a',    0x1b,   0x9b,   0x07,   0x7f, 0xe9,
                                       0x20ac, 0x202e, 0xd83d, 0xfeff, 'z',  0};
    struct bytes bytes = {{1, 0, 0, 0, 0, 0}, 6};
    struct boot_option option;

    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
        const uint8_t letter[2] = {(uint8_t)letters[i], (uint8_t)(letters[i] >> 8)};

        add(&bytes, letter, 2);
    }
    boot_option_read(bytes.data, bytes.size, &option);
    ck_assert(option.valid);
    ck_assert_str_eq(option.description, "a????\xc3\xa9\xe2\x82\xac???z");
}
END_TEST

START_TEST(shortens_what_is_long)
{
    struct bytes bytes = {{1, 0, 0, 0, 0, 0}, 6};
    struct boot_option option;

    while (bytes.size < sizeof(bytes.data) - 2) {
        add(&bytes, "\xac\x20", 2);
    }
    add(&bytes, "\0", 2);
    boot_option_read(bytes.data, bytes.size, &option);
    ck_assert(option.valid);
    ck_assert_uint_eq(strlen(option.description) % 3, 0);
    ck_assert_uint_ge(strlen(option.description), BOOT_TEXT - 6);
}
END_TEST

/* --- what operators write ------------------------------------------------------------------------ */

START_TEST(names)
{
    static const struct {
        const char *text;
        uint32_t entry;
    } good[] = {{"0", 0},       {"3", 3},         {"0003", 3},       {"a1", 0xa1},
                {"00A1", 0xa1}, {"FFFF", 0xffff}, {"Boot0010", 0x10}};
    static const char *const wrong[] = {
        "",     "x", "-1",   "+1",        " 1",       "1 ",        "00003",    "0x3", "1.",
        "none", "g", "Boot", "Boot00003", "boot0003", "BootBoot3", "\xc3\xa9", "3,1"};
    uint32_t entry;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_int_eq(boot_entry_read(good[i].text, &entry), 0);
        ck_assert_uint_eq(entry, good[i].entry);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_int_eq(boot_entry_read(wrong[i], &entry), -EINVAL);
}
END_TEST

START_TEST(orders)
{
    static const struct {
        const char *text, *word;
    } wrong[] = {{"", ""},
                 {",", ""},
                 {"1,", ""},
                 {",1", ""},
                 {"1,,2", ""},
                 {"1, 2", " 2"},
                 {"1;2", "1;2"},
                 {"1,x,y", "x"},
                 {"0,1,10000", "10000"},
                 {"1,aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaa"}};
    struct cloister_boot op = {0};
    char word[16], text[5 * (CLOISTER_BOOT_MAX + 1) + 1];

    ck_assert_int_eq(boot_order_read("3,1,Boot00A0", &op, word), 0);
    ck_assert_uint_eq(op.count, 3);
    ck_assert(op.order[0] == 3 && op.order[1] == 1 && op.order[2] == 0xa0);
    ck_assert_int_eq(boot_order_read("7", &op, word), 0);
    ck_assert_uint_eq(op.count, 1);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_int_eq(boot_order_read(wrong[i].text, &op, word), -EINVAL);
        ck_assert_str_eq(word, wrong[i].word);
    }
    text[0] = '\0';
    for (unsigned int i = 0; i < CLOISTER_BOOT_MAX; i++)
        sprintf(text + strlen(text), "%s%x", i ? "," : "", i);
    ck_assert_int_eq(boot_order_read(text, &op, word), 0);
    ck_assert_uint_eq(op.count, CLOISTER_BOOT_MAX);
    strcat(text, ",1");
    ck_assert_int_eq(boot_order_read(text, &op, word), -E2BIG);
}
END_TEST

/* --- what the monitor says ------------------------------------------------------------------------- */

/* Entries 3 and 300 are in the order, 7 is not, 0x1234 is the next; it fails at the n-th call. */
struct boot_monitor {
    struct hypercalls calls;
    unsigned int fails_at, asked;
};

static int boot_call(struct hypercalls *calls, uint32_t op, void *arg)
{
    struct boot_monitor *monitor = (struct boot_monitor *)calls;
    struct cloister_boot *boot = arg;

    ck_assert_uint_eq(op, CLOISTER_OP_BOOT);
    if (++monitor->asked == monitor->fails_at) {
        boot->head.reason = CLOISTER_REASON_BOOT_FAILED;
        boot->head.found = EIO;
        return -EIO;
    }
    if (boot->kind == CLOISTER_BOOT_READ) {
        boot->booted = 3;
        boot->next = 0x1234;
        boot->changes = 5;
        boot->count = 3;
        boot->order[0] = 300;
        boot->order[1] = 3;
        boot->order[2] = 9; /* which is gone */
        return 0;
    }
    ck_assert_uint_eq(boot->kind, CLOISTER_BOOT_ENTRY);
    bool exists =
        boot->entry == 3 || boot->entry == 7 || boot->entry == 300 || boot->entry == 0x1234;
    struct bytes option = make_option(boot->entry != 7, "an entry", "\\a.efi");
    boot->size = !exists ? 0 : boot->entry == 7 ? boot->size + 1 : (uint32_t)option.size;
    if (exists && boot->entry != 7)
        memcpy((void *)(uintptr_t)boot->buffer, option.data, option.size);
    return 0;
}

static json_object *member(json_object *object, const char *key)
{
    json_object *value = NULL;

    ck_assert_msg(json_object_object_get_ex(object, key, &value), "%s", key);
    return value;
}

START_TEST(views)
{
    static const struct {
        int entry, position;
        const char *name;
        bool valid;
    } wanted[] = {{300, 0, "Boot012C", true},
                  {3, 1, "Boot0003", true},
                  {7, -1, "Boot0007", false},
                  {0x1234, -1, "Boot1234", true}};
    struct boot_monitor monitor = {.calls.call = boot_call};
    struct cloister_head head;
    int error;
    json_object *view = boot_view(&monitor.calls, &error, &head);

    ck_assert_ptr_nonnull(view);
    ck_assert_int_eq(json_object_get_int(member(view, "current")), 3);
    ck_assert_int_eq(json_object_get_int(member(view, "next")), 0x1234);
    ck_assert_int_eq(json_object_get_int(member(view, "changes")), 5);
    ck_assert_uint_eq(json_object_array_length(member(view, "order")), 3);
    json_object *entries = member(view, "entries");
    ck_assert_uint_eq(json_object_array_length(entries), 4);
    for (size_t i = 0; i < 4; i++) {
        json_object *entry = json_object_array_get_idx(entries, i);

        ck_assert_int_eq(json_object_get_int(member(entry, "entry")), wanted[i].entry);
        ck_assert_str_eq(json_object_get_string(member(entry, "name")), wanted[i].name);
        ck_assert_int_eq(json_object_get_boolean(member(entry, "valid")), wanted[i].valid);
        if (wanted[i].position < 0)
            ck_assert_ptr_null(member(entry, "position"));
        else
            ck_assert_int_eq(json_object_get_int(member(entry, "position")), wanted[i].position);
    }
    json_object_put(view);
}
END_TEST

START_TEST(fails_as_a_whole)
{
    static const unsigned int fails_at[] = {1, 2, 3, 5, 100, 255};

    for (size_t i = 0; i < sizeof(fails_at) / sizeof(fails_at[0]); i++) {
        struct boot_monitor monitor = {.calls.call = boot_call, .fails_at = fails_at[i]};
        struct cloister_head head;
        int error;

        ck_assert_ptr_null(boot_view(&monitor.calls, &error, &head));
        ck_assert_int_eq(error, -EIO);
        ck_assert_uint_eq(head.reason, CLOISTER_REASON_BOOT_FAILED);
    }
}
END_TEST

/* What is wrong, by its name, and what to do. */
START_TEST(describes)
{
    static const struct {
        struct cloister_head head;
        int error;
        const char *says[2];
    } cases[] = {
        {{.reason = CLOISTER_REASON_BOOT_ENTRY, .found = 0x1f},
         -ENOENT,
         {"entry 001F", "'cloisterctl boot'"}},
        {{.reason = CLOISTER_REASON_BOOT_TWICE, .found = 3}, -EEXIST, {"entry 0003", "once"}},
        {{.reason = CLOISTER_REASON_BOOT_FIRMWARE}, -EOPNOTSUPP, {"BIOS", "setup"}},
        {{.reason = CLOISTER_REASON_BOOT_OPEN, .found = 1, .allowed = 2},
         -EPERM,
         {"cloister-lockdown=", "'cloisterctl lockdown'"}},
        {{.reason = CLOISTER_REASON_BOOT_FAILED, .found = ENOMEM},
         -EIO,
         {"ENOMEM", "nothing was changed"}},
        {{.reason = CLOISTER_REASON_NOT_PRIVILEGED, .found = 19},
         -EPERM,
         {"control domain", "EPERM"}},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[400];

        boot_describe(cases[i].error, &cases[i].head, text, sizeof(text));
        ck_assert_ptr_nonnull(strstr(text, cases[i].says[0]));
        ck_assert_ptr_nonnull(strstr(text, cases[i].says[1]));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bootentries");
    TCase *tests = tcase_create("bootentries");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, says_what_it_is);
    tcase_add_test(tests, ends_where_it_ends);
    tcase_add_test(tests, reads_any_bytes);
    tcase_add_test(tests, shows_letters_only);
    tcase_add_test(tests, shortens_what_is_long);
    tcase_add_test(tests, names);
    tcase_add_test(tests, orders);
    tcase_add_test(tests, views);
    tcase_add_test(tests, fails_as_a_whole);
    tcase_add_test(tests, describes);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
