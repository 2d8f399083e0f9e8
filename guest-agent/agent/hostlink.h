/* SPDX-License-Identifier: MIT */
/*
 * The link to cloisterd: offers the channel, greets, sends requests, matches replies.
 *
 *   DOWN ──open──> WAITING ──cloisterd comes──> GREETING ──reply to HELLO──> UP
 *     ^               │                            │                        │
 *     └───────────────┴── it goes, breaks the protocol, or is silent, ──────┘
 *                         or the offer is gone
 *
 * A link that ends fails every request that has no reply yet, and is offered again a second later
 * as a new channel. What cloisterd had done of them is not known then; whoever asked finds out by
 * LIST on the next link.
 *
 * The agent's own requests are sent before those of applications. Of applications' only
 * HOSTLINK_WINDOW are sent at a time, and the next is always of whoever has the fewest among these:
 * a user who asks much waits for the others, not they for him. What is not sent yet is dropped when
 * its application goes. A user may have as much in the queue as he leaves to the others: the first
 * one half, the next half of the rest.
 *
 * Nothing here blocks; hostlink_run does all that can be done now. One thread.
 */
#ifndef CLOISTER_AGENT_HOSTLINK_H
#define CLOISTER_AGENT_HOSTLINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cloister/protocol.h"
#include "agent/transport.h"

#define HOSTLINK_MAX_QUEUED 1024u      /* requests without reply */
#define HOSTLINK_MAX_BYTES (32u << 20) /* of requests not yet sent */
#define HOSTLINK_OWN_QUEUED 128u       /* of these, for the agent's own requests alone */
#define HOSTLINK_OWN_BYTES (1u << 20)
#define HOSTLINK_WINDOW 16u  /* applications' requests that are sent and have no reply */
#define HOSTLINK_RETRY 1000u /* milliseconds between two offers */
#define HOSTLINK_LOOK 5000u  /* milliseconds between two looks whether the offer stands */

enum hostlink_state { HOSTLINK_DOWN, HOSTLINK_WAITING, HOSTLINK_GREETING, HOSTLINK_UP };

/*
 * The end of a request, exactly once, from within hostlink_run, hostlink_drop or hostlink_free.
 * `error` is 0 or a negative errno: cloisterd's (then *reply is set, with reason, found and
 * allowed) or the link's (reply NULL): -ECONNRESET it ended, -ETIMEDOUT no reply in time, -EPROTO
 * it broke the protocol, -ECANCELED the agent ends, or the application has gone. `body` is what
 * follows the reply, valid during the call.
 */
typedef void hostlink_done(void *context, int error, const struct cloister_msg_reply *reply,
                           const void *body, size_t size);

struct hostlink_events {
    void (*up)(void *context);   /* may send requests */
    void (*down)(void *context); /* after all requests were ended; was up before */
};

struct hostlink_part {
    const void *data;
    size_t size;
};

struct hostlink;

/* On whose behalf a request is made. */
struct hostlink_asker {
    uint64_t app;  /* the connection's serial number; 0: none that could go */
    uid_t account; /* who answers for it (account.h) */
};

/* `timeout`: milliseconds that a request may be without reply once it is being sent. -ENOMEM. */
__attribute__((warn_unused_result)) int hostlink_new(const struct transport *transport,
                                                     const struct hostlink_events *events,
                                                     void *context, uint64_t timeout,
                                                     struct hostlink **link);
/* Ends all requests, closes the channel. */
void hostlink_free(struct hostlink *link);

/* Does what can be done at `now` (milliseconds, monotonic). */
void hostlink_run(struct hostlink *link, uint64_t now);
/* The descriptor was readable: takes the event. Call hostlink_run then. */
void hostlink_wake(struct hostlink *link);
/* To poll for reading; -1 while the link is down. Changes when the state does. */
int hostlink_descriptor(const struct hostlink *link);
enum hostlink_state hostlink_state(const struct hostlink *link);

/*
 * Queues a request; its body is the parts one after the other, copied. `asker` NULL: it is the
 * agent's own. Where it fails `done` is not called:
 *   -EHOSTDOWN  the link is not up
 *   -EMSGSIZE   more than CLOISTER_MAX_BODY
 *   -ENOBUFS    too much is queued already
 *   -ENOMEM
 */
__attribute__((warn_unused_result)) int
hostlink_request(struct hostlink *link, const struct hostlink_asker *asker, uint16_t type,
                 const struct hostlink_part *parts, unsigned int count, hostlink_done *done,
                 void *context);
/* The application has gone: ends its requests that are not being sent yet (-ECANCELED). */
void hostlink_drop(struct hostlink *link, uint64_t app);

#endif
