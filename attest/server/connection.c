/* SPDX-License-Identifier: MIT */
#include "base/say.h"
#include "server/connection.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>

#include "server/exchange.h"
#include "server/head.h"
#include "server/route.h"
#include "server/tls.h"

#define HIGH_WATER 32768u  /* bytes that are read ahead of one connection */
#define SMALL_BODY 65536u  /* of a refused request, is read so that the connection can go on */
#define UNKNOWN_BODY 4096u /* is read before the store was asked whether it knows the token */
#define LINGER_S 2         /* in which the last reply can be taken */
#define CROWDED_S 60       /* between two lines of the log */
#define TRIGGER "GET / HTTP/1.1\r\n\r\n" /* what libevent gets of each request */
#define TRIGGER_HEAD "HEAD / HTTP/1.1\r\n\r\n"

static int connection_index = -1; /* of SSL_get_ex_data() */

static void take_in(struct connection *connection);

/* --- time ---------------------------------------------------------------------------------- */

static void set_deadline(struct connection *connection, uint32_t seconds)
{
    struct timeval limit = {seconds, 0};

    event_add(connection->deadline, &limit);
}

static uint32_t first_timeout(const struct config *config)
{
    return config->handshake_timeout < config->request_timeout ? config->handshake_timeout
                                                               : config->request_timeout;
}

void connection_say_goodbye(struct connection *connection)
{
    if (SSL_is_init_finished(connection->ssl) &&
        !(SSL_get_shutdown(connection->ssl) & SSL_SENT_SHUTDOWN)) {
        SSL_shutdown(connection->ssl); /* RFC 8446, 6.1: the other side need not answer */
        ERR_clear_error();
    }
}

/* libevent's HTTP server sees an end of the stream, and frees the connection. */
static void end(struct connection *connection)
{
    connection_say_goodbye(connection);
    shutdown(bufferevent_getfd(connection->stream), SHUT_RDWR);
}

static void on_deadline(evutil_socket_t fd, short events, void *argument)
{
    (void)fd;
    (void)events;
    end(argument);
}

/* --- beginning and end --------------------------------------------------------------------- */

/* The first moment at which libevent's connection has its descriptor. */
static void on_arrival(evutil_socket_t fd, short events, void *argument)
{
    struct connection *connection = argument;
    struct http *http = connection->loop->http;
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof(address);
    uint64_t more;

    (void)events;
    fd = bufferevent_getfd(connection->stream);
    if (getpeername(fd, (struct sockaddr *)&address, &size)) {
        shutdown(fd, SHUT_RDWR);
        return;
    }
    shares_address((struct sockaddr *)&address, &connection->address);
    getnameinfo((struct sockaddr *)&address, size, connection->address_text,
                sizeof(connection->address_text), NULL, 0, NI_NUMERICHOST);
    connection->counted = shares_take(http->addresses, &connection->address);
    if (!connection->counted) {
        if (quiet_may_say(&http->crowded, clock_nanoseconds() / 1000000000, CROWDED_S, &more)) {
            say_warning("an address has its %u connections (connections-per-address); more are "
                        "closed%s",
                        http->service->config.connections_per_address,
                        more ? ", as several were in the last minute" : "");
        }
        atomic_fetch_add(&http->service->counts.crowded, 1);
        shutdown(fd, SHUT_RDWR);
    }
}

/* The SSL is freed. */
static void on_gone(void *parent, void *data, CRYPTO_EX_DATA *all, int index, long unused,
                    void *argument)
{
    struct connection *connection = data;
    struct loop *loop;

    (void)parent;
    (void)all;
    (void)index;
    (void)unused;
    (void)argument;
    if (!connection) {
        return;
    }
    loop = connection->loop;
    if (connection->request && connection->state == WAITS) {
        connection->request->connection = NULL; /* its worker's: http.c frees it */
    } else {
        request_free(connection->request);
    }
    if (connection->counted) {
        shares_give(loop->http->addresses, &connection->address);
    }
    LIST_REMOVE(connection, all);
    event_free(connection->deadline);
    event_free(connection->arrival);
    evbuffer_free(connection->unread);
    free(connection);
    loop->connections--;
    loop_accept(loop);
}

bool connection_initialise(void)
{
    connection_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_gone);
    return connection_index >= 0;
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

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *argument)
{
    struct connection *connection = argument;

    (void)input;
    if (info->n_added && !connection->taking) {
        take_in(connection);
    }
}

static void release(struct connection *connection)
{
    if (connection) {
        if (connection->deadline) {
            event_free(connection->deadline);
        }
        if (connection->arrival) {
            event_free(connection->arrival);
        }
        if (connection->unread) {
            evbuffer_free(connection->unread);
        }
        free(connection);
    }
}

