/* SPDX-License-Identifier: MIT */
/* lockdown: what dom0 may of the machine. It needs no daemon. */
#include "base/errname.h"
#include "monitor/lockdown.h"

#include <string.h>

#include "ctl/ctl.h"
#include "ctl/table.h"

static void print_state(json_object *view)
{
    json_object *open = ctl_member(view, "open");

    if (ctl_flag(view, "watch")) {
        puts("state          WATCHING: nothing is refused; what would be is counted and recorded");
    } else if (ctl_flag(view, "closed")) {
        puts("state          closed");
    } else {
        printf("state          OPEN:");
        for (size_t i = 0; i < json_object_array_length(open); i++)
            printf(" %s", json_object_get_string(json_object_array_get_idx(open, i)));
        puts(" (cloister-lockdown= on Xen's command line)");
    }
    printf("table          %s\n", ctl_text(view, "hash"));
    printf("refused        %s\n\n", ctl_decimal(ctl_number(view, "refused")));
}

static void print_rules(json_object *rules)
{
    static const char *const titles[] = {"RULE", ">REFUSED", "WHAT", "INSTEAD"};
    struct table table;

    table_initialise(&table, 4, titles);
    for (size_t i = 0; i < json_object_array_length(rules); i++) {
        json_object *rule = json_object_array_get_idx(rules, i);

        table_add(&table, ctl_text(rule, "rule"),
                  ctl_flag(rule, "open") ? "open" : ctl_decimal(ctl_number(rule, "refused")),
                  ctl_text(rule, "refuses"), ctl_text(rule, "instead"));
    }
    table_print(&table, stdout);
    table_free(&table);
}

static void print_rows(json_object *rows)
{
    static const char *const titles[] = {"KIND", "ACCESS", ">FIRST", ">LAST", "WHERE"};
    struct table table;
    char first[24], last[24];

    table_initialise(&table, 5, titles);
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        json_object *row = json_object_array_get_idx(rows, i);

        snprintf(first, sizeof(first), "%#llx", (unsigned long long)ctl_number(row, "first"));
        snprintf(last, sizeof(last), "%#llx", (unsigned long long)ctl_number(row, "last"));
        table_add(&table, ctl_text(row, "kind"), ctl_text(row, "access"), first, last,
                  ctl_flag(row, "machine") ? "here" : "everywhere");
    }
    putchar('\n');
    table_print(&table, stdout);
    table_free(&table);
}

int command_lockdown(const struct ctl_options *options)
{
    struct cloister_head head = {0};
    struct hypercalls *monitor;
    json_object *view = NULL;
    char why[400];

    if (options->count > 0 && strcmp(options->arguments[0], "rows") != 0)
        return ctl_fail(options, CTL_USAGE, "EINVAL", "lockdown: '%s' is not 'rows'",
                        options->arguments[0]);
    int rc = hypercall_open(&monitor, why, sizeof(why));
    if (!rc) {
        view = lockdown_view(monitor, &rc, &head);
        hypercall_describe(rc, &head, why, sizeof(why));
        hypercall_close(monitor);
    }
    if (!view)
        return ctl_fail(options, CTL_PROBLEM, errname(rc), "%s", why);
    bool closed = ctl_flag(view, "closed");
    if (options->json) {
        ctl_print_json(view);
    } else {
        print_state(view);
        print_rules(ctl_member(view, "rules"));
        if (options->count > 0)
            print_rows(ctl_member(view, "rows"));
    }
    json_object_put(view);
    return closed ? CTL_OK : CTL_PROBLEM;
}
