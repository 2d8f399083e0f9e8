/* SPDX-License-Identifier: MIT */
/* audit and verify-log: they need no daemon, and do not ask it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "ctl.h"
#include "hypercall.h"
#include "record.h"
#include "verify.h"

static void add(json_object *object, const char *key, uint64_t value)
{
    json_object_object_add(object, key, json_object_new_uint64(value));
}

static void print_audit(const struct cloister_audit *op, uint64_t violations)
{
    static const char *const names[] = {"second-stage tables", "page tables of PV domains",
                                        "active grants", "IOMMU tables", "views of enclaves",
                                        "frames with an owner"};
    const uint64_t counts[] = {op->second_stage, op->pv_tables, op->grants,
                               op->iommu, op->views, op->anonymity};

    printf("looked at      %s table entries, %s protected frames\n", ctl_decimal(op->entries),
           ctl_decimal(op->frames));
    for (size_t i = 0; i < 6; i++)
        printf("%-28s %s\n", names[i], counts[i] ? ctl_decimal(counts[i]) : "none");
    puts(violations ? "VIOLATIONS: memory of enclaves can be reached from outside"
                    : "no violation");
}

int command_audit(const struct ctl_options *options)
{
    struct cloister_audit op = {0};
    struct hypercalls *monitor;
    char why[400];
    int rc = hypercall_open(&monitor, why, sizeof(why));

    if (!rc) {
        rc = hypercall_audit(monitor, &op);
        hypercall_describe(rc, &op.head, why, sizeof(why));
        hypercall_close(monitor);
    }
    if (rc)
        return ctl_fail(options, CTL_PROBLEM, record_error_name(rc), "%s", why);
    uint64_t violations = op.second_stage + op.pv_tables + op.grants + op.iommu + op.views +
                          op.anonymity;
    if (options->json) {
        json_object *answer = json_object_new_object();

        json_object_object_add(answer, "ok", json_object_new_boolean(violations == 0));
        add(answer, "violations", violations);
        add(answer, "entries", op.entries);
        add(answer, "frames", op.frames);
        add(answer, "second_stage", op.second_stage);
        add(answer, "pv_tables", op.pv_tables);
        add(answer, "grants", op.grants);
        add(answer, "iommu", op.iommu);
        add(answer, "views", op.views);
        add(answer, "anonymity", op.anonymity);
        ctl_print_json(answer);
        json_object_put(answer);
    } else {
        print_audit(&op, violations);
    }
    return violations ? CTL_PROBLEM : CTL_OK;
}

static void print_verdict(const struct verify_result *result, const char *directory, bool json,
                          const char *anchor)
{
    bool ok = !result->broken && (!anchor || result->anchored);

    if (json) {
        json_object *answer = json_object_new_object();

        json_object_object_add(answer, "ok", json_object_new_boolean(ok));
        add(answer, "files", result->files);
        add(answer, "lines", result->lines);
        add(answer, "first", result->first);
        add(answer, "records", result->traces);
        add(answer, "lost", result->lost);
        json_object_object_add(answer, "head", json_object_new_string(result->head));
        if (result->broken) {
            json_object_object_add(answer, "file", json_object_new_string(result->file));
            add(answer, "line", result->line);
            json_object_object_add(answer, "message", json_object_new_string(result->wrong));
            json_object_object_add(answer, "torn", json_object_new_boolean(result->torn));
        }
        if (anchor)
            json_object_object_add(answer, "anchored", json_object_new_boolean(result->anchored));
        ctl_print_json(answer);
        json_object_put(answer);
        return;
    }
    if (result->broken)
        printf("BROKEN at %s/%s line %s: %s\n", directory, result->file, ctl_decimal(result->line),
               result->wrong);
    if (anchor && !result->anchored)
        printf("the line with the hash %.16s... is not in this log\n", anchor);
    printf("%s lines in %s files are %s; %s trace records, %s lost\n", ctl_decimal(result->lines),
           ctl_decimal(result->files), result->broken ? "good before that" : "good",
           ctl_decimal(result->traces), ctl_decimal(result->lost));
    if (result->first)
        printf("the log starts at line index %s: older files were removed\n",
               ctl_decimal(result->first));
    printf("head %s\n", result->head);
}

int command_verify_log(const struct ctl_options *options)
{
    struct verify_result result;
    struct config config;
    char why[400];
    int rc = 0;

    config_initialise(&config);
    if (config_load(&config, CONFIG_FILE, why, sizeof(why)) == -EINVAL && !options->count)
        return ctl_fail(options, CTL_PROBLEM, "EINVAL", "%s", why);
    const char *directory = options->count ? options->arguments[0] : config.log_directory;
    /* The daemon may be in the middle of a line: look again before saying that one has no end. */
    for (int attempt = 0; attempt < 5; attempt++) {
        rc = verify_log(directory, options->anchor, &result);
        if (rc || !result.torn)
            break;
        usleep(100000);
    }
    if (rc)
        return ctl_fail(options, CTL_PROBLEM, record_error_name(rc), "%s/%s cannot be read: %s",
                        directory, result.file, strerror(-rc));
    print_verdict(&result, directory, options->json, options->anchor);
    return result.broken || (options->anchor && !result.anchored) ? CTL_PROBLEM : CTL_OK;
}
