/* SPDX-License-Identifier: MIT */
/* audit and verify-log: they need no daemon, and do not ask it. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/errname.h"
#include "settings/config.h"
#include "ctl/ctl.h"
#include "base/digest.h"
#include "monitor/hypercall.h"
#include "log/verify.h"

static void add(json_object *object, const char *key, uint64_t value)
{
    json_object_object_add(object, key, json_object_new_uint64(value));
}

static const struct {
    const char *key, *name;
    bool machine; /* not of enclaves' memory */
    size_t offset;
} counts[] = {
#define ENCLAVES(member, text) {#member, text, false, offsetof(struct cloister_audit, member)},
#define MACHINE(member, text) {#member, text, true, offsetof(struct cloister_audit, member)},
    CLOISTER_AUDIT_ENCLAVES(ENCLAVES) CLOISTER_AUDIT_MACHINE(MACHINE)
#undef ENCLAVES
#undef MACHINE
};
#define COUNTS (sizeof(counts) / sizeof(counts[0]))

static uint64_t count_of(const struct cloister_audit *op, size_t i)
{
    uint64_t count;

    memcpy(&count, (const char *)op + counts[i].offset, sizeof(count));
    return count;
}

static uint64_t sum_of(const struct cloister_audit *op, bool machine)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < COUNTS; i++) {
        if (counts[i].machine == machine)
            sum += count_of(op, i);
    }
    return sum;
}

static void print_audit(const struct cloister_audit *op)
{
    printf("looked at      %s table entries, %s protected frames\n", ctl_decimal(op->entries),
           ctl_decimal(op->frames));
    for (size_t i = 0; i < COUNTS; i++) {
        uint64_t count = count_of(op, i);

        printf("%-28s %s\n", counts[i].name, count ? ctl_decimal(count) : "none");
    }
    if (sum_of(op, false))
        puts("VIOLATIONS: memory of enclaves can be reached from outside");
    if (sum_of(op, true))
        puts("VIOLATIONS: of the machine a domain has what the table does not give (cloisterctl "
             "lockdown rows)");
    if (!sum_of(op, false) && !sum_of(op, true))
        puts("no violation");
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
        return ctl_fail(options, CTL_PROBLEM, errname(rc), "%s", why);
    uint64_t violations = sum_of(&op, false) + sum_of(&op, true);
    if (options->json) {
        json_object *answer = json_object_new_object();

        json_object_object_add(answer, "ok", json_object_new_boolean(violations == 0));
        add(answer, "violations", violations);
        add(answer, "entries", op.entries);
        add(answer, "frames", op.frames);
        for (size_t i = 0; i < COUNTS; i++)
            add(answer, counts[i].key, count_of(&op, i));
        ctl_print_json(answer);
        json_object_put(answer);
    } else {
        print_audit(&op);
    }
    return violations ? CTL_PROBLEM : CTL_OK;
}

/* What is wrong although each line is good, or NULL: with the records' number, or with the monitor that must be this one. */
static const char *contradiction(const struct ctl_options *options,
                                 const struct verify_result *result)
{
    const struct cloister_tracelog_summary *monitor = &result->monitor;
    uint8_t wanted[DIGEST_SIZE];

    if (monitor->missing > result->lost)
        return "more records are missing than lines of kind lost tell of: somebody took them out";
    if (!options->monitor)
        return NULL;
    if (!monitor->has_monitor)
        return "no anchor in the log is of its last boot";
    if (!hex_decode(options->monitor, wanted, sizeof(wanted)) ||
        memcmp(wanted, monitor->monitor, sizeof(wanted)))
        return "the anchors of the last boot are of another monitor than --monitor names";
    return NULL;
}

static bool is_good(const struct ctl_options *options, const struct verify_result *result)
{
    return !result->broken && (!options->anchor || result->anchored) &&
           !contradiction(options, result);
}

static void add_text(json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, json_object_new_string(text));
}

