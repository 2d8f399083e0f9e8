/* SPDX-License-Identifier: MIT */
/* status, domains, enclaves, quota, counters, destroy. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/size.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "monitor/hypercall.h"
#include "domains/quota.h"
#include "ctl/table.h"
#include "monitor/views.h"

static void print_degraded(json_object *list)
{
    for (size_t i = 0; i < json_object_array_length(list); i++)
        printf("%s%s\n", i ? "               " : "degraded       ",
               json_object_get_string(json_object_array_get_idx(list, i)));
}

static void print_flags(json_object *flags)
{
    for (size_t i = 0; i < json_object_array_length(flags); i++)
        printf("%s%s", i ? ", " : " (",
               json_object_get_string(json_object_array_get_idx(flags, i)));
    puts(json_object_array_length(flags) ? ")" : "");
}

static void print_counters(json_object *counters)
{
    if (strcmp(ctl_text(counters, "reason"), "NONE") != 0)
        printf("counters       %s\n", ctl_text(counters, "message"));
    else
        printf("counters       %s of %s, value %s, committed %s\n",
               ctl_decimal(ctl_number(counters, "used")),
               ctl_decimal(ctl_number(counters, "limit")),
               ctl_decimal(ctl_number(counters, "value")),
               ctl_decimal(ctl_number(counters, "committed")));
}

static void print_monitor(json_object *monitor)
{
    printf("monitor        ABI %llu", (unsigned long long)ctl_number(monitor, "abi_version"));
    print_flags(ctl_member(monitor, "flags"));
    if (ctl_flag(monitor, "ready"))
        puts("               enclaves can be created");
    else
        printf("               no enclave can be created: %s\n",
               ctl_text(monitor, "create_message"));
    printf("identity       %s\n", ctl_text(monitor, "identity_message"));
    printf("sealing        %s\n", ctl_text(monitor, "sealing_message"));
    print_counters(ctl_member(monitor, "counters"));
    printf("enclaves       %s living, %s created, %s destroyed since boot\n",
           ctl_decimal(ctl_number(monitor, "enclaves")),
           ctl_decimal(ctl_number(monitor, "created")),
           ctl_decimal(ctl_number(monitor, "destroyed")));
    printf("memory         %s sealed, %s tables, %s contexts, %s overhead\n",
           ctl_size(ctl_number(monitor, "sealed_frames")),
           ctl_size(ctl_number(monitor, "table_frames")),
           ctl_size(ctl_number(monitor, "context_frames")),
           ctl_size(ctl_number(monitor, "overhead_frames")));
    printf("calls          %s entered, %s of them the fast way, %s interrupted\n",
           ctl_decimal(ctl_number(monitor, "entries")),
           ctl_decimal(ctl_number(monitor, "fast_entries")),
           ctl_decimal(ctl_number(monitor, "interruptions")));
    printf("refused        %s (%s of them only counted)\n",
           ctl_decimal(ctl_number(monitor, "refusals")),
           ctl_decimal(ctl_number(monitor, "suppressed")));
}

static void print_status(json_object *answer)
{
    json_object *trace = ctl_member(answer, "trace"), *agents = ctl_member(answer, "agents");
    uint64_t uptime = ctl_number(answer, "uptime");

    printf("cloisterd      %s, up %llu:%02llu:%02llu\n", ctl_text(answer, "version"),
           (unsigned long long)uptime / 3600, (unsigned long long)uptime / 60 % 60,
           (unsigned long long)uptime % 60);
    print_monitor(ctl_member(answer, "monitor"));
    printf("trace          %s records from %s rings, %s lost\n",
           ctl_decimal(ctl_number(trace, "records")), ctl_decimal(ctl_number(trace, "rings")),
           ctl_decimal(ctl_number(trace, "lost")));
    printf("log            %s/%s, %s lines, %s\n", ctl_text(trace, "directory"),
           ctl_text(trace, "file"), ctl_decimal(ctl_number(trace, "lines")),
           ctl_flag(trace, "writable") ? "writable" : "NOT WRITABLE");
    printf("head           %s\n", ctl_text(trace, "head"));
    printf("domains        %s running; %s agents connected, %s stale, %s unhealthy\n",
           ctl_decimal(ctl_number(answer, "domains")), ctl_decimal(ctl_number(agents, "connected")),
           ctl_decimal(ctl_number(agents, "stale")), ctl_decimal(ctl_number(agents, "unhealthy")));
    printf("libvirt        %s\n", ctl_text(answer, "libvirt"));
    print_degraded(ctl_member(answer, "degraded"));
}

/* Without the daemon: what the monitor itself says. The exit status still says that it is missing. */
static int status_of_monitor(const struct ctl_options *options)
{
    struct cloister_info info = {0};
    struct hypercalls *monitor;
    char why[400];
    int rc = hypercall_open(&monitor, why, sizeof(why));

    if (!rc) {
        rc = hypercall_info(monitor, &info);
        hypercall_describe(rc, &info.head, why, sizeof(why));
        hypercall_close(monitor);
    }
    if (rc)
        return ctl_fail(options, CTL_NO_DAEMON, "ENOENT", "cloisterd does not answer at %s, and %s",
                        options->socket, why);
    json_object *view = view_info(&info);
    if (options->json) {
        json_object *answer = json_object_new_object(), *degraded = json_object_new_array();

        json_object_array_add(degraded, json_object_new_string("cloisterd is not running"));
        json_object_object_add(answer, "ok", json_object_new_boolean(false));
        json_object_object_add(answer, "error", json_object_new_string("ENOENT"));
        json_object_object_add(answer, "message",
                               json_object_new_string("cloisterd is not running"));
        json_object_object_add(answer, "monitor", view);
        json_object_object_add(answer, "degraded", degraded);
        ctl_print_json(answer);
        json_object_put(answer);
        return CTL_NO_DAEMON;
    }
    puts("cloisterd      NOT RUNNING: start it with 'systemctl start cloisterd', or 'cloisterd'");
    print_monitor(view);
    json_object_put(view);
    return CTL_NO_DAEMON;
}

