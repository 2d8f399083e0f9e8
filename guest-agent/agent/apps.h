/* SPDX-License-Identifier: MIT */
/*
 * The applications: one connection each over the agent's socket (app_protocol.h). Answers of the
 * host come later than the requests and find their connection by its serial number, which is never
 * used again; so an application can disappear at any time.
 *
 * A connection is closed only in apps_sweep: nothing called from elsewhere makes one disappear.
 */
#ifndef CLOISTER_AGENT_APPS_H
#define CLOISTER_AGENT_APPS_H

#include <poll.h>

#include "libcloister/app_protocol.h"
#include "agent/config.h"
#include "agent/enclaves.h"

#define APPS_MAX 1024u

/* What questions are answered from: status.c, listing.c, relay.c; a test's fake. */
struct apps_services {
    /* Each answers by apps_answer, now or later, or returns a negative errno. */
    int (*status)(void *context, uint64_t app, uint32_t number, uid_t uid);
    int (*list)(void *context, uint64_t app, uint32_t number, uid_t uid, uint32_t start);
    int (*relay)(void *context, uint64_t app, const struct app_request *request);
    void *context;
};

struct apps;

/* Listens at config->socket. 0 or a negative errno. */
__attribute__((warn_unused_result)) int apps_new(const struct config *config,
                                                 struct enclaves *enclaves,
                                                 const struct apps_services *services,
                                                 struct apps **apps);
/* Closes everything; enclaves are not told. */
void apps_free(struct apps *apps);

/* Takes over a connected socket. Refuses (and closes it) where a limit is reached. */
__attribute__((warn_unused_result)) int apps_connect(struct apps *apps, int descriptor);

/* Descriptors to poll: at most APPS_MAX + 1. */
unsigned int apps_poll(const struct apps *apps, struct pollfd *events);
/* Reads what has come. */
void apps_handle(struct apps *apps, const struct pollfd *events, unsigned int count);
/* Closes what is to be closed and ends its enclaves; says how many. */
unsigned int apps_sweep(struct apps *apps);

/* As enclaves_events.answer. Nothing happens if the connection is gone. */
void apps_answer(struct apps *apps, uint64_t app, uint32_t number, const struct app_reply *reply,
                 const void *body, size_t size, int descriptor);

unsigned int apps_count(const struct apps *apps);
uint64_t apps_served(const struct apps *apps); /* requests, since start */

#endif
