/* SPDX-License-Identifier: MIT */
#include "server/http.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include "server/route.h"
#include "base/say.h"
#include "server/tls.h"

#define MAX_HEADERS 8192
#define BACKLOG 1024
#define HIGH_WATER (REQUEST_MAX_BODY + 65536u) /* of what is read ahead of one connection */
#define LARGEST                                                                                    \
    (REQUEST_MAX_BODY + 16384u) /* libevent refuses what is larger, with a page of its own */
#define DRAIN_S 10

/* One event thread. Locking: `lock` protects the list of replies; the rest is the thread's own. */
struct loop {
    struct http *http;
    struct event_base *base;
    struct evhttp *server;
    struct evconnlistener *listener;
    struct event *wake;
    int wake_fd;
    uint32_t connections;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock;
    struct request *done;
};

struct http {
    struct service *service;
    struct workers *workers;
    SSL_CTX *tls;
    int fd;
    uint32_t count;
    _Atomic bool halting;
    struct loop loops[];
};

static int connection_index = -1; /* of SSL_get_ex_data() */

/* Lives as long as its SSL. */
struct connection {
    struct loop *loop;
    struct bufferevent *stream;
    struct event *deadline;
};

/* --- connections --------------------------------------------------------------------------- */

static void connection_deadline(struct connection *connection)
{
    struct timeval limit = {connection->loop->http->service->config.request_timeout, 0};

    event_add(connection->deadline, &limit);
}

/* All connections that its share allows. */
static bool is_full(const struct loop *loop)
{
    return (uint64_t)loop->connections * loop->http->count >=
           loop->http->service->config.connections;
}

/* libevent's HTTP server sees an end of the stream, and frees the connection. */
static void connection_late(evutil_socket_t fd, short events, void *argument)
{
    struct connection *connection = argument;

    (void)fd;
    (void)events;
    shutdown(bufferevent_getfd(connection->stream), SHUT_RDWR);
}

static void connection_gone(void *parent, void *data, CRYPTO_EX_DATA *all, int index, long unused,
                            void *argument)
{
    struct connection *connection = data;

    (void)parent;
    (void)all;
    (void)index;
    (void)unused;
    (void)argument;
    if (connection) {
        struct loop *loop = connection->loop;

        event_free(connection->deadline);
        free(connection);
        loop->connections--;
        if (loop->listener && !is_full(loop) && !atomic_load(&loop->http->service->stopping)) {
            evconnlistener_enable(loop->listener);
        }
    }
}

/*
 * libevent writes each piece of a reply as a TLS record of its own, with a system call; head and
 * body become one piece before it begins to.
 */
static void join_pieces(struct evbuffer *output, const struct evbuffer_cb_info *info,
                        void *argument)
{
    (void)argument;
    if (info->n_added) {
        evbuffer_pullup(output, -1);
    }
}

/*
 * Where there is no memory, a stream without TLS: libevent makes one anyway if it gets none, and
 * on_request() answers nothing there.
 */
static struct bufferevent *connection_new(struct event_base *base, void *argument)
{
    struct loop *loop = argument;
    struct http *http = loop->http;
    struct connection *connection = calloc(1, sizeof(*connection));
    SSL *ssl = SSL_new(http->tls);
    struct bufferevent *stream = NULL;

    if (connection && ssl) {
        connection->loop = loop;
        connection->deadline = event_new(base, -1, 0, connection_late, connection);
        stream = connection->deadline
                     ? bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                                      BEV_OPT_CLOSE_ON_FREE)
                     : NULL;
    }
    if (!stream) {
        if (connection && connection->deadline) {
            event_free(connection->deadline);
        }
        free(connection);
        SSL_free(ssl);
        return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    }
    connection->stream = stream;
    bufferevent_openssl_set_allow_dirty_shutdown(stream, 1);
    evbuffer_add_cb(bufferevent_get_output(stream), join_pieces, NULL);
    bufferevent_setwatermark(stream, EV_READ, 0, HIGH_WATER);
    SSL_set_ex_data(ssl, connection_index, connection);
    loop->connections++;
    if (is_full(loop)) {
        evconnlistener_disable(loop->listener);
    }
    connection_deadline(connection);
    return stream;
}

