/* SPDX-License-Identifier: MIT */
/* HTTPS by libevent, in one thread. */
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <openssl/ssl.h>

#include "keyservice/keyservice.h"

#define TIMEOUT 10 /* s, of a connection on which nothing moves */
#define MAX_HEADERS 8192
#define REST 1            /* s without listening, where descriptors have run out */
#define COMPLAIN_EVERY 60 /* s */

struct server {
    struct keyservice *service;
    struct event_base *base;
    SSL_CTX *tls;
};

/* Not of a server: the listener's callbacks get what evhttp has set for its own. */
static struct {
    struct event *rest;
    struct evconnlistener *listener;
    time_t complained; /* CLOCK_MONOTONIC; 0: never */
} door;

static int deadline_index = -1; /* of SSL_get_ex_data(): the event that ends the connection */

/* --- how long a request may take -------------------------------------------------------------- */

static void on_deadline(evutil_socket_t unused, short events, void *ssl)
{
    (void)unused;
    (void)events;
    /* libevent sees the end and frees the connection. */
    shutdown(SSL_get_fd(ssl), SHUT_RDWR);
}

static void begin_deadline(SSL *ssl)
{
    const struct timeval time = {.tv_sec = REQUEST_TIME};
    struct event *deadline = ssl ? SSL_get_ex_data(ssl, deadline_index) : NULL;

    if (deadline) {
        event_add(deadline, &time);
    }
}

static void free_deadline(void *ssl, void *deadline, CRYPTO_EX_DATA *data, int index, long number,
                          void *pointer)
{
    (void)ssl, (void)data, (void)index, (void)number, (void)pointer;
    if (deadline) {
        event_free(deadline);
    }
}

/* --- requests --------------------------------------------------------------------------------- */

static void send_reply(struct evhttp_request *request, int status, json_object *reply)
{
    const char *text = json_object_to_json_string(reply);
    struct bufferevent *stream =
        evhttp_connection_get_bufferevent(evhttp_request_get_connection(request));

    begin_deadline(bufferevent_openssl_get_ssl(stream)); /* of the next one */
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
                      "application/json");
    evbuffer_add(evhttp_request_get_output_buffer(request), text, strlen(text));
    evhttp_send_reply(request, status, NULL, NULL);
    json_object_put(reply);
}

static void on_challenge(struct evhttp_request *request, void *argument)
{
    struct server *server = argument;
    json_object *reply = NULL;
    int status = keyservice_challenge(server->service, &reply);

    send_reply(request, status, reply);
}

static void on_key(struct evhttp_request *request, void *argument)
{
    struct server *server = argument;
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    size_t size = evbuffer_get_length(input);
    json_object *reply = NULL;
    char *body = malloc(size + 1);
    int status = 500;

    if (body) {
        evbuffer_copyout(input, body, size);
        body[size] = 0;
        status = keyservice_key(server->service, body, size, &reply);
        free(body);
    }
    send_reply(request, status, reply);
}

static struct bufferevent *on_connection(struct event_base *base, void *argument)
{
    struct server *server = argument;
    SSL *ssl = SSL_new(server->tls);
    struct event *deadline = ssl ? evtimer_new(base, on_deadline, ssl) : NULL;

    /* Where there is no memory libevent takes a stream without TLS, and a client's handshake is bad HTTP. */
    if (!deadline || SSL_set_ex_data(ssl, deadline_index, deadline) != 1) {
        if (deadline) {
            event_free(deadline);
        }
        SSL_free(ssl);
        return NULL;
    }
    begin_deadline(ssl);
    return bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                          BEV_OPT_CLOSE_ON_FREE);
}

/* --- the listener ----------------------------------------------------------------------------- */

/* Out of descriptors: the connection that waits stays there, and without a rest this would be all that is done. */
static void on_accept_error(struct evconnlistener *listener, void *argument)
{
    const struct timeval time = {.tv_sec = REST};
    const char *why = evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR());
    struct timespec now;

    (void)argument;
    evconnlistener_disable(listener);
    event_add(door.rest, &time);
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!door.complained || now.tv_sec >= door.complained + COMPLAIN_EVERY) {
        door.complained = now.tv_sec + 1; /* never 0 */
        say("no connection can be taken for a moment: %s", why);
    }
}

static void on_rested(evutil_socket_t unused, short events, void *argument)
{
    (void)unused;
    (void)events;
    (void)argument;
    evconnlistener_enable(door.listener);
}

