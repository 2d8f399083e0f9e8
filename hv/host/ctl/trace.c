/* SPDX-License-Identifier: MIT */
/* trace: the log's lines, from the daemon, or from the files where it does not run. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "ctl/client.h"
#include "settings/config.h"
#include "ctl/ctl.h"
#include "log/logstate.h"
#include "log/stream.h"

#define DEFAULT_LINES 20

static void print_who(json_object *line, const char *key)
{
    char member[32];

    if (!ctl_member(line, key))
        return;
    snprintf(member, sizeof(member), "%s_name", key);
    const char *name = ctl_name(line, member);
    printf("%s%s", name[0] ? name : "domain ", name[0] ? "" : ctl_text(line, key));
    if (name[0])
        printf("(%s)", ctl_text(line, key));
}

/* The rule, and what it compared where it compared something. */
static void print_refusal(json_object *line)
{
    printf(": %s (%s", ctl_text(line, "reason"), ctl_text(line, "error_name"));
    if (strcmp(ctl_text(line, "address"), "0x0"))
        printf(", address %s", ctl_text(line, "address"));
    if (ctl_number(line, "found") || ctl_number(line, "allowed"))
        printf(", found %s, allowed %s", ctl_text(line, "found"), ctl_text(line, "allowed"));
    putchar(')');
}

static void print_trace_record(json_object *line)
{
    const char *operation = ctl_text(line, "operation_name");
    bool refused = strcmp(ctl_text(line, "decision"), "allowed") != 0;

    printf("%s %s ", refused ? "REFUSED" : "done   ", ctl_text(line, "event"));
    if (operation[0])
        printf("%s ", operation);
    print_who(line, "domain");
    if (ctl_member(line, "vcpu"))
        printf(" vcpu %s", ctl_text(line, "vcpu"));
    if (ctl_member(line, "cpl"))
        printf(" cpl %s", ctl_text(line, "cpl"));
    if (ctl_member(line, "target") && ctl_number(line, "target") != ctl_number(line, "domain")) {
        fputs(" -> ", stdout);
        print_who(line, "target");
    }
    if (ctl_member(line, "enclave"))
        printf(" enclave %s", ctl_text(line, "enclave"));
    if (ctl_member(line, "page"))
        printf(" page %s", ctl_text(line, "page"));
    if (refused)
        print_refusal(line);
    if (ctl_member(line, "rip"))
        printf(" rip %s", ctl_text(line, "rip"));
    if (ctl_member(line, "suppressed"))
        printf(" [%s more were only counted]", ctl_text(line, "suppressed"));
    putchar('\n');
}

/* Lines of the daemon's own: their members as they are. */
static void print_members(json_object *line)
{
    static const char *const chain[] = {"index", "prev", "at", "kind", "hash", "record", "report"};

    printf("%s", ctl_text(line, "kind"));
    json_object_object_foreach(line, key, value)
    {
        bool shown = true;

        for (size_t i = 0; i < sizeof(chain) / sizeof(chain[0]); i++)
            shown = shown && strcmp(key, chain[i]) != 0;
        if (shown)
            printf(" %s=%s", key,
                   json_object_is_type(value, json_type_string) ? ctl_name(line, key)
                                                                : json_object_get_string(value));
    }
    putchar('\n');
}

static void print_line(const char *text, size_t size)
{
    json_object *line;
    char why[200];

    if (json_read(text, size, &line, why, sizeof(why))) {
        printf("BROKEN  this is no line of the log: %s\n", why);
        return;
    }
    const char *kind = ctl_text(line, "kind");
    printf("%s  ", ctl_text(line, "at"));
    if (!strcmp(kind, "trace"))
        print_trace_record(line);
    else if (!strcmp(kind, "lost"))
        printf("LOST    %s records of CPU %s from number %s on\n", ctl_text(line, "count"),
               ctl_text(line, "cpu"), ctl_text(line, "seq"));
    else
        print_members(line);
    json_object_put(line);
}

static void show(const struct ctl_options *options, const char *text, size_t size)
{
    if (options->json)
        fwrite(text, 1, size, stdout);
    else
        print_line(text, size);
}

static int trace_from_files(const struct ctl_options *options, uint64_t lines)
{
    struct config config;
    struct stream_end end;
    struct stream stream;
    char why[400];
    char *buffer = malloc(LOG_MAX_LINE + 4096);
    int size;

    config_initialise(&config);
    if (config_load(&config, CONFIG_FILE, why, sizeof(why)) == -EINVAL)
        fprintf(stderr, "cloisterctl: %s\n", why);
    int rc = buffer ? stream_find_end(config.log_directory, &end) : -ENOMEM;
    if (!rc)
        rc = stream_open(&stream, config.log_directory, lines, end);
    if (rc) {
        free(buffer);
        return ctl_fail(options, CTL_NO_DAEMON, "ENOENT",
                        "cloisterd does not answer at %s, and the log in %s cannot be read: %s",
                        options->socket, config.log_directory, strerror(-rc));
    }
    while ((size = stream_read(&stream, buffer, LOG_MAX_LINE + 4096, end)) > 0) {
        const char *line = buffer, *behind = buffer + size, *newline;

        for (; (newline = memchr(line, '\n', (size_t)(behind - line))); line = newline + 1)
            show(options, line, (size_t)(newline + 1 - line));
    }
    stream_close(&stream);
    free(buffer);
    return CTL_OK;
}

int command_trace(const struct ctl_options *options)
{
    uint64_t lines = options->lines >= 0 ? (uint64_t)options->lines : DEFAULT_LINES;
    FILE *daemon = client_connect(options->socket);
    char *text = NULL;
    size_t capacity = 0;

    if (!daemon)
        return options->follow ? ctl_no_daemon(options) : trace_from_files(options, lines);
    json_object *request = ctl_request("trace");
    json_object_object_add(request, "lines", json_object_new_uint64(lines));
    json_object_object_add(request, "follow", json_object_new_boolean(options->follow));
    json_object *answer = client_ask(daemon, request);
    bool ok = answer && ctl_flag(answer, "ok");
    int status = CTL_OK;
    if (!answer)
        status = ctl_no_daemon(options);
    else if (!ok)
        status = ctl_fail(options, CTL_PROBLEM, ctl_text(answer, "error"), "%s",
                          ctl_text(answer, "message"));
    json_object_put(answer);
    ssize_t size;
    while (ok && (size = getline(&text, &capacity, daemon)) > 0) {
        show(options, text, (size_t)size);
        fflush(stdout);
    }
    free(text);
    fclose(daemon);
    if (ok && options->follow)
        status = ctl_fail(options, CTL_NO_DAEMON, "ECONNRESET", "cloisterd has gone");
    return status;
}