/* NULL: the client has gone, or there never was TLS. */
static struct connection *connection_of(struct evhttp_request *carrier, SSL **ssl)
{
    struct evhttp_connection *link = evhttp_request_get_connection(carrier);
    struct bufferevent *stream = link ? evhttp_connection_get_bufferevent(link) : NULL;
    SSL *found = stream ? bufferevent_openssl_get_ssl(stream) : NULL;

    if (ssl) {
        *ssl = found;
    }
    return found ? SSL_get_ex_data(found, connection_index) : NULL;
}

/* --- replies ------------------------------------------------------------------------------- */

static void on_sent(struct evhttp_request *carrier, void *argument)
{
    (void)carrier;
    connection_deadline(argument);
}

/* What administrators change is told to the operator; what others try would only fill the log. */
static void note_change(const struct request *request)
{
    static const char *const methods[] = {"GET", "PUT", "POST", "DELETE"};
    const struct route *route = request->route;

    if (*request->administrator && route->method != ROUTE_GET) {
        say_info("%s: %s %s %s: %d", request->administrator, methods[route->method], route->path,
                 request->argument, request->status);
    }
}

static void send_reply(struct request *request)
{
    struct evhttp_request *carrier = request->carrier;
    struct connection *connection = connection_of(carrier, NULL);
    struct evkeyvalq *headers = evhttp_request_get_output_headers(carrier);
    struct evbuffer *body = evbuffer_new();
    char number[16];

    note_change(request);
    evhttp_add_header(headers, "Content-Type", request->reply_type);
    evhttp_add_header(headers, "Cache-Control", "no-store");
    if (request->retry_after) {
        snprintf(number, sizeof(number), "%u", request->retry_after);
        evhttp_add_header(headers, "Retry-After", number);
    }
    if (*request->location) {
        evhttp_add_header(headers, "Location", request->location);
    }
    if (*request->etag) {
        evhttp_add_header(headers, "ETag", request->etag);
    }
    if (request->status == 401) {
        evhttp_add_header(headers, "WWW-Authenticate", "Bearer");
    }
    if (body && request->reply) {
        evbuffer_add(body, request->reply, request->reply_size);
    }
    if (connection) {
        evhttp_request_set_on_complete_cb(carrier, on_sent, connection);
        connection_deadline(connection);
    }
    evhttp_send_reply(carrier, request->status, NULL, body);
    if (body) {
        evbuffer_free(body);
    }
    request_free(request);
}

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
        atomic_fetch_sub(&loop->http->service->in_flight, 1);
        send_reply(request);
    }
    if (atomic_load(&loop->http->service->stopping)) {
        evconnlistener_disable(loop->listener);
    }
    if (atomic_load(&loop->http->halting)) {
        event_base_loopexit(loop->base, &flush);
    }
}

/* --- requests ------------------------------------------------------------------------------ */

static bool take_method(enum evhttp_cmd_type command, enum route_method *method)
{
    switch (command) {
    case EVHTTP_REQ_GET:
        *method = ROUTE_GET;
        return true;
    case EVHTTP_REQ_PUT:
        *method = ROUTE_PUT;
        return true;
    case EVHTTP_REQ_POST:
        *method = ROUTE_POST;
        return true;
    case EVHTTP_REQ_DELETE:
        *method = ROUTE_DELETE;
        return true;
    default:
        return false;
    }
}

/* One Authorization header at most, "Bearer TOKEN" (RFC 6750, 2.1). False: it is answered. */
static bool take_token(struct request *request, struct evkeyvalq *headers)
{
    struct evkeyval *header;
    const char *value = NULL;
    int found = 0;

    TAILQ_FOREACH(header, headers, next)
    {
        if (!evutil_ascii_strcasecmp(header->key, "Authorization")) {
            value = header->value;
            found++;
        }
    }
    if (found > 1) {
        reply_error(request, 400, "bad-request", "there is more than one Authorization header");
    } else if (value && (strncmp(value, "Bearer ", 7) || !value[7] ||
                         strlen(value + 7) >= sizeof(request->token))) {
        reply_error(request, 401, "unauthorized", "Authorization: Bearer TOKEN is expected");
    } else if (value) {
        strcpy(request->token, value + 7);
    }
    return !request->status;
}

