/* SPDX-License-Identifier: MIT */
/* The agent's parts, for those that need more than one of them. */
#ifndef CLOISTER_AGENT_AGENT_H
#define CLOISTER_AGENT_AGENT_H

#include "apps.h"
#include "config.h"
#include "enclaves.h"
#include "hostlink.h"

struct agent {
    struct config config;
    struct hostlink *link;
    struct enclaves enclaves;
    struct apps *apps;
    uint64_t started;     /* milliseconds, monotonic */
    uint64_t now;
    uint64_t status_due;  /* when the next STATUS is to be sent */
    bool status_on_way;   /* the one before has no reply yet */
};

#endif
