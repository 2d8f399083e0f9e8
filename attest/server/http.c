/* SPDX-License-Identifier: MIT */
#include "server/http.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/say.h"
#include "server/connection.h"
#include "server/exchange.h"
#include "server/loop.h"
#include "server/tls.h"

#define BACKLOG 1024
#define DRAIN_S 10
#define PAUSE_MS 200   /* without descriptors */
#define EXHAUSTED_S 60 /* between two lines of the log */

bool loop_is_full(const struct loop *loop)
{
    return (uint64_t)loop->connections * loop->http->count >=
           loop->http->service->config.connections;
}

void loop_accept(struct loop *loop)
{
    if (loop->listener && !loop->paused && !loop_is_full(loop) &&
        !atomic_load(&loop->http->service->stopping)) {
        evconnlistener_enable(loop->listener);
    }
}

/* --- replies of other threads -------------------------------------------------------------- */

static void wake(struct loop *loop)
{
    const uint64_t one = 1;

    if (write(loop->wake_fd, &one, sizeof(one)) < 0) {
        say_error("waking an event thread: %s", strerror(errno));
    }
}

void http_deliver(struct request *request)
{
    struct loop *loop = request->loop;
    bool first;

    pthread_mutex_lock(&loop->lock);
    first = !loop->done;
    request->next = loop->done;
    loop->done = request;
    pthread_mutex_unlock(&loop->lock);
    if (first) {
        wake(loop);
    }
}

static void take_back(struct request *request)
{
    exchange_leave(request);
    if (!request->looks_up) {
        exchange_reply(request);
    } else if (!request->connection) { /* the client has gone */
        request_free(request);
    } else {
        request->looks_up = false;
        connection_resume(request->connection);
    }
}

static void on_done(evutil_socket_t fd, short events, void *argument)
{
    struct loop *loop = argument;
    const struct timeval flush = {0, 200000};
    struct request *request, *next;
    uint64_t count;

    (void)events;
    if (read(fd, &count, sizeof(count)) < 0) {
        return;
    }
    pthread_mutex_lock(&loop->lock);
    request = loop->done;
    loop->done = NULL;
    pthread_mutex_unlock(&loop->lock);
    for (; request; request = next) {
        next = request->next;
        take_back(request);
    }
    if (atomic_load(&loop->http->service->stopping)) {
        evconnlistener_disable(loop->listener);
    }
    if (atomic_load(&loop->http->halting)) {
        event_base_loopexit(loop->base, &flush);
    }
}

/* A whole request, of which libevent has only a line. */
static void on_request(struct evhttp_request *carrier, void *argument)
{
    struct connection *connection = connection_of(carrier);
    struct request *request = connection ? connection_take_request(connection) : NULL;

    (void)argument;
    if (!request) {
        evhttp_send_error(carrier, 503, NULL);
        return;
    }
    request->carrier = carrier;
    exchange_dispatch(request);
}

/* --- beginning and end --------------------------------------------------------------------- */

static bool parse_address(const char *where, struct sockaddr_storage *address, int *size, char *why,
                          size_t why_size)
{
    memset(address, 0, sizeof(*address));
    *size = sizeof(*address);
    /* Without a port it is the same place in both kinds of address that has zeros. */
    if (evutil_parse_sockaddr_port(where, (struct sockaddr *)address, size) ||
        !((struct sockaddr_in *)address)->sin_port) {
        snprintf(why, why_size, "listen: ADDRESS:PORT is expected, not '%.100s'", where);
        return false;
    }
    return true;
}

bool http_check(const struct config *config, char *why, size_t why_size)
{
    struct sockaddr_storage address;
    int size;

    return parse_address(config->listen, &address, &size, why, why_size);
}

static int listen_at(const char *where, char *why, size_t why_size)
{
    struct sockaddr_storage address;
    int size, one = 1, fd = -1;

    if (!parse_address(where, &address, &size, why, why_size)) {
        return -1;
    }
    fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* What is accepted inherits TCP_NODELAY: a reply's last record does not wait for an ACK. */
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
        bind(fd, (struct sockaddr *)&address, (socklen_t)size) || listen(fd, BACKLOG)) {
        snprintf(why, why_size, "listen: %.100s: %s", where, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

/* What is enabled and disabled again in one turn of the loop costs no system call. */
static struct event_base *make_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config && !event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST)) {
        base = event_base_new_with_config(config);
    }
    if (config) {
        event_config_free(config);
    }
    return base;
}

static _Thread_local struct loop *this_loop; /* of an event thread */

static void on_pause_over(evutil_socket_t fd, short events, void *argument)
{
    struct loop *loop = argument;

    (void)fd;
    (void)events;
    loop->paused = false;
    loop_accept(loop);
}

/*
 * Out of descriptors or memory: who waits is accepted later, and the log is not filled. What
 * libevent gives as an argument is its HTTP server's own.
 */
static void on_accept_error(struct evconnlistener *listener, void *argument)
{
    const struct timeval pause = {0, PAUSE_MS * 1000};
    int error = EVUTIL_SOCKET_ERROR();
    struct loop *loop = this_loop;
    uint64_t more;

    (void)argument;
    loop->paused = true;
    evconnlistener_disable(listener);
    event_add(loop->pause, &pause);
    if (quiet_may_say(&loop->http->exhausted, clock_nanoseconds() / 1000000000, EXHAUSTED_S,
                      &more)) {
        say_error("no connection can be accepted: %s; it was tried %llu times since this was said "
                  "last",
                  strerror(error), (unsigned long long)more);
    }
}