/* Who may ask this? False: not this one, and it is answered. */
static bool admit(struct request *request, const SSL *ssl)
{
    bool administrator =
        tls_administrator(ssl, request->administrator, sizeof(request->administrator));
    enum route_who who = request->route->who;

    if (administrator && *request->token) {
        reply_error(request, 400, "two-identities",
                    "a client certificate and a bearer token on one request");
    } else if (who == WHO_ADMINISTRATOR && !administrator) {
        reply_error(request, 403, "forbidden", "an administrator's client certificate is needed");
    } else if ((who == WHO_HOST || who == WHO_TICKET) && administrator) {
        reply_error(request, 403, "forbidden", "this is for hosts, not for administrators");
    } else if ((who == WHO_HOST || who == WHO_TICKET) && !*request->token) {
        reply_error(request, 401, "unauthorized", "a bearer token is needed: %s",
                    who == WHO_HOST ? "a host's" : "an enrolment ticket");
    }
    return !request->status;
}

static bool take_body(struct request *request, struct evbuffer *body)
{
    request->size = evbuffer_get_length(body);
    if (request->size > request->route->most) {
        reply_error(request, 413, "too-large", "at most %zu bytes of body are expected",
                    request->route->most);
        return false;
    }
    request->body = malloc(request->size + 1);
    if (!request->body) {
        reply_unavailable(request);
        return false;
    }
    evbuffer_remove(body, request->body, request->size);
    request->body[request->size] = 0;
    return true;
}

/*
 * One length, in one way (RFC 9112, 6.3): of several, somebody between the client and us may have
 * taken another. False: it is answered, and the connection ends.
 */
static bool one_length(struct request *request, struct evkeyvalq *headers)
{
    struct evkeyval *header;
    int found = 0;

    TAILQ_FOREACH(header, headers, next)
    {
        found += !evutil_ascii_strcasecmp(header->key, "Content-Length") ||
                 !evutil_ascii_strcasecmp(header->key, "Transfer-Encoding");
    }
    if (found > 1) {
        reply_error(request, 400, "bad-request", "the body's length is given more than once");
        evhttp_add_header(evhttp_request_get_output_headers(request->carrier), "Connection",
                          "close");
    }
    return found <= 1;
}

/* True: a worker shall answer it. False: it is answered. */
static bool examine(struct request *request, const SSL *ssl)
{
    struct evhttp_request *carrier = request->carrier;
    struct evkeyvalq *headers = evhttp_request_get_input_headers(carrier);
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(carrier);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    const char *query = uri ? evhttp_uri_get_query(uri) : NULL;
    const char *prefer = evhttp_find_header(headers, "Prefer");
    enum route_method method;
    bool other = true;

    if (take_method(evhttp_request_get_command(carrier), &method)) {
        request->route = route_find(method, path ? path : "", request, &other);
    }
    if (!request->route) {
        reply_error(request, other ? 405 : 404, other ? "method-not-allowed" : "not-found", "%s",
                    other ? "this cannot be done here" : "there is nothing here");
        return false;
    }
    if (query && strlen(query) >= sizeof(request->query)) {
        reply_error(request, 414, "too-large", "the query is too long");
        return false;
    }
    strcpy(request->query, query ? query : "");
    request->respond_async = prefer && strstr(prefer, "respond-async"); /* RFC 7240, 4.1 */
    return one_length(request, headers) && take_token(request, headers) && admit(request, ssl) &&
           take_body(request, evhttp_request_get_input_buffer(carrier));
}

/*
 * Past capacity: 429, and when to come back. What begins something has half of the room only, so
 * that what was begun can be finished.
 */
