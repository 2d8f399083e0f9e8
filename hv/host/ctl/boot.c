/* SPDX-License-Identifier: MIT */
/* boot: the firmware's boot entries, their order, and the next boot's. It needs no daemon. */
#include "base/errname.h"
#include "monitor/bootentries.h"

#include <errno.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/table.h"

static void print_entry_of(const char *title, json_object *view, const char *key, const char *none)
{
    json_object *entry = ctl_member(view, key);

    if (entry)
        printf("%-10s %04X\n", title, (unsigned int)json_object_get_int64(entry));
    else
        printf("%-10s %s\n", title, none);
}

static void print_view(json_object *view)
{
    static const char *const titles[] = {"ENTRY", ">ORDER", "ACTIVE", "DESCRIPTION", "FILE"};
    json_object *entries = ctl_member(view, "entries");
    struct table table;

    print_entry_of("current", view, "current", "none: this boot is by no entry");
    print_entry_of("next", view, "next", "by the order");
    printf("%-10s %s since boot\n\n", "changes", ctl_decimal(ctl_number(view, "changes")));
    table_initialise(&table, 5, titles);
    for (size_t i = 0; i < json_object_array_length(entries); i++) {
        json_object *entry = json_object_array_get_idx(entries, i);
        json_object *position = ctl_member(entry, "position");

        table_add(&table, ctl_text(entry, "name") + strlen("Boot"),
                  position ? ctl_decimal(json_object_get_uint64(position) + 1) : "-",
                  ctl_flag(entry, "active") ? "yes" : "no",
                  ctl_flag(entry, "valid") ? ctl_text(entry, "description") : "(no load option)",
                  ctl_text(entry, "file"));
    }
    table_print(&table, stdout);
    table_free(&table);
}

static int fail(const struct ctl_options *options, int rc, const struct cloister_head *head)
{
    char why[400];

    boot_describe(rc, head, why, sizeof(why));
    return ctl_fail(options, CTL_PROBLEM, errname(rc), "%s", why);
}

static int show(const struct ctl_options *options, struct hypercalls *monitor)
{
    struct cloister_head head = {0};
    int rc;
    json_object *view = boot_view(monitor, &rc, &head);

    if (!view)
        return fail(options, rc, &head);
    if (options->json)
        ctl_print_json(view);
    else
        print_view(view);
    json_object_put(view);
    return CTL_OK;
}

static int change(const struct ctl_options *options, struct hypercalls *monitor,
                  struct cloister_boot *op)
{
    int rc = hypercall_boot(monitor, op);

    if (rc)
        return fail(options, rc, &op->head);
    if (options->json) {
        json_object *answer = json_object_new_object();

        json_object_object_add(answer, "ok", json_object_new_boolean(true));
        json_object_object_add(answer, "changes", json_object_new_uint64(op->changes));
        ctl_print_json(answer);
        json_object_put(answer);
    } else if (op->kind == CLOISTER_BOOT_ORDER) {
        printf("the boot order begins with %04X\n", op->order[0]);
    } else if (op->entry == CLOISTER_BOOT_NONE) {
        puts("the next boot is by the order");
    } else {
        printf("the next boot, and no other, is by %04X\n", op->entry);
    }
    return CTL_OK;
}

/* What the operator asks for; CTL_OK, or what was said about it. */
static int read_request(const struct ctl_options *options, struct cloister_boot *op)
{
    const char *what = options->arguments[0], *value = options->arguments[1];
    char wrong[16];
    int rc;

    if (!strcmp(what, "order")) {
        op->kind = CLOISTER_BOOT_ORDER;
        rc = boot_order_read(value, op, wrong);
        if (rc == -E2BIG)
            return ctl_fail(options, CTL_USAGE, "E2BIG", "boot order: more than %u entries",
                            CLOISTER_BOOT_MAX);
    } else if (!strcmp(what, "next")) {
        op->kind = CLOISTER_BOOT_NEXT;
        op->entry = CLOISTER_BOOT_NONE;
        snprintf(wrong, sizeof(wrong), "%s", value);
        rc = strcmp(value, "none") ? boot_entry_read(value, &op->entry) : 0;
    } else {
        return ctl_fail(options, CTL_USAGE, "EINVAL", "boot: '%s' is neither 'order' nor 'next'",
                        what);
    }
    if (rc)
        return ctl_fail(options, CTL_USAGE, "EINVAL",
                        "boot %s: '%s' is no entry: write the up to four hexadecimal digits that "
                        "'cloisterctl boot' "
                        "shows%s",
                        what, wrong,
                        op->kind == CLOISTER_BOOT_NEXT ? ", or 'none'" : ", with commas between");
    return CTL_OK;
}

int command_boot(const struct ctl_options *options)
{
    struct cloister_boot op = {.kind = CLOISTER_BOOT_READ};
    struct hypercalls *monitor;
    char why[400];

    if (options->count == 1)
        return ctl_fail(options, CTL_USAGE, "EINVAL",
                        "boot %s: which? 'cloisterctl boot --help' shows how",
                        options->arguments[0]);
    if (options->count == 2) {
        int status = read_request(options, &op);

        if (status)
            return status;
    }
    int rc = hypercall_open(&monitor, why, sizeof(why));
    if (rc)
        return ctl_fail(options, CTL_PROBLEM, errname(rc), "%s", why);
    int status = options->count ? change(options, monitor, &op) : show(options, monitor);
    hypercall_close(monitor);
    return status;
}