int command_status(const struct ctl_options *options)
{
    FILE *probe = client_connect(options->socket);
    int status = CTL_OK;

    if (!probe)
        return status_of_monitor(options);
    fclose(probe);
    json_object *answer = ctl_ask(options, ctl_request("status"), &status);
    if (!answer)
        return status;
    if (options->json)
        ctl_print_json(answer);
    else
        print_status(answer);
    if (json_object_array_length(ctl_member(answer, "degraded")))
        status = CTL_PROBLEM;
    json_object_put(answer);
    return status;
}

static void add_domain(struct table *table, json_object *domain)
{
    static const struct {
        const char *source, *mark;
    } marks[] = {{"override", " (set)"}, {"metadata", ""}, {"none", ""}};
    json_object *agent = ctl_member(domain, "agent");
    char quota[64], state[64];

    snprintf(quota, sizeof(quota), "%s", ctl_size(ctl_number(domain, "quota_frames")));
    for (size_t i = 0; i < 3; i++) {
        if (!strcmp(ctl_text(domain, "quota_source"), marks[i].source))
            strncat(quota, marks[i].mark, sizeof(quota) - strlen(quota) - 1);
    }
    snprintf(state, sizeof(state), "%s", ctl_text(agent, "state"));
    if (ctl_member(agent, "status_age_ms") && !strcmp(state, "stale"))
        snprintf(state, sizeof(state), "stale %llus",
                 (unsigned long long)ctl_number(agent, "status_age_ms") / 1000);
    table_add(table, ctl_decimal(ctl_number(domain, "domain")), ctl_name(domain, "name"),
              ctl_text(domain, "uuid"), quota, ctl_size(ctl_number(domain, "used_frames")),
              ctl_decimal(ctl_number(domain, "enclaves")),
              ctl_decimal(ctl_number(domain, "refusals")), state,
              ctl_member(agent, "version") ? ctl_text(agent, "version") : "-");
}

static void print_domains(json_object *list)
{
    static const char *const titles[] = {">ID",       "NAME",     "UUID",  ">QUOTA", ">USED",
                                         ">ENCLAVES", ">REFUSED", "AGENT", "VERSION"};
    struct table table;

    table_initialise(&table, 9, titles);
    for (size_t i = 0; i < json_object_array_length(list); i++)
        add_domain(&table, json_object_array_get_idx(list, i));
    table_print(&table, stdout);
    table_free(&table);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *domain = json_object_array_get_idx(list, i);

        if (ctl_member(domain, "quota_problem"))
            printf("%s: quota: %s\n", ctl_name(domain, "name"), ctl_text(domain, "quota_problem"));
        if (ctl_member(domain, "create_message"))
            printf("%s: no enclaves: %s\n", ctl_name(domain, "name"),
                   ctl_text(domain, "create_message"));
    }
}

/* Asks, prints the answer as JSON or by `print` of its member `key`. */
static int ask_and_print(const struct ctl_options *options, json_object *request, const char *key,
                         void (*print)(json_object *member))
{
    int status = CTL_OK;
    json_object *answer = ctl_ask(options, request, &status);

    if (!answer)
        return status;
    if (options->json)
        ctl_print_json(answer);
    else
        print(ctl_member(answer, key));
    json_object_put(answer);
    return CTL_OK;
}