static bool has_room(struct request *request, struct service *service)
{
    uint32_t waiting = atomic_fetch_add(&service->in_flight, 1);
    uint32_t room =
        request->route->begins ? (service->config.queue + 1) / 2 : service->config.queue;
    int64_t seconds;

    if (waiting < room && !atomic_load(&service->stopping)) {
        return true;
    }
    atomic_fetch_sub(&service->in_flight, 1);
    if (atomic_load(&service->stopping)) {
        reply_unavailable(request);
        return false;
    }
    seconds = waiting * atomic_load(&service->mean_ns) / service->config.workers / 1000000000;
    reply_error(request, 429, "too-many-requests", "%u requests are waiting", waiting);
    request->retry_after = 1 + (uint32_t)seconds;
    return false;
}

static void on_request(struct evhttp_request *carrier, void *argument)
{
    struct loop *loop = argument;
    SSL *ssl;
    struct connection *connection = connection_of(carrier, &ssl);
    struct request *request = connection ? request_new() : NULL;

    if (!request) {
        evhttp_send_error(carrier, 503, NULL);
        return;
    }
    event_del(connection->deadline);
    request->loop = loop;
    request->carrier = carrier;
    if (!examine(request, ssl)) {
        send_reply(request);
    } else if (request->route->now) {
        struct worker none = {.service = loop->http->service};

        request->route->handle(&none, request);
        send_reply(request);
    } else if (!has_room(request, loop->http->service)) {
        send_reply(request);
    } else {
        request->queued = service_nanoseconds();
        workers_submit(loop->http->workers, request);
    }
}

/* --- beginning and end --------------------------------------------------------------------- */

static bool parse_address(const char *where, struct sockaddr_storage *address, int *size, char *why,
                          size_t why_size)
{
    memset(address, 0, sizeof(*address));
    *size = sizeof(*address);
    if (evutil_parse_sockaddr_port(where, (struct sockaddr *)address, size)) {
        snprintf(why, why_size, "listen: ADDRESS:PORT is expected, not '%.100s'", where);
        return false;
    }
    return true;
}

bool http_check(const struct config *config, char *why, size_t why_size)
{
    SSL_CTX *tls = tls_context(config, why, why_size);
    struct sockaddr_storage address;
    int size;

    SSL_CTX_free(tls);
    return tls && parse_address(config->listen, &address, &size, why, why_size);
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

static bool open_loop(struct http *http, struct loop *loop)
{
    const struct config *config = &http->service->config;
    int fd;

    loop->http = http;
    pthread_mutex_init(&loop->lock, NULL);
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    loop->base = make_base();
    loop->server = loop->base ? evhttp_new(loop->base) : NULL;
    if (loop->wake_fd < 0 || !loop->server) {
        return false;
    }
    loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_done, loop);
    fd = dup(http->fd);
    loop->listener = fd < 0
                         ? NULL
                         : evconnlistener_new(loop->base, NULL, NULL,
                                              LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (!loop->wake || event_add(loop->wake, NULL) || !loop->listener ||
        !evhttp_bind_listener(loop->server, loop->listener)) {
        return false;
    }
    evhttp_set_bevcb(loop->server, connection_new, loop);
    evhttp_set_gencb(loop->server, on_request, loop);
    evhttp_set_allowed_methods(loop->server, EVHTTP_REQ_GET | EVHTTP_REQ_PUT | EVHTTP_REQ_POST |
                                                 EVHTTP_REQ_DELETE);
    evhttp_set_max_headers_size(loop->server, MAX_HEADERS);
    evhttp_set_max_body_size(loop->server, LARGEST);
    evhttp_set_flags(loop->server,
                     EVHTTP_SERVER_LINGERING_CLOSE); /* who sent too much is told so */
    evhttp_set_timeout(loop->server, (int)config->request_timeout);
    evhttp_set_default_content_type(loop->server, NULL);
    return true;
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
    connection_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, connection_gone);
    http->tls = tls_context(&service->config, why, why_size);
    if (http->tls) {
        http->fd = listen_at(service->config.listen, why, why_size);
    }
    good = http->tls && http->fd >= 0;
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
    loop->listener = NULL; /* the server's */
    if (loop->server) {
        evhttp_free(loop->server);
    }
    if (loop->wake) {
        event_free(loop->wake);
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
    SSL_CTX_free(http->tls);
    free(http);
}
