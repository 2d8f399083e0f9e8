/* SPDX-License-Identifier: MIT */
/* cloister status, cloister list. */
#include "command/command.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cloister/protocol.h"

struct show {
    const char *socket;
    bool json;
    uint64_t wait; /* seconds for the link to come up */
};

enum { JSON = 256, SOCKET, WAIT };

/* What `cloister list` has not is the first. */
static const struct option known[] = {
    {"wait", required_argument, NULL, WAIT},
    {"json", no_argument, NULL, JSON},
    {"socket", required_argument, NULL, SOCKET},
    {0},
};

static int take(char **words, int option, void *context)
{
    struct show *show = context;

    if (option == JSON)
        show->json = true;
    else if (option == SOCKET)
        show->socket = optarg;
    else if (!parse_number(optarg, 86400, &show->wait))
        return command_usage(
            words[0], "--wait: a number of seconds up to 86400 is expected, not '%s'", optarg);
    return 0;
}

static const char *link_name(uint32_t link)
{
    static const char *const names[] = {"none", "waiting", "up"};

    return link < 3 ? names[link] : "unknown";
}

static void print_status_json(const struct cloister_agent_status *status)
{
    printf("{\"ok\": true, \"agent_version\": ");
    json_text(stdout, status->agent_version);
    printf(", \"link\": \"%s\", \"uptime\": %" PRIu64 ", \"requests\": %" PRIu64
           ", \"applications\": %" PRIu32 ", \"enclaves\": %" PRIu32 ", \"own\": {\"enclaves\": "
           "%" PRIu32 ", \"max_enclaves\": %" PRIu32 ", \"frames\": %" PRIu64
           ", \"max_frames\": %" PRIu64 "}, \"quota\": {\"frames\": %" PRIu64 ", \"used\": %" PRIu64
           "}, \"health\": %" PRIu32 ", \"message\": ",
           link_name(status->link), status->uptime, status->requests, status->applications,
           status->enclaves, status->own_enclaves, status->max_enclaves, status->own_frames,
           status->max_frames, status->quota, status->quota_used, status->health);
    json_text(stdout, status->message);
    puts("}");
}

static void print_status(const struct cloister_agent_status *status)
{
    static const char *const links[] = {"none: no channel can be offered (is this a Xen guest?)",
                                        "waiting for cloisterd on the host", "up"};

    printf("agent      %s, for %" PRIu64 " s, %" PRIu64 " requests, %" PRIu32 " applications\n",
           status->agent_version, status->uptime, status->requests, status->applications);
    printf("host       %s\n", status->link < 3 ? links[status->link] : "unknown");
    if (status->link == 2)
        printf("quota      %" PRIu64 " of %" PRIu64 " frames used (%" PRIu64 " of %" PRIu64
               " MiB)\n",
               status->quota_used, status->quota, status->quota_used / 256, status->quota / 256);
    printf("yours      %" PRIu32 " of %" PRIu32 " enclaves, %" PRIu64 " of %" PRIu64 " frames\n",
           status->own_enclaves, status->max_enclaves, status->own_frames, status->max_frames);
    printf("all users  %" PRIu32 " enclaves\n", status->enclaves);
    printf("health     %s\n", status->health ? status->message : "good");
}

int command_status(int count, char **words)
{
    const struct timespec moment = {.tv_nsec = 200000000};
    struct cloister_agent_status status;
    struct cloister_error error;
    struct show show = {0};
    struct timespec now;
    time_t end;
    int result = command_options(count, words, known, NULL, false, take, &show);

    if (result)
        return result;
    clock_gettime(CLOCK_MONOTONIC, &now);
    end = now.tv_sec + (time_t)show.wait;
    for (;;) {
        result = cloister_agent_status(show.socket, &status, &error);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if ((!result && status.link == 2) || now.tv_sec >= end)
            break;
        nanosleep(&moment, NULL);
    }
    if (result)
        return command_failed(&error, EXIT_AGENT, show.json);
    if (show.json)
        print_status_json(&status);
    else
        print_status(&status);
    return status.link == 2 ? 0 : EXIT_AGENT;
}

static const char list_head[] = "{\"ok\": true, \"enclaves\": [";

struct list {
    bool json;
    unsigned int printed;
};

static const char *state_name(uint32_t state)
{
    static const char *const names[] = {"?", "building", "ready", "dying"};

    return state < 4 ? names[state] : "?";
}

static int print_entry(void *context, const struct cloister_list_entry *entry)
{
    struct list *list = context;

    if (list->json) {
        printf("%s%s\n {\"enclave\": %" PRIu32 ", \"name\": ", list->printed ? "" : list_head,
               list->printed ? "," : "", entry->enclave);
        json_text(stdout, entry->name);
        printf(", \"state\": \"%s\", \"debug\": %s, \"threads\": %" PRIu32
               ", \"threads_running\": %" PRIu32 ", \"threads_dead\": %" PRIu32
               ", \"frames\": %" PRIu64 ", \"entries\": %" PRIu64 ", \"interruptions\": %" PRIu64
               ", \"faults\": %" PRIu64 ", \"measurement\": \"",
               state_name(entry->state), entry->debug ? "true" : "false", entry->thread_count,
               entry->threads_running, entry->threads_dead, entry->frames, entry->entries,
               entry->interruptions, entry->faults);
        print_hex(stdout, entry->measurement, sizeof(entry->measurement));
        printf("\"}");
    } else {
        if (!list->printed)
            printf("%7s %-8s %7s %8s %9s %6s  %-16s  %s\n", "ENCLAVE", "STATE", "THREADS", "FRAMES",
                   "CALLS", "FAULTS", "MEASUREMENT", "NAME");
        printf("%7" PRIu32 " %-8s %7" PRIu32 " %8" PRIu64 " %9" PRIu64 " %6" PRIu64 "  ",
               entry->enclave, state_name(entry->state), entry->thread_count, entry->frames,
               entry->entries, entry->faults);
        print_hex(stdout, entry->measurement, 8);
        printf("  %s%s\n", entry->name, entry->debug ? " (debug)" : "");
    }
    list->printed++;
    return 0;
}

int command_list(int count, char **words)
{
    struct cloister_error error;
    struct show show = {0};
    struct list list;
    int result = command_options(count, words, known + 1, NULL, false, take, &show);

    if (result)
        return result;
    list = (struct list){.json = show.json};
    result = cloister_agent_list(show.socket, print_entry, &list, &error);
    if (result)
        return command_failed(&error, EXIT_AGENT, show.json && !list.printed);
    if (show.json)
        printf("%s]}\n", list.printed ? "" : list_head);
    else if (!list.printed)
        puts("no enclaves");
    return 0;
}
