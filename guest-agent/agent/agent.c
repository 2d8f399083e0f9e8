/* SPDX-License-Identifier: MIT */
/* Puts the parts together: start, the one loop, end. */
#include "agent/agent.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "agent/account.h"
#include "agent/listing.h"
#include "base/say.h"
#include "agent/relay.h"
#include "agent/state.h"
#include "agent/status.h"

#define TICK 1000    /* milliseconds between two looks at what has no descriptor */
#define TICK_BUSY 50 /* while an enclave waits for the balloon */

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void link_up(void *context)
{
    struct agent *agent = context;

    enclaves_link_up(&agent->enclaves);
}

static void link_down(void *context)
{
    struct agent *agent = context;

    enclaves_link_down(&agent->enclaves);
}

static void answer(void *context, uint64_t app, uint32_t number, const struct app_reply *reply,
                   const void *body, size_t size, int descriptor)
{
    struct agent *agent = context;

    apps_answer(agent->apps, app, number, reply, body, size, descriptor);
}

static int serve_status(void *context, const struct owner *from, uint32_t number)
{
    return status_begin(context, from, number);
}

static int serve_list(void *context, const struct owner *from, uint32_t number, uint32_t start)
{
    return listing_begin(context, from, number, start);
}

static int serve_relay(void *context, const struct owner *from, const struct app_request *request)
{
    return relay_begin(context, from, request);
}

static void app_gone(void *context, uint64_t app)
{
    struct agent *agent = context;

    hostlink_drop(agent->link, app);
}

int agent_start(struct agent *agent, const struct transport *transport)
{
    static const struct hostlink_events link_events = {.up = link_up, .down = link_down};
    static const struct enclaves_events enclave_events = {.answer = answer};
    const struct apps_services services = {.status = serve_status,
                                           .list = serve_list,
                                           .relay = serve_relay,
                                           .gone = app_gone,
                                           .context = agent};
    int error = state_open(agent->config.state);

    if (error) {
        say_error("%s: %s", agent->config.state, strerror(-error));
        return error;
    }
    account_read(ACCOUNT_PATH);
    error =
        hostlink_new(transport, &link_events, agent, agent->config.timeout * 1000u, &agent->link);
    if (error)
        return error;
    enclaves_start(&agent->enclaves, &agent->config, agent->link, &enclave_events, agent);
    error = apps_new(&agent->config, &agent->enclaves, &services, &agent->apps);
    if (error) {
        say_error("%s: %s", agent->config.socket,
                  error == -EADDRINUSE ? "another agent listens there"
                  : error == -EMFILE   ? "the limit of open files is too low to serve anybody"
                                       : strerror(-error));
        hostlink_free(agent->link);
        return error;
    }
    if (agent->config.grant_limit)
        grant_raise_limit(agent->config.grant_limit);
    enclaves_adopt(&agent->enclaves);
    agent->started = now_ms();
    say_info("version " CLOISTER_VERSION ", applications: %s", agent->config.socket);
    return 0;
}

void agent_stop(struct agent *agent)
{
    /* First whoever could answer, then those who wait for answers. */
    hostlink_free(agent->link);
    enclaves_stop(&agent->enclaves);
    apps_free(agent->apps);
}

static int patience(const struct agent *agent)
{
    for (const struct enclave *enclave = agent->enclaves.first; enclave; enclave = enclave->next)
        if (enclave->step == ENCLAVE_BALLOONING)
            return TICK_BUSY;
    return TICK;
}

void agent_run(struct agent *agent, int stop)
{
    struct pollfd events[APPS_MAX + 3];
    unsigned int count;

    for (;;) {
        events[0] = (struct pollfd){.fd = stop, .events = POLLIN};
        events[1] = (struct pollfd){.fd = hostlink_descriptor(agent->link), .events = POLLIN};
        count = apps_poll(agent->apps, events + 2, now_ms());
        if (poll(events, count + 2, patience(agent)) < 0) {
            if (errno == EINTR)
                continue;
            say_error("poll: %s", strerror(errno));
            return;
        }
        agent->now = now_ms();
        if (events[0].revents)
            return;
        if (events[1].revents)
            hostlink_wake(agent->link);
        hostlink_run(agent->link, agent->now);
        apps_handle(agent->apps, events + 2, count, agent->now);
        enclaves_tick(&agent->enclaves, agent->now);
        status_tick(agent);
        /* Sends what the others have queued; answers may show that an application has gone. */
        do
            hostlink_run(agent->link, agent->now);
        while (apps_sweep(agent->apps));
    }
}
