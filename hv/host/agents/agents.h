/* SPDX-License-Identifier: MIT */
/*
 * One agent per domain: waits for the channel that it offers in xenstore, connects, and runs the
 * session, a step at a time and in turn with all others. Main thread only.
 */
#ifndef CLOISTER_HOST_AGENTS_H
#define CLOISTER_HOST_AGENTS_H

#include "domains/domains.h"
#include "agents/session.h"

struct agent_view {
    bool connected;
    bool greeted;
    bool has_status, stale; /* a status came; it is older than three periods */
    uint64_t status_age;    /* milliseconds */
    struct cloister_msg_hello hello;
    struct cloister_msg_status status;
    uint64_t requests, refused;
    char last_end[160]; /* why the last channel ended; empty if it did not, or the agent left */
};

/*
 * Begins; ends enclaves that a former daemon left half-built, for their channels are gone.
 * `host` must stay.
 */
__attribute__((warn_unused_result)) int agents_initialise(const struct session_host *host);
void agents_finalise(void);

/* Hooks for domains.c. */
void agents_domain_appeared(const struct domain *domain);
void agents_domain_gone(const struct domain *domain);

void agents_view(uint16_t domain, struct agent_view *view);

#endif
