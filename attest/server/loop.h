/* SPDX-License-Identifier: MIT */
/* What http.c, connection.c and exchange.c share of an event thread. */
#ifndef CLOISTER_SERVER_LOOP_H
#define CLOISTER_SERVER_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <openssl/ssl.h>

#include "server/quiet.h"
#include "server/shares.h"
#include "service/service.h"

struct http;
struct request;
struct connection;

/* One event thread. Locking: `lock` protects the list of replies; the rest is the thread's own. */
struct loop {
    struct http *http;
    struct event_base *base;
    struct evhttp *server;
    struct evconnlistener *listener; /* NULL: it has been closed */
    struct event *wake, *pause, *beat;
    _Atomic int64_t beaten; /* s, monotonic: when `beat` last came */
    int wake_fd;
    uint32_t connections;
    LIST_HEAD(, connection) all;
    pthread_t thread;
    bool running;
    bool paused; /* out of descriptors: nothing is accepted for a moment */
    pthread_mutex_t lock;
    struct request *done;
};

struct http {
    struct service *service;
    struct workers *workers;
    int fd;
    uint32_t count;
    _Atomic bool halting;
    struct shares *addresses; /* connections of each address */
    struct shares *strangers; /* places of the queue of each address, but for known tokens */
    struct shares *hosts;     /* places of the queue of each known token */
    struct quiet crowded, exhausted;
    struct loop loops[];
};

/* All connections that the loop's share allows. */
bool loop_is_full(const struct loop *loop);
/* Accepts again where it can. */
void loop_accept(struct loop *loop);

#endif
