/* SPDX-License-Identifier: MIT */
#include "agents/agents.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/channel.h"
#include "base/loop.h"
#include "log/notes.h"
#include "base/say.h"
#include "domains/store.h"

/*
 * ARMED: a watch tells of an offer. PAUSED: no watch until `retry`, so that a guest that offers and
 * takes back without end costs us one attempt per pause. OPEN: there is a channel.
 */
enum agent_state { AGENT_ARMED, AGENT_PAUSED, AGENT_OPEN };

#define PAUSE_FIRST 1000u /* milliseconds, doubled up to PAUSE_LAST while nothing comes of it */
#define PAUSE_LAST 4000u
#define STALE (3u * CLOISTER_STATUS_PERIOD * 1000u)

struct agent {
    struct loop_watch watch;
    uint16_t domain;
    enum agent_state state;
    bool runnable; /* the session may have something to do */
    uint64_t retry;
    unsigned int pause;
    struct channel *channel;
    struct session session;
    char last_end[160];
    struct agent *next;
};

static struct agent *agents;
static const struct session_host *host_;

static struct agent *find(uint16_t domain)
{
    struct agent *agent = agents;

    while (agent && agent->domain != domain)
        agent = agent->next;
    return agent;
}

static void pause_agent(struct agent *agent, uint64_t now)
{
    if (agent->state == AGENT_ARMED)
        store_disarm_agent(agent->domain);
    agent->state = AGENT_PAUSED;
    agent->retry = now + agent->pause;
    agent->pause = agent->pause * 2 > PAUSE_LAST ? PAUSE_LAST : agent->pause * 2;
}

static void note_end_of_channel(const struct agent *agent)
{
    struct note note;

    note_begin(&note, "channel");
    line_text(&note.line, "event", "ended by the host");
    line_number(&note.line, "domain", agent->domain);
    line_text(&note.line, "why", agent->session.fault);
    note_end(&note);
    say_warning("agent of domain %u: channel closed: %s", agent->domain, agent->session.fault);
}

/* Half-built enclaves go first: then the agent, told by the channel's end, finds them gone. */
static void close_channel(struct agent *agent)
{
    if (agent->session.fault)
        note_end_of_channel(agent);
    else
        say_debug("agent of domain %u: channel ended", agent->domain);
    snprintf(agent->last_end, sizeof(agent->last_end), "%s",
             agent->session.fault ? agent->session.fault : "");
    session_close(&agent->session);
    loop_remove(&agent->watch);
    channel_close(agent->channel);
    agent->channel = NULL;
}

static void channel_ready(struct loop_watch *watch, uint32_t events)
{
    struct agent *agent = (struct agent *)((char *)watch - offsetof(struct agent, watch));

    (void)events;
    channel_acknowledge(agent->channel);
    agent->runnable = true;
}

static void connect_agent(struct agent *agent, uint64_t now)
{
    char path[96];

    if (!store_agent_offered(agent->domain))
        return;
    pause_agent(agent, now);
    store_agent_path(agent->domain, path, sizeof(path));
    agent->channel = channel_open(agent->domain, path);
    if (!agent->channel)
        return;
    struct session_stream stream = channel_stream(agent->channel);
    session_open(&agent->session, host_, &stream, agent->domain, now);
    agent->watch =
        (struct loop_watch){.fd = channel_descriptor(agent->channel), .ready = channel_ready};
    agent->state = AGENT_OPEN;
    agent->runnable = true;
    if (loop_add(&agent->watch, EPOLLIN)) {
        agent->session.fault = "no descriptor is left to wait for it";
        close_channel(agent);
        agent->state = AGENT_PAUSED;
    }
}

static void offered(uint16_t domain)
{
    struct agent *agent = find(domain);

    if (agent && agent->state == AGENT_ARMED)
        connect_agent(agent, loop_now());
}