static void on_beat(evutil_socket_t fd, short events, void *argument)
{
    struct loop *loop = argument;

    (void)fd;
    (void)events;
    atomic_store(&loop->beaten, clock_nanoseconds() / 1000000000);
}

bool http_is_alive(const struct http *http, int64_t since)
{
    for (uint32_t i = 0; i < http->count; i++) {
        if (atomic_load(&http->loops[i].beaten) < since) {
            return false;
        }
    }
    return true;
}

static bool open_listener(struct http *http, struct loop *loop)
{
    int fd = dup(http->fd);

    loop->listener = fd < 0
                         ? NULL
                         : evconnlistener_new(loop->base, NULL, NULL,
                                              LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (!loop->listener || !evhttp_bind_listener(loop->server, loop->listener)) {
        return false;
    }
    evconnlistener_set_error_cb(loop->listener, on_accept_error);
    return true;
}

static bool open_loop(struct http *http, struct loop *loop)
{
    const struct config *config = &http->service->config;
    const struct timeval second = {1, 0};

    loop->http = http;
    on_beat(-1, 0, loop);
    pthread_mutex_init(&loop->lock, NULL);
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    loop->base = make_base();
    loop->server = loop->base ? evhttp_new(loop->base) : NULL;
    if (loop->wake_fd < 0 || !loop->server) {
        return false;
    }
    evhttp_set_bevcb(loop->server, connection_new, loop);
    evhttp_set_gencb(loop->server, on_request, loop);
    evhttp_set_allowed_methods(loop->server, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_timeout(loop->server, (int)config->request_timeout);
    evhttp_set_default_content_type(loop->server, NULL);
    loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_done, loop);
    loop->pause = event_new(loop->base, -1, 0, on_pause_over, loop);
    loop->beat = event_new(loop->base, -1, EV_PERSIST, on_beat, loop);
    if (!loop->wake || event_add(loop->wake, NULL) || !loop->pause || !loop->beat ||
        event_add(loop->beat, &second) || !open_listener(http, loop)) {
        return false;
    }
    return true;
}

static bool open_shares(struct http *http, const struct config *config)
{
    uint32_t strangers = (config->queue + 3) / 4;

    http->addresses = shares_new(config->connections_per_address);
    http->strangers = shares_new((strangers + 3) / 4);
    http->hosts = shares_new(config->queue < 16 ? 2 : config->queue / 8);
    return connection_initialise() && http->addresses && http->strangers && http->hosts;
}

struct http *http_open(struct service *service, char *why, size_t why_size)
{
    uint32_t count = service->config.event_threads;
    struct http *http = calloc(1, sizeof(*http) + count * sizeof(struct loop));
    bool good = http != NULL;

    if (!good) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    http->service = service;
    http->fd = -1;
    good = open_shares(http, &service->config);
    if (good) {
        http->fd = listen_at(service->config.listen, why, why_size);
        good = http->fd >= 0;
    } else {
        snprintf(why, why_size, "out of memory");
    }
    for (; good && http->count < count; http->count++) {
        good = open_loop(http, &http->loops[http->count]);
        if (!good) {
            snprintf(why, why_size, "libevent cannot be used: out of memory or descriptors");
        }
    }
    if (!good) {
        http_close(http);
        return NULL;
    }
    return http;
}

static void *run(void *argument)
{
    struct loop *loop = argument;

    this_loop = loop;
    event_base_dispatch(loop->base);
    return NULL;
}

bool http_start(struct http *http, struct workers *workers)
{
    http->workers = workers;
    for (uint32_t i = 0; i < http->count; i++) {
        struct loop *loop = &http->loops[i];

        loop->running = !pthread_create(&loop->thread, NULL, run, loop);
        if (!loop->running) {
            return false;
        }
    }
    return true;
}

void http_stop(struct http *http)
{
    struct service *service = http->service;
    const struct timespec moment = {0, 10000000};

    atomic_store(&service->stopping, true);
    for (uint32_t i = 0; i < http->count; i++) {
        wake(&http->loops[i]);
    }
    for (int i = 0; i < DRAIN_S * 100 && atomic_load(&service->in_flight); i++) {
        nanosleep(&moment, NULL);
    }
    atomic_store(&http->halting, true);
    for (uint32_t i = 0; i < http->count; i++) {
        if (http->loops[i].running) {
            wake(&http->loops[i]);
            pthread_join(http->loops[i].thread, NULL);
        }
    }
}

static void close_loop(struct loop *loop)
{
    struct connection *connection;

    LIST_FOREACH(connection, &loop->all, all)
    {
        connection_say_goodbye(connection);
    }
    loop->listener = NULL; /* the server's */
    if (loop->server) {
        evhttp_free(loop->server);
    }
    if (loop->wake) {
        event_free(loop->wake);
    }
    if (loop->beat) {
        event_free(loop->beat);
    }
    if (loop->pause) {
        event_free(loop->pause);
    }
    if (loop->base) {
        event_base_free(loop->base);
    }
    if (loop->wake_fd >= 0) {
        close(loop->wake_fd);
    }
    pthread_mutex_destroy(&loop->lock);
}

void http_close(struct http *http)
{
    for (uint32_t i = 0; i < http->count; i++) {
        close_loop(&http->loops[i]);
    }
    if (http->fd >= 0) {
        close(http->fd);
    }
    shares_free(http->hosts);
    shares_free(http->strangers);
    shares_free(http->addresses);
    free(http);
}
