/* SPDX-License-Identifier: MIT */
/* The agent as a whole, and its parts for those that need more than one of them. */
#ifndef CLOISTER_AGENT_AGENT_H
#define CLOISTER_AGENT_AGENT_H

#include "agent/apps.h"
#include "agent/config.h"
#include "agent/enclaves.h"
#include "agent/hostlink.h"

struct agent {
    struct config config;
    struct hostlink *link;
    struct enclaves enclaves;
    struct apps *apps;
    uint64_t started; /* milliseconds, monotonic */
    uint64_t now;
    uint64_t status_due; /* when the next STATUS is to be sent */
    bool status_on_way;  /* the one before has no reply yet */
};

/* Starts all parts with agent->config; what went wrong is logged. 0 or a negative errno. */
__attribute__((warn_unused_result)) int agent_start(struct agent *agent,
                                                    const struct transport *transport);
/* Serves until `stop` is readable. */
void agent_run(struct agent *agent, int stop);
/* Ends all parts; enclaves that live go on living. */
void agent_stop(struct agent *agent);

#endif