static void step(struct agent *agent, uint64_t now)
{
    bool greeted = agent->session.greeted;

    switch (session_step(&agent->session, now)) {
    case SESSION_IDLE:
        agent->runnable = false;
        break;
    case SESSION_MORE:
        if (agent->session.greeted && !greeted) {
            agent->pause = PAUSE_FIRST;
            say_info("agent of domain %u connected: version %s, kernel %s", agent->domain,
                     agent->session.hello.agent_version, agent->session.hello.kernel);
        }
        break;
    case SESSION_END:
        close_channel(agent);
        agent->state = AGENT_PAUSED;
        agent->retry = now + agent->pause;
        break;
    }
}

/* One step for each that has something to do: nobody gets a second before all had their first. */
static bool round_(uint64_t now)
{
    bool more = false;

    for (struct agent *agent = agents; agent; agent = agent->next) {
        if (agent->state != AGENT_OPEN || !agent->runnable)
            continue;
        step(agent, now);
        more = more || (agent->state == AGENT_OPEN && agent->runnable);
    }
    return more;
}

static void tick(uint64_t now)
{
    for (struct agent *agent = agents; agent; agent = agent->next) {
        agent->runnable = true; /* deadlines and the rate limit move with the clock */
        if (agent->state == AGENT_PAUSED && now >= agent->retry) {
            agent->state = AGENT_ARMED;
            store_arm_agent(agent->domain); /* tells at once of what is there already */
        }
    }
}

void agents_domain_appeared(const struct domain *domain)
{
    struct agent *agent = find(domain->id);

    if (agent)
        return;
    agent = calloc(1, sizeof(*agent));
    if (!agent)
        return;
    agent->domain = domain->id;
    agent->pause = PAUSE_FIRST;
    agent->next = agents;
    agents = agent;
    store_arm_agent(agent->domain);
}

void agents_domain_gone(const struct domain *domain)
{
    struct agent **link = &agents;

    while (*link && (*link)->domain != domain->id)
        link = &(*link)->next;
    struct agent *agent = *link;
    if (!agent)
        return;
    *link = agent->next;
    if (agent->state == AGENT_OPEN)
        close_channel(agent);
    if (agent->state == AGENT_ARMED)
        store_disarm_agent(agent->domain);
    free(agent);
}

void agents_view(uint16_t domain, struct agent_view *view)
{
    const struct agent *agent = find(domain);

    memset(view, 0, sizeof(*view));
    if (!agent)
        return;
    memcpy(view->last_end, agent->last_end, sizeof(view->last_end));
    view->connected = agent->state == AGENT_OPEN;
    if (!view->connected)
        return;
    const struct session *session = &agent->session;
    uint64_t now = loop_now();
    view->greeted = session->greeted;
    view->hello = session->hello;
    view->has_status = session->status_time != 0;
    view->status = session->status;
    view->status_age = now - (view->has_status ? session->status_time : session->opened);
    view->stale = view->status_age > STALE;
    view->requests = session->requests;
    view->refused = session->refused;
}

/* Ids are listed in pages; the list changes under us, but ids only grow. */
static void sweep(struct hypercalls *monitor)
{
    struct cloister_enclave_info page[64];
    struct cloister_list op = {.start = 0, .capacity = 64, .buffer = (uintptr_t)page};

    for (;;) {
        if (hypercall_list(monitor, &op))
            return;
        for (uint32_t i = 0; i < op.count && i < 64; i++) {
            struct cloister_destroy destroy = {.enclave = page[i].enclave};

            if (page[i].state != CLOISTER_ENCLAVE_BUILDING)
                continue;
            if (!hypercall_destroy(monitor, &destroy))
                say_info("enclave %u of domain %u was left half-built: destroyed", page[i].enclave,
                         page[i].domain);
        }
        if (op.count < 64 || page[63].enclave == UINT32_MAX)
            return;
        op = (struct cloister_list){
            .start = page[63].enclave + 1, .capacity = 64, .buffer = (uintptr_t)page};
    }
}

int agents_initialise(const struct session_host *host)
{
    host_ = host;
    sweep(host->monitor);
    store_on_agent(offered);
    loop_on_tick(tick);
    loop_on_round(round_);
    return 0;
}

void agents_finalise(void)
{
    while (agents) {
        struct domain domain = {.id = agents->domain};

        agents_domain_gone(&domain);
    }
}