static void add_anchors(json_object *answer, const struct cloister_tracelog_summary *monitor)
{
    char text[DIGEST_HEX + 1];

    add(answer, "anchors", monitor->anchors);
    add(answer, "records_anchored", monitor->anchored);
    add(answer, "records_waiting", monitor->waiting);
    add(answer, "records_missing", monitor->missing);
    snprintf(text, sizeof(text), "%016llx", (unsigned long long)monitor->boot_id);
    add_text(answer, "boot", text);
    hex_encode(monitor->monitor, sizeof(monitor->monitor), text);
    json_object_object_add(answer, "monitor",
                           monitor->has_monitor ? json_object_new_string(text) : NULL);
}

static void print_json(const struct ctl_options *options, const struct verify_result *result)
{
    json_object *answer = json_object_new_object();

    json_object_object_add(answer, "ok", json_object_new_boolean(is_good(options, result)));
    add(answer, "files", result->files);
    add(answer, "lines", result->lines);
    add(answer, "first", result->first);
    add(answer, "records", result->traces);
    add(answer, "lost", result->lost);
    add_text(answer, "head", result->head);
    add_anchors(answer, &result->monitor);
    if (result->broken) {
        add_text(answer, "file", result->file);
        add(answer, "line", result->line);
        add_text(answer, "message", result->wrong);
        json_object_object_add(answer, "torn", json_object_new_boolean(result->torn));
    } else if (contradiction(options, result)) {
        add_text(answer, "message", contradiction(options, result));
    }
    if (options->anchor)
        json_object_object_add(answer, "anchored", json_object_new_boolean(result->anchored));
    ctl_print_json(answer);
    json_object_put(answer);
}

static void print_anchors(const struct cloister_tracelog_summary *monitor)
{
    char digest[DIGEST_HEX + 1];
    uint64_t apart = monitor->records - monitor->anchored - monitor->waiting;

    printf("%s anchors vouch for %s of %s records; %s wait for the next anchor\n",
           ctl_decimal(monitor->anchors), ctl_decimal(monitor->anchored),
           ctl_decimal(monitor->records), ctl_decimal(monitor->waiting));
    if (monitor->missing)
        printf("%s records are missing: lost before they were read, or taken out\n",
               ctl_decimal(monitor->missing));
    if (apart)
        printf("nothing vouches for %s records: others are missing between them and an anchor\n",
               ctl_decimal(apart));
    if (!monitor->has_monitor)
        return;
    hex_encode(monitor->monitor, sizeof(monitor->monitor), digest);
    printf("monitor record of the last boot, %016llx: %s\n", (unsigned long long)monitor->boot_id,
           digest);
}

static void print_verdict(const struct ctl_options *options, const struct verify_result *result,
                          const char *directory)
{
    if (result->broken)
        printf("BROKEN at %s/%s line %s: %s\n", directory, result->file, ctl_decimal(result->line),
               result->wrong);
    else if (contradiction(options, result))
        printf("BROKEN: %s\n", contradiction(options, result));
    if (options->anchor && !result->anchored)
        printf("the line with the hash %.16s... is not in this log\n", options->anchor);
    printf("%s lines in %s files are %s; %s trace records, %s lost\n", ctl_decimal(result->lines),
           ctl_decimal(result->files), result->broken ? "good before that" : "good",
           ctl_decimal(result->traces), ctl_decimal(result->lost));
    if (result->first)
        printf("the log starts at line index %s: older files were removed\n",
               ctl_decimal(result->first));
    print_anchors(&result->monitor);
    printf("head %s\n", result->head);
}

int command_verify_log(const struct ctl_options *options)
{
    struct verify_result result;
    struct config config;
    uint8_t digest[DIGEST_SIZE];
    char why[400];
    int rc = 0;

    if (options->monitor && !hex_decode(options->monitor, digest, sizeof(digest)))
        return ctl_fail(options, CTL_USAGE, "EINVAL",
                        "--monitor: 64 hexadecimal digits, not '%.70s'", options->monitor);
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
        return ctl_fail(options, CTL_PROBLEM, errname(rc), "%s/%s cannot be read: %s", directory,
                        result.file, strerror(-rc));
    if (options->json)
        print_json(options, &result);
    else
        print_verdict(options, &result, directory);
    return is_good(options, &result) ? CTL_OK : CTL_PROBLEM;
}
