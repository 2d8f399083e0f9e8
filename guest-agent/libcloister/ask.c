/* SPDX-License-Identifier: MIT */
/* Questions to the agent that need no enclave. */
#include "libcloister/cloister.h"

#include <errno.h>
#include <string.h>

#include "libcloister/connection.h"
#include "libcloister/error.h"

int cloister_agent_status(const char *agent_socket, struct cloister_agent_status *status,
                          struct cloister_error *error)
{
    struct connection connection;
    struct answer answer;
    struct app_status told;
    int code = connection_open(&connection, agent_socket, 0, error);

    if (!code)
        code = connection_ask(&connection, APP_STATUS, NULL, 0, -1, &answer, error);
    connection_close(&connection);
    if (code)
        return code;
    memcpy(&told, answer.body, sizeof(told));
    memset(status, 0, sizeof(*status));
    memcpy(status->agent_version, told.agent_version, sizeof(status->agent_version) - 1);
    memcpy(status->message, told.message, sizeof(status->message) - 1);
    status->link = told.link;
    status->health = told.health;
    status->uptime = told.uptime;
    status->requests = told.calls_served;
    status->applications = told.applications;
    status->enclaves = told.enclaves;
    status->own_enclaves = told.own_enclaves;
    status->max_enclaves = told.max_enclaves;
    status->own_frames = told.own_frames;
    status->max_frames = told.max_frames;
    status->quota = told.quota;
    status->quota_used = told.quota_used;
    return 0;
}

static void fill_entry(const struct cloister_enclave_info *info, struct cloister_list_entry *entry)
{
    memset(entry, 0, sizeof(*entry));
    entry->enclave = info->enclave;
    entry->state = info->state;
    entry->debug = !!(info->flags & CLOISTER_IMAGE_DEBUG);
    entry->thread_count = info->thread_count;
    entry->threads_running = info->threads_running;
    entry->threads_dead = info->threads_dead;
    entry->frames = info->frames;
    entry->entries = info->entries;
    entry->interruptions = info->interruptions;
    entry->faults = info->faults;
    entry->image_version = info->image_version;
    entry->security_version = info->security_version;
    memcpy(entry->name, info->name, sizeof(info->name));
    memcpy(entry->measurement, info->measurement, sizeof(entry->measurement));
    memcpy(entry->author, info->author, sizeof(entry->author));
}

int cloister_agent_list(const char *agent_socket,
                        int (*each)(void *context, const struct cloister_list_entry *entry),
                        void *context, struct cloister_error *error)
{
    struct app_list request = {.start = 1};
    struct connection connection;
    struct answer answer;
    size_t count = APP_MAX_LIST;
    int code = connection_open(&connection, agent_socket, 0, error);

    while (!code && count == APP_MAX_LIST) {
        uint32_t last = 0;

        code = connection_ask(&connection, APP_LIST, &request, sizeof(request), -1, &answer, error);
        count = code ? 0 : answer.size / sizeof(struct cloister_enclave_info);
        for (size_t i = 0; i < count && !code; i++) {
            struct cloister_enclave_info info;
            struct cloister_list_entry entry;

            memcpy(&info, (const uint8_t *)answer.body + i * sizeof(info), sizeof(info));
            last = info.enclave;
            fill_entry(&info, &entry);
            code = each(context, &entry);
        }
        if (last < request.start || last == UINT32_MAX)
            break;
        request.start = last + 1;
    }
    connection_close(&connection);
    return code;
}
