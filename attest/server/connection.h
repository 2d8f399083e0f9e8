/* SPDX-License-Identifier: MIT */
/*
 * A client's connection: TLS, how long everything may take, and what comes out of it, one whole
 * request at a time. The bytes are read here (head.h, chunks.h); libevent's HTTP server gets of
 * each request one line that is always the same, and writes the reply. So there are no two
 * opinions about where a request ends.
 *
 *   READS_HEAD    until the empty line. Its head alone decides whether a request is refused.
 *   WAITS         a worker looks whether the store knows the token; nothing more is read
 *   READS_BODY    of a request that will be answered; or a small one, of one that is refused
 *   ANSWERS       until the reply was sent; what comes meanwhile waits
 *   DISCARDS      the last reply was sent, and close_notify: all that still comes is thrown away,
 *                 for a moment, so that the client can read the reply (RFC 9112, 9.6)
 *
 * All of it is the event thread's own.
 */
#ifndef CLOISTER_SERVER_CONNECTION_H
#define CLOISTER_SERVER_CONNECTION_H

#include "server/chunks.h"
#include "server/loop.h"
#include "server/request.h"

struct bufferevent;
struct evbuffer;

enum connection_state { READS_HEAD, WAITS, READS_BODY, ANSWERS, DISCARDS };

/* Lives as long as its SSL. */
struct connection {
    LIST_ENTRY(connection) all;
    struct loop *loop;
    struct bufferevent *stream;
    SSL *ssl;
    struct event *deadline, *arrival;
    struct shares_key address;
    char address_text[REQUEST_ADDRESS];
    bool counted; /* in http->addresses */
    enum connection_state state;
    bool taking;             /* bytes are looked at: no second time */
    bool last;               /* no request is read after this one */
    struct evbuffer *unread; /* what no request has yet */
    struct request *request; /* that is being read, or waits for libevent's line */
    bool chunked;
    struct chunks chunks;
    uint64_t missing; /* bytes of its body */
};

/* Once, before the first connection. False: no memory. */
bool connection_initialise(void);
/* For evhttp_set_bevcb(); `loop`. */
struct bufferevent *connection_new(struct event_base *base, void *loop);
/* NULL: the client has gone. */
struct connection *connection_of(struct evhttp_request *carrier);
/* The request that libevent's line stands for. */
struct request *connection_take_request(struct connection *connection);
/* A worker has looked its token up: request->status is set, or it may go on. */
void connection_resume(struct connection *connection);
/* The reply is on its way: it must be taken in time. */
void connection_answers(struct connection *connection, struct evhttp_request *carrier, bool last);
/* close_notify, for who is still connected at the end. */
void connection_say_goodbye(struct connection *connection);

#endif
