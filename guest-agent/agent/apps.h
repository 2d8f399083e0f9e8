/* SPDX-License-Identifier: MIT */
/*
 * The applications: one connection each over the agent's socket (app_protocol.h). Answers of the
 * host come later than the requests and find their connection by its serial number, which is never
 * used again; so an application can disappear at any time.
 *
 * A connection is closed only in apps_sweep: nothing called from elsewhere makes one disappear.
 *
 * Who asks is found out with each request, not with the connection, which may have been handed on.
 * One user's numbers are limited (agent.conf), and of the last free places nobody gets more than he
 * leaves to others: a user who has no connection yet gets one. So many connections are let in that
 * a descriptor is there for all that each of them needs. Where one is lacking nevertheless, the
 * listener rests for a moment, and a request whose descriptor did not arrive is refused and may be
 * repeated.
 */
#ifndef CLOISTER_AGENT_APPS_H
#define CLOISTER_AGENT_APPS_H

#include <poll.h>

#include "libcloister/app_protocol.h"
#include "agent/config.h"
#include "agent/enclaves.h"

#define APPS_MAX 1024u
#define APPS_DESCRIPTORS                                                                           \
    3u /* of each: itself, and while it loads the image and the shared window */
#define APPS_SPARE_DESCRIPTORS 64u /* for everything else in the agent */
#define APPS_FOR_ROOT 8u           /* of the places, for user 0 alone */
#define APPS_REST 1000u /* ms without listening, where descriptors or memory have run out */

/* What questions are answered from: status.c, listing.c, relay.c; a test's fake. */
struct apps_services {
    /* Each answers by apps_answer, now or later, or returns a negative errno. */
    int (*status)(void *context, const struct owner *from, uint32_t number);
    int (*list)(void *context, const struct owner *from, uint32_t number, uint32_t start);
    int (*relay)(void *context, const struct owner *from, const struct app_request *request);
    /* The connection is closed: its answers are not wanted any more. */
    void (*gone)(void *context, uint64_t app);
    void *context;
};

struct apps;

/* Listens at config->socket, for as many as RLIMIT_NOFILE allows. 0 or a negative errno; -EMFILE:
 * it allows none. */
__attribute__((warn_unused_result)) int apps_new(const struct config *config,
                                                 struct enclaves *enclaves,
                                                 const struct apps_services *services,
                                                 struct apps **apps);
/* Closes everything; enclaves are not told. */
void apps_free(struct apps *apps);

/* Takes over a connected socket. Refuses (and closes it) where a limit is reached: -EUSERS,
 * -ENOMEM, -EPERM. */
__attribute__((warn_unused_result)) int apps_connect(struct apps *apps, int descriptor);

/* Descriptors to poll: at most APPS_MAX + 1. `now`, here and below: milliseconds, monotonic. */
unsigned int apps_poll(const struct apps *apps, struct pollfd *events, uint64_t now);
/* Reads what has come. */
void apps_handle(struct apps *apps, const struct pollfd *events, unsigned int count, uint64_t now);
/* Closes what is to be closed and ends its enclaves; says how many. */
unsigned int apps_sweep(struct apps *apps);

/* As enclaves_events.answer. Nothing happens if the connection is gone. */
void apps_answer(struct apps *apps, uint64_t app, uint32_t number, const struct app_reply *reply,
                 const void *body, size_t size, int descriptor);

unsigned int apps_count(const struct apps *apps);
uint64_t apps_served(const struct apps *apps); /* requests, since start */

#endif