static SSL_CTX *open_tls(const struct keyservice *service)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    if (!tls || SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
        SSL_CTX_use_certificate_chain_file(tls, service->certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, service->certificate_key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(tls) != 1) {
        say("%s, %s: not a certificate with its key, in PEM", service->certificate,
            service->certificate_key);
        SSL_CTX_free(tls);
        return NULL;
    }
    return tls;
}

static void on_signal(evutil_socket_t number, short events, void *base)
{
    (void)number;
    (void)events;
    event_base_loopexit(base, NULL);
}

static struct evhttp *open_http(struct server *server)
{
    struct evhttp *http = evhttp_new(server->base);

    if (http) {
        evhttp_set_bevcb(http, on_connection, server);
        evhttp_set_timeout(http, TIMEOUT);
        evhttp_set_max_headers_size(http, MAX_HEADERS);
        evhttp_set_max_body_size(http, KEYSERVICE_MAX_BODY);
        evhttp_set_flags(http, EVHTTP_SERVER_LINGERING_CLOSE); /* who sent too much is told so */
        evhttp_set_allowed_methods(http, EVHTTP_REQ_POST);
        evhttp_set_cb(http, "/v1/challenge", on_challenge, server);
        evhttp_set_cb(http, "/v1/key", on_key, server);
    }
    return http;
}

/* ADDRESS:PORT. libevent takes an address without port for any port, and refuses port 0, which means that here. */
static bool parse_listen(const char *text, struct sockaddr_storage *address, int *size)
{
    const char *port = strrchr(text, ':'), *end = strrchr(text, ']');
    char alone[128];

    if (!port || (end && port < end) || strspn(port + 1, "0123456789") != strlen(port + 1) ||
        !port[1] || (size_t)(port - text) >= sizeof(alone)) {
        return false;
    }
    memcpy(alone, text, (size_t)(port - text));
    alone[port - text] = 0;
    return !evutil_parse_sockaddr_port(strcmp(port, ":0") ? text : alone,
                                       (struct sockaddr *)address, size);
}

/* Says where: the port may be any. */
static bool start_listening(struct server *server, struct evhttp *http)
{
    struct sockaddr_storage address;
    int size = sizeof(address);
    socklen_t room = sizeof(address);
    struct evconnlistener *listener = NULL;
    char host[64], port[16];

    if (parse_listen(server->service->listen, &address, &size)) {
        listener = evconnlistener_new_bind(server->base, NULL, NULL,
                                           LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, -1,
                                           (struct sockaddr *)&address, size);
    }
    /* What is accepted inherits TCP_NODELAY: a reply's last record does not wait for an ACK. */
    if (listener) {
        const int yes = 1;

        (void)setsockopt(evconnlistener_get_fd(listener), IPPROTO_TCP, TCP_NODELAY, &yes,
                         sizeof(yes));
    }
    if (!listener || !evhttp_bind_listener(http, listener)) {
        say("%s: cannot listen there; ADDRESS:PORT expected", server->service->listen);
        return false;
    }
    if (getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &room) ||
        getnameinfo((struct sockaddr *)&address, room, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV)) {
        say("%s: the address is not known", server->service->listen);
        return false;
    }
    door.listener = listener;
    door.rest = evtimer_new(server->base, on_rested, NULL);
    if (!door.rest) {
        say("out of memory");
        return false;
    }
    evconnlistener_set_error_cb(listener, on_accept_error);
    say("ready at %s port %s", host, port);
    return true;
}

int keyservice_serve(struct keyservice *service)
{
    struct server server = {.service = service, .base = event_base_new()};
    struct event *signals[2] = {NULL};
    struct evhttp *http = NULL;
    int rc = 1;

    signal(SIGPIPE, SIG_IGN);
    deadline_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_deadline);
    server.tls = server.base ? open_tls(service) : NULL;
    http = server.tls ? open_http(&server) : NULL;
    if (http && start_listening(&server, http)) {
        signals[0] = evsignal_new(server.base, SIGTERM, on_signal, server.base);
        signals[1] = evsignal_new(server.base, SIGINT, on_signal, server.base);
        for (size_t i = 0; i < 2 && signals[i]; i++) {
            event_add(signals[i], NULL);
        }
        rc = event_base_dispatch(server.base) == 0 ? 0 : 1;
    }
    for (size_t i = 0; i < 2; i++) {
        if (signals[i]) {
            event_free(signals[i]);
        }
    }
    if (http) {
        evhttp_free(http);
    }
    if (door.rest) {
        event_free(door.rest);
    }
    SSL_CTX_free(server.tls);
    if (server.base) {
        event_base_free(server.base);
    }
    return rc;
}