static bool prepare(struct connection *connection, struct event_base *base, SSL *ssl)
{
    connection->deadline = event_new(base, -1, 0, on_deadline, connection);
    connection->arrival = event_new(base, -1, 0, on_arrival, connection);
    connection->unread = evbuffer_new();
    connection->stream = connection->deadline && connection->arrival && connection->unread
                             ? bufferevent_openssl_socket_new(
                                   base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE)
                             : NULL;
    return connection->stream != NULL;
}

/*
 * Where there is no memory, a stream without TLS: libevent makes one anyway if it gets none, and
 * nothing is answered there.
 */
struct bufferevent *connection_new(struct event_base *base, void *argument)
{
    struct loop *loop = argument;
    struct connection *connection = calloc(1, sizeof(*connection));
    SSL *ssl = service_new_tls(loop->http->service);

    if (!connection || !ssl || !prepare(connection, base, ssl)) {
        release(connection);
        SSL_free(ssl);
        return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    }
    connection->loop = loop;
    connection->ssl = ssl;
    bufferevent_openssl_set_allow_dirty_shutdown(connection->stream, 1);
    bufferevent_setwatermark(connection->stream, EV_READ, 0, HIGH_WATER);
    evbuffer_add_cb(bufferevent_get_output(connection->stream), join_pieces, NULL);
    evbuffer_add_cb(bufferevent_get_input(connection->stream), on_input, connection);
    SSL_set_ex_data(ssl, connection_index, connection);
    LIST_INSERT_HEAD(&loop->all, connection, all);
    loop->connections++;
    if (loop_is_full(loop)) {
        evconnlistener_disable(loop->listener);
    }
    set_deadline(connection, first_timeout(&loop->http->service->config));
    event_active(connection->arrival, EV_TIMEOUT, 1);
    return connection->stream;
}

struct connection *connection_of(struct evhttp_request *carrier)
{
    struct evhttp_connection *link = evhttp_request_get_connection(carrier);
    struct bufferevent *stream = link ? evhttp_connection_get_bufferevent(link) : NULL;
    SSL *ssl = stream ? bufferevent_openssl_get_ssl(stream) : NULL;

    return ssl ? SSL_get_ex_data(ssl, connection_index) : NULL;
}

/* --- requests ------------------------------------------------------------------------------ */

/* The request is whole: libevent shall call on_request() in http.c. */
static void release_request(struct connection *connection)
{
    const char *line = connection->request->head_only ? TRIGGER_HEAD : TRIGGER;

    connection->state = ANSWERS;
    event_del(connection->deadline);
    evbuffer_add(bufferevent_get_input(connection->stream), line, strlen(line));
}

struct request *connection_take_request(struct connection *connection)
{
    struct request *request = connection->request;

    connection->request = NULL;
    return request;
}

/*
 * 100 Continue (RFC 9110, 10.1.1), past libevent, which has nothing to write now. It is left out
 * where the socket has no room; a client does not wait for it without end.
 */
static void send_continue(struct connection *connection)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct pollfd room = {.fd = bufferevent_getfd(connection->stream), .events = POLLOUT};

    if (poll(&room, 1, 0) == 1 && room.revents == POLLOUT) {
        SSL_write(connection->ssl, text, sizeof(text) - 1);
        ERR_clear_error();
    }
}

/* Its head was looked at, and it is not waited for a token any more. */
static void begin_body(struct connection *connection)
{
    struct request *request = connection->request;
    bool body = connection->chunked || connection->missing;

    if (request->status && body && (connection->chunked || connection->missing > SMALL_BODY)) {
        connection->last = true;
    } else if (body && (request->status ||
                        request_room(request, connection->chunked ? request->route->most
                                                                  : connection->missing))) {
        connection->state = READS_BODY;
        set_deadline(connection, connection->loop->http->service->config.request_timeout);
        if (request->continues && !request->status && !evbuffer_get_length(connection->unread)) {
            send_continue(connection);
        }
        return;
    } else if (body) {
        reply_unavailable(request);
        connection->last = true;
    }
    release_request(connection);
}

/* False: there is no memory for anything, and the connection ends. */
static bool begin_request(struct connection *connection, const struct head *head,
                          const struct head_fault *fault)
{
    connection->request = exchange_begin(connection, head, fault);
    if (!connection->request) {
        end(connection);
        connection->state = DISCARDS;
        return false;
    }
    connection->last = head->close || connection->request->status == 421;
    connection->chunked = head->chunked;
    connection->chunks = (struct chunks){0};
    connection->missing = head->length;
    connection->request->continues = head->continues;
    return true;
}

