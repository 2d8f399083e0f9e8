/* SPDX-License-Identifier: MIT */
#include "monitor/lockdown.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"

#define ROWS_AT_ONCE 64u

static const struct {
    const char *name, *refuses, *instead;
    uint32_t room;
} rules[] = {
#define RULE(number, rule, in, text, refuses, instead) {text, refuses, instead, CLOISTER_INFO_##in},
    CLOISTER_LOCKDOWN_RULES(RULE)
#undef RULE
};

static const struct {
    uint32_t flag;
    const char *option;
} rooms[] = {
#define ROOM(room, option) {CLOISTER_INFO_##room, option},
    CLOISTER_LOCKDOWN_ROOMS(ROOM)
#undef ROOM
};

static const char *const kinds[] = {
#define KIND(number, kind, text) [number] = text,
    CLOISTER_LOCKDOWN_KINDS(KIND)
#undef KIND
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *lockdown_rule_name(uint32_t rule)
{
    return rule < COUNT(rules) ? rules[rule].name : NULL;
}

const char *lockdown_rule_refuses(uint32_t rule)
{
    return rule < COUNT(rules) ? rules[rule].refuses : NULL;
}

const char *lockdown_rule_instead(uint32_t rule)
{
    return rule < COUNT(rules) ? rules[rule].instead : NULL;
}

static void add_text(json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, json_object_new_string(text ? text : "unknown"));
}

static void add_number(json_object *object, const char *key, uint64_t value)
{
    json_object_object_add(object, key, json_object_new_uint64(value));
}

static void add_flag(json_object *object, const char *key, bool value)
{
    json_object_object_add(object, key, json_object_new_boolean(value));
}

static const char *room_option(uint32_t flag)
{
    for (size_t i = 0; i < COUNT(rooms); i++) {
        if (rooms[i].flag == flag)
            return rooms[i].option;
    }
    return NULL;
}

static json_object *rule_view(const struct cloister_lockdown_row *row)
{
    json_object *object = json_object_new_object();
    uint32_t rule = (uint32_t)row->first;

    add_number(object, "number", rule);
    add_text(object, "rule", lockdown_rule_name(rule));
    add_text(object, "refuses", lockdown_rule_refuses(rule));
    add_text(object, "instead", lockdown_rule_instead(rule));
    add_text(object, "option", rule < COUNT(rules) ? room_option(rules[rule].room) : NULL);
    add_flag(object, "open", row->access & CLOISTER_ACCESS_OPEN);
    add_number(object, "refused", row->refused);
    return object;
}

static const char *const accesses[] = {
    [0] = "none",
    [CLOISTER_ACCESS_READ] = "read",
    [CLOISTER_ACCESS_WRITE] = "write",
    [CLOISTER_ACCESS_READ | CLOISTER_ACCESS_WRITE] = "read-write",
};

static json_object *row_view(const struct cloister_lockdown_row *row)
{
    json_object *object = json_object_new_object();
    uint32_t access = row->access & (CLOISTER_ACCESS_READ | CLOISTER_ACCESS_WRITE);

    add_text(object, "kind", row->kind < COUNT(kinds) ? kinds[row->kind] : NULL);
    add_text(object, "access", accesses[access]);
    add_number(object, "first", row->first);
    add_number(object, "last", row->last);
    add_flag(object, "machine", row->access & CLOISTER_ACCESS_MACHINE);
    return object;
}

static json_object *open_rooms(uint32_t open)
{
    json_object *array = json_object_new_array();

    for (size_t i = 0; i < COUNT(rooms); i++) {
        if (open & rooms[i].flag)
            json_object_array_add(array, json_object_new_string(rooms[i].option));
    }
    return array;
}

json_object *lockdown_view(struct hypercalls *monitor, int *error, struct cloister_head *head)
{
    struct cloister_lockdown_row rows[ROWS_AT_ONCE];
    struct cloister_lockdown op = {.capacity = ROWS_AT_ONCE, .buffer = (uintptr_t)rows};
    struct cloister_info info = {0};
    json_object *all_rules = json_object_new_array(), *all_rows = json_object_new_array();
    char hash[2 * sizeof(op.hash) + 1];

    *error = hypercall_info(monitor, &info);
    *head = info.head;
    while (!*error) {
        *error = hypercall_lockdown(monitor, &op);
        *head = op.head;
        for (uint32_t i = 0; !*error && i < op.count; i++) {
            bool is_rule = rows[i].kind == CLOISTER_KIND_RULE;

            json_object_array_add(is_rule ? all_rules : all_rows,
                                  is_rule ? rule_view(&rows[i]) : row_view(&rows[i]));
        }
        if (op.count < op.capacity)
            break;
        op.start += op.count;
    }
    if (*error) {
        json_object_put(all_rules);
        json_object_put(all_rows);
        return NULL;
    }
    json_object *view = json_object_new_object();
    hex_encode(op.hash, sizeof(op.hash), hash);
    add_flag(view, "ok", true);
    add_flag(view, "closed", info.flags & CLOISTER_INFO_LOCKDOWN);
    add_flag(view, "watch", info.flags & CLOISTER_INFO_LOCKDOWN_WATCH);
    json_object_object_add(view, "open", open_rooms(op.open));
    add_text(view, "hash", hash);
    add_number(view, "refused", op.refused);
    json_object_object_add(view, "rules", all_rules);
    json_object_object_add(view, "rows", all_rows);
    return view;
}