int command_domains(const struct ctl_options *options)
{
    return ask_and_print(options, ctl_request("domains"), "domains", print_domains);
}

static void print_enclaves(json_object *list)
{
    static const char *const titles[] = {">ID",     "DOMAIN",     "NAME",     "STATE",
                                         ">MEMORY", ">THREADS",   ">RUNNING", ">CALLS",
                                         ">FAULTS", "MEASUREMENT"};
    struct table table;

    table_initialise(&table, 10, titles);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *enclave = json_object_array_get_idx(list, i);
        char state[32], measurement[20];

        snprintf(state, sizeof(state), "%s%s", ctl_text(enclave, "state"),
                 ctl_flag(enclave, "debug") ? ", DEBUG" : "");
        snprintf(measurement, sizeof(measurement), "%.16s", ctl_text(enclave, "measurement"));
        table_add(&table, ctl_decimal(ctl_number(enclave, "enclave")),
                  ctl_member(enclave, "domain_name") ? ctl_name(enclave, "domain_name")
                                                     : ctl_decimal(ctl_number(enclave, "domain")),
                  ctl_text(enclave, "name"), state, ctl_size(ctl_number(enclave, "frames")),
                  ctl_decimal(ctl_number(enclave, "threads")),
                  ctl_decimal(ctl_number(enclave, "threads_running")),
                  ctl_decimal(ctl_number(enclave, "entries")),
                  ctl_decimal(ctl_number(enclave, "faults")), measurement);
    }
    table_print(&table, stdout);
    table_free(&table);
}

int command_enclaves(const struct ctl_options *options)
{
    json_object *request = ctl_request("enclaves");

    if (options->count)
        json_object_object_add(request, "domain", json_object_new_string(options->arguments[0]));
    return ask_and_print(options, request, "enclaves", print_enclaves);
}

static void print_quota(json_object *domain)
{
    const char *source = ctl_text(domain, "quota_source");

    printf("%s: quota %s (%s), %s used\n", ctl_name(domain, "name"),
           ctl_size(ctl_number(domain, "quota_frames")),
           !strcmp(source, "override")   ? "set by cloisterctl"
           : !strcmp(source, "metadata") ? "from libvirt's metadata"
                                         : "nobody has set it",
           ctl_size(ctl_number(domain, "used_frames")));
}

int command_quota(const struct ctl_options *options)
{
    json_object *request;
    uint64_t frames = 0;
    bool reset = options->count > 1 && !strcmp(options->arguments[1], "default");

    if (options->count > 1 && !reset && !size_parse(options->arguments[1], &frames))
        return ctl_fail(options, CTL_USAGE, "EINVAL",
                        "'%s' is no size: 64M, 1G, 512K, a number of MiB, or 'default'",
                        options->arguments[1]);
    request = ctl_request("quota");
    json_object_object_add(request, "domain", json_object_new_string(options->arguments[0]));
    if (reset)
        json_object_object_add(request, "default", json_object_new_boolean(true));
    else if (options->count > 1)
        json_object_object_add(request, "frames", json_object_new_uint64(frames));
    return ask_and_print(options, request, "domain", print_quota);
}

static void print_removed(json_object *removed)
{
    uint64_t number = json_object_get_uint64(removed);

    printf("%s counter%s removed\n", ctl_decimal(number), number == 1 ? "" : "s");
}

int command_counters(const struct ctl_options *options)
{
    if (strcmp(options->arguments[0], "forget") != 0)
        return ctl_fail(options, CTL_USAGE, "EINVAL",
                        "'%s' cannot be done to counters: 'forget UUID' can",
                        options->arguments[0]);
    json_object *request = ctl_request("counters");
    json_object_object_add(request, "forget", json_object_new_string(options->arguments[1]));
    return ask_and_print(options, request, "removed", print_removed);
}

static void print_destroyed(json_object *enclave)
{
    printf("enclave %s is destroyed\n", ctl_decimal(json_object_get_uint64(enclave)));
}

int command_destroy(const struct ctl_options *options)
{
    uint64_t id;

    if (!number_read(options->arguments[0], 10, 1, UINT32_MAX, &id))
        return ctl_fail(options, CTL_USAGE, "EINVAL", "'%s' is no enclave's number",
                        options->arguments[0]);
    json_object *request = ctl_request("destroy");
    json_object_object_add(request, "enclave", json_object_new_uint64(id));
    return ask_and_print(options, request, "enclave", print_destroyed);
}