static void take_head(struct connection *connection)
{
    size_t size = evbuffer_get_length(connection->unread);
    size_t seen = size < HEAD_MAX ? size : HEAD_MAX;
    const char *text = (const char *)evbuffer_pullup(connection->unread, (ssize_t)seen);
    struct head_fault fault;
    struct head head;
    ssize_t used;

    used = seen && text ? head_parse(text, seen, &head, &fault) : 0;
    if (used == 0) {
        return;
    }
    if (used < 0) {
        head = (struct head){.close = true};
    } else {
        evbuffer_drain(connection->unread, (size_t)used);
    }
    if (!begin_request(connection, &head, &fault)) {
        return;
    }
    if (used > 0 && (head.chunked || head.length > UNKNOWN_BODY) &&
        exchange_must_look_up(connection->request)) {
        connection->state = WAITS;
        event_del(connection->deadline);
        bufferevent_disable(connection->stream, EV_READ);
        exchange_look_up(connection->request);
    } else {
        begin_body(connection);
    }
}

static void too_large(struct connection *connection, int status, const char *why)
{
    if (!connection->request->status) {
        reply_error(connection->request, status, status == 413 ? "too-large" : "bad-request", "%s",
                    why);
    }
    connection->last = true;
    release_request(connection);
}

static void take_chunks(struct connection *connection)
{
    size_t size = evbuffer_get_length(connection->unread), taken, data;
    const char *text = (const char *)evbuffer_pullup(connection->unread, -1);
    struct request *request = connection->request;
    enum chunks_result result;

    if (!size || !text) {
        return;
    }
    do {
        result = chunks_next(&connection->chunks, text, size, &taken, &data);
        if (result == CHUNKS_DATA && !request_append(request, text + taken - data, data)) {
            too_large(connection, 413, "the body is larger than is expected here");
            return;
        }
        text += taken;
        size -= taken;
    } while (result == CHUNKS_DATA);
    evbuffer_drain(connection->unread, evbuffer_get_length(connection->unread) - size);
    if (result == CHUNKS_BAD) {
        too_large(connection, 400, "the body is not chunked as RFC 9112 has it");
    } else if (result == CHUNKS_END) {
        release_request(connection);
    }
}

/* Of a length that is known: within the request's room, or thrown away. */
static void take_body(struct connection *connection)
{
    struct request *request = connection->request;
    size_t size = evbuffer_get_length(connection->unread);

    if (size > connection->missing) {
        size = (size_t)connection->missing;
    }
    if (request->status) {
        evbuffer_drain(connection->unread, size);
    } else {
        evbuffer_remove(connection->unread, request->body + request->size, size);
        request->size += size;
        request->body[request->size] = 0;
    }
    connection->missing -= size;
    if (!connection->missing) {
        release_request(connection);
    }
}

/* Looks at all bytes that have come. */
static void take_in(struct connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->stream);

    if (connection->state == ANSWERS) {
        return; /* up to HIGH_WATER of them stay where they are */
    }
    connection->taking = true;
    evbuffer_add_buffer(connection->unread, input);
    if (connection->state == READS_HEAD) {
        take_head(connection);
    }
    if (connection->state == READS_BODY) {
        if (connection->chunked) {
            take_chunks(connection);
        } else {
            take_body(connection);
        }
    }
    if (connection->state == WAITS) {
        bufferevent_disable(connection->stream, EV_READ);
    } else if (connection->state == DISCARDS) {
        evbuffer_drain(connection->unread, evbuffer_get_length(connection->unread));
    }
    connection->taking = false;
}

void connection_resume(struct connection *connection)
{
    connection->taking = true;
    begin_body(connection);
    connection->taking = false;
    bufferevent_enable(connection->stream, EV_READ);
    if (connection->state == READS_BODY) {
        take_in(connection);
    }
    if (connection->state == ANSWERS) {
        bufferevent_trigger(connection->stream, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
    }
}

/* --- replies ------------------------------------------------------------------------------- */

/*
 * After a last reply libevent would close at once: bytes that the client still sends would make
 * its system throw our reply away. So libevent is made to believe that the connection goes on.
 */
static void on_sent(struct evhttp_request *carrier, void *argument)
{
    struct connection *connection = argument;

    if (connection->last) {
        evhttp_remove_header(evhttp_request_get_output_headers(carrier), "Connection");
        connection->state = DISCARDS;
        connection_say_goodbye(connection);
        shutdown(bufferevent_getfd(connection->stream), SHUT_WR);
        set_deadline(connection, LINGER_S);
    } else {
        connection->state = READS_HEAD;
        set_deadline(connection, connection->loop->http->service->config.request_timeout);
    }
    take_in(connection);
}

void connection_answers(struct connection *connection, struct evhttp_request *carrier, bool last)
{
    connection->last = connection->last || last;
    if (connection->last) {
        evhttp_add_header(evhttp_request_get_output_headers(carrier), "Connection", "close");
    }
    evhttp_request_set_on_complete_cb(carrier, on_sent, connection);
    set_deadline(connection, connection->loop->http->service->config.request_timeout);
}
