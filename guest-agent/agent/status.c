/* SPDX-License-Identifier: MIT */
#include "agent/status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/memory.h"

/* Health bits, and in `message` what a person should do about the first of them. */
static uint32_t health(const struct agent *agent, char *message, size_t size)
{
    uint64_t available = memory_available();
    int error = grant_probe();
    uint32_t bits = 0;

    *message = '\0';
    if (error) {
        bits |= CLOISTER_HEALTH_NO_GNTALLOC;
        snprintf(message, size, "no enclaves: /dev/xen/gntalloc: %s", strerror(-error));
    }
    if (available < agent->config.low_memory) {
        bits |= CLOISTER_HEALTH_LOW_MEMORY;
        if (!*message)
            snprintf(message, size, "the guest has only %" PRIu64 " MiB of memory left",
                     available >> 20);
    }
    return bits;
}

static void status_sent(void *context, int error, const struct cloister_msg_reply *reply,
                        const void *body, size_t size)
{
    struct agent *agent = context;

    (void)error;
    (void)reply;
    (void)body;
    (void)size;
    agent->status_on_way = false;
}

void status_tick(struct agent *agent)
{
    struct cloister_msg_status status = {
        .uptime = (agent->now - agent->started) / 1000,
        .calls_served = apps_served(agent->apps),
        .applications = apps_count(agent->apps),
        .enclaves = enclaves_count(&agent->enclaves),
    };
    const struct hostlink_part part = {&status, sizeof(status)};

    if (hostlink_state(agent->link) != HOSTLINK_UP) {
        agent->status_due = agent->now; /* first thing on the next link */
        return;
    }
    if (agent->now < agent->status_due || agent->status_on_way)
        return;
    status.health = health(agent, status.message, sizeof(status.message));
    if (!hostlink_request(agent->link, NULL, CLOISTER_MSG_STATUS, &part, 1, status_sent, agent))
        agent->status_on_way = true;
    agent->status_due = agent->now + CLOISTER_STATUS_PERIOD * 1000u;
}

/* One application's question, while the host is asked for the quota. */
struct question {
    struct agent *agent;
    struct owner from;
    uint32_t number;
};

static void answer(const struct question *question, const struct cloister_msg_quota *quota)
{
    struct agent *agent = question->agent;
    const struct limits *limits = config_limits(&agent->config, question->from.account);
    enum hostlink_state state = hostlink_state(agent->link);
    struct app_reply reply = {0};
    struct app_status status = {
        .agent_version = CLOISTER_VERSION,
        .link = state == HOSTLINK_UP     ? APP_LINK_UP
                : state == HOSTLINK_DOWN ? APP_LINK_NO_XEN
                                         : APP_LINK_WAITING,
        .uptime = (agent->now - agent->started) / 1000,
        .calls_served = apps_served(agent->apps),
        .applications = apps_count(agent->apps),
        .enclaves = enclaves_count(&agent->enclaves),
        .max_enclaves = limits->max_enclaves,
        .max_frames = limits->max_frames,
        .quota = quota->limit,
        .quota_used = quota->used,
    };

    enclaves_usage(&agent->enclaves, question->from.account, &status.own_enclaves,
                   &status.own_frames);
    status.health = health(agent, status.message, sizeof(status.message));
    apps_answer(agent->apps, question->from.app, question->number, &reply, &status, sizeof(status),
                -1);
}

static void quota_known(void *context, int error, const struct cloister_msg_reply *reply,
                        const void *body, size_t size)
{
    struct question *question = context;
    struct cloister_msg_quota quota = {0};

    (void)reply;
    if (!error && size == sizeof(quota))
        memcpy(&quota, body, sizeof(quota));
    answer(question, &quota);
    free(question);
}

int status_begin(struct agent *agent, const struct owner *from, uint32_t number)
{
    const struct hostlink_asker asker = {from->app, from->account};
    const struct cloister_msg_quota none = {0};
    struct question *question = malloc(sizeof(*question));

    if (!question)
        return -ENOMEM;
    *question = (struct question){agent, *from, number};
    if (hostlink_request(agent->link, &asker, CLOISTER_MSG_QUOTA, NULL, 0, quota_known, question)) {
        answer(question, &none);
        free(question);
    }
    return 0;
}
