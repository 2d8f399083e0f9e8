/* SPDX-License-Identifier: MIT */
/* What cloisterctl lockdown makes of the monitor's table. */
#include "monitor/lockdown.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../../suite.h"

#define ROWS 150u

/* A monitor with a table of many rows; it fails when row `fails_at` is asked for. */
struct table_monitor {
    struct hypercalls calls;
    uint32_t flags, open;
    uint32_t fails_at;
    unsigned int asked;
};

static void table_row(uint32_t index, struct cloister_lockdown_row *row)
{
    bool is_rule = index < CLOISTER_RULE_LIMIT;

    *row = (struct cloister_lockdown_row){
        .kind = is_rule ? CLOISTER_KIND_RULE : CLOISTER_KIND_PORT,
        .access = is_rule ? 0 : index % (CLOISTER_ACCESS_READ + CLOISTER_ACCESS_WRITE + 1),
        .first = is_rule ? index : 16 * index,
        .last = is_rule ? index : 16 * index + 7,
        .refused = is_rule ? 100 + index : 0,
    };
}

static int table_call(struct hypercalls *calls, uint32_t op, void *arg)
{
    struct table_monitor *monitor = (struct table_monitor *)calls;
    struct cloister_lockdown *list = arg;
    struct cloister_lockdown_row *rows;

    if (op == CLOISTER_OP_INFO) {
        ((struct cloister_info *)arg)->flags = monitor->flags;
        return 0;
    }
    ck_assert_uint_eq(op, CLOISTER_OP_LOCKDOWN);
    monitor->asked++;
    if (list->start >= monitor->fails_at) {
        list->head.reason = CLOISTER_REASON_BATCH;
        return -EINVAL;
    }
    rows = (struct cloister_lockdown_row *)(uintptr_t)list->buffer;
    list->open = monitor->open;
    list->refused = 4242;
    memset(list->hash, 0xab, sizeof(list->hash));
    list->count = 0;
    for (uint32_t i = list->start; list->count < list->capacity && i < ROWS; i++)
        table_row(i, &rows[list->count++]);
    return 0;
}

static json_object *view_of(struct table_monitor *monitor, int *error, struct cloister_head *head)
{
    monitor->calls.call = table_call;
    return lockdown_view(&monitor->calls, error, head);
}

static json_object *member(json_object *object, const char *key)
{
    json_object *value = NULL;

    ck_assert_msg(json_object_object_get_ex(object, key, &value), "%s", key);
    return value;
}

static const char *text(json_object *object, const char *key)
{
    return json_object_get_string(member(object, key));
}

START_TEST(closed)
{
    struct table_monitor monitor = {.flags = CLOISTER_INFO_LOCKDOWN, .fails_at = UINT32_MAX};
    struct cloister_head head;
    int error;
    json_object *view = view_of(&monitor, &error, &head);

    ck_assert_ptr_nonnull(view);
    ck_assert(json_object_get_boolean(member(view, "closed")));
    ck_assert(!json_object_get_boolean(member(view, "watch")));
    ck_assert_uint_eq(json_object_array_length(member(view, "open")), 0);
    ck_assert_uint_eq(json_object_get_uint64(member(view, "refused")), 4242);
    ck_assert_uint_eq(strlen(text(view, "hash")), 64);
    ck_assert_uint_eq(json_object_array_length(member(view, "rules")), CLOISTER_RULE_LIMIT);
    ck_assert_uint_eq(json_object_array_length(member(view, "rows")), ROWS - CLOISTER_RULE_LIMIT);
    ck_assert_uint_eq(monitor.asked, 3);

    json_object *rule = json_object_array_get_idx(member(view, "rules"), CLOISTER_RULE_PORT_SLEEP);
    ck_assert_str_eq(text(rule, "rule"), "port-sleep");
    ck_assert_str_eq(text(rule, "option"), "sleep");
    ck_assert_uint_eq(json_object_get_uint64(member(rule, "refused")),
                      100 + CLOISTER_RULE_PORT_SLEEP);
    json_object *row = json_object_array_get_idx(member(view, "rows"), 0);
    ck_assert_str_eq(text(row, "kind"), "port");
    ck_assert_uint_eq(json_object_get_uint64(member(row, "first")), 16 * CLOISTER_RULE_LIMIT);
    ck_assert_uint_eq(json_object_get_uint64(member(row, "last")), 16 * CLOISTER_RULE_LIMIT + 7);
    for (unsigned int i = 0; i < 4; i++) {
        static const char *const accesses[] = {"none", "read", "write", "read-write"};

        row = json_object_array_get_idx(member(view, "rows"), i);
        ck_assert_str_eq(text(row, "access"), accesses[(CLOISTER_RULE_LIMIT + i) % 4]);
    }
    json_object_put(view);
}
END_TEST

START_TEST(opened)
{
    struct table_monitor monitor = {.flags = CLOISTER_INFO_DEBUG | CLOISTER_INFO_SLEEP,
                                    .open = CLOISTER_INFO_DEBUG | CLOISTER_INFO_SLEEP,
                                    .fails_at = UINT32_MAX};
    struct cloister_head head;
    int error;
    json_object *view = view_of(&monitor, &error, &head);

    ck_assert_ptr_nonnull(view);
    ck_assert(!json_object_get_boolean(member(view, "closed")));
    ck_assert_str_eq(json_object_to_json_string_ext(member(view, "open"), JSON_C_TO_STRING_PLAIN),
                     "[\"sleep\",\"debug\"]");
    json_object_put(view);
}
END_TEST

START_TEST(refused)
{
    static const uint32_t fails_at[] = {0, 1, 64, 128};

    for (size_t i = 0; i < sizeof(fails_at) / sizeof(fails_at[0]); i++) {
        struct table_monitor monitor = {.fails_at = fails_at[i]};
        struct cloister_head head;
        int error;
        json_object *view = view_of(&monitor, &error, &head);

        ck_assert_ptr_null(view);
        ck_assert_int_eq(error, -EINVAL);
        ck_assert_uint_eq(head.reason, CLOISTER_REASON_BATCH);
    }
}
END_TEST

START_TEST(names)
{
    for (uint32_t rule = 0; rule < CLOISTER_RULE_LIMIT; rule++) {
        ck_assert(lockdown_rule_name(rule) && lockdown_rule_name(rule)[0]);
        ck_assert(lockdown_rule_refuses(rule) && lockdown_rule_instead(rule)[0]);
    }
    ck_assert_ptr_null(lockdown_rule_name(CLOISTER_RULE_LIMIT));
    ck_assert_ptr_null(lockdown_rule_refuses(UINT32_MAX));
    ck_assert_ptr_null(lockdown_rule_instead(UINT32_MAX));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lockdown");
    TCase *tests = tcase_create("view");

    tcase_add_test(tests, closed);
    tcase_add_test(tests, opened);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, names);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
