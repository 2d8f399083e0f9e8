/* SPDX-License-Identifier: MIT */
#include "base/say.h"
#include "server/exchange.h"

#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>

#include "server/http.h"
#include "server/route.h"
#include "server/tls.h"
#include "server/worker.h"

/* --- the head is judged -------------------------------------------------------------------- */

static void refuse(struct request *request, const struct head_fault *fault)
{
    reply_error(request, fault->status, fault->code, "%s", fault->reason);
}

/* OPTIONS (RFC 9110, 9.3.7): anybody may know what there is. */
static void answer_options(struct request *request, const char *path, bool found)
{
    char allow[ROUTE_ALLOW];

    if (!strcmp(path, "*")) {
        snprintf(allow, sizeof(allow), "GET, HEAD, PUT, POST, DELETE, OPTIONS");
    } else if (found) {
        snprintf(allow, sizeof(allow), "%s", request->allow);
    } else {
        reply_error(request, 404, "not-found", "there is nothing here");
        return;
    }
    reply_text(request, 204, strdup(""), 0);
    snprintf(request->allow, sizeof(request->allow), "%s", allow);
}

static void find_route(struct request *request, const struct head *head)
{
    static const enum route_method methods[HEAD_METHODS] = {
        [HEAD_GET] = ROUTE_GET,   [HEAD_HEAD] = ROUTE_GET,      [HEAD_PUT] = ROUTE_PUT,
        [HEAD_POST] = ROUTE_POST, [HEAD_DELETE] = ROUTE_DELETE, [HEAD_OPTIONS] = ROUTE_GET,
    };
    char allow[ROUTE_ALLOW];
    bool other;

    request->head_only = head->method == HEAD_HEAD;
    request->route = route_find(methods[head->method], head->path, request, &other, allow);
    snprintf(request->allow, sizeof(request->allow), "%s", allow);
    if (head->method == HEAD_OPTIONS) {
        bool found = *allow != 0;

        request->route = NULL;
        answer_options(request, head->path, found);
    } else if (!request->route) {
        reply_error(request, other ? 405 : 404, other ? "method-not-allowed" : "not-found", "%s",
                    other ? "this cannot be done here" : "there is nothing here");
        snprintf(request->allow, sizeof(request->allow), "%s", allow);
    } else {
        request->allow[0] = 0;
    }
}

/* Who may ask this? */
static void admit(struct request *request, const SSL *ssl)
{
    bool administrator =
        tls_administrator(ssl, request->administrator, sizeof(request->administrator));
    enum route_who who = request->route->who;

    if (administrator && !service_is_current(request->loop->http->service, ssl)) {
        /* RFC 9110, 15.5.20: the same on another connection. Its certificate may be revoked. */
        reply_error(request, 421, "connect-again",
                    "certificates were read again since this connection was made: make a new one");
    } else if (administrator && *request->token) {
        reply_error(request, 400, "two-identities",
                    "a client certificate and a bearer token on one request");
    } else if (who == WHO_ADMINISTRATOR && !administrator) {
        reply_error(request, 403, "forbidden", "an administrator's client certificate is needed");
    } else if (who == WHO_ADMINISTRATOR) {
        request->role = service_role(request->loop->http->service, request->administrator);
        request->forbidden = request->role < request->route->role;
    } else if ((who == WHO_HOST || who == WHO_TICKET) && administrator) {
        reply_error(request, 403, "forbidden", "this is for hosts, not for administrators");
    } else if ((who == WHO_HOST || who == WHO_TICKET) && !*request->token) {
        reply_error(request, 401, "unauthorized", "a bearer token is needed: %s",
                    who == WHO_HOST ? "a host's" : "an enrolment ticket");
    }
}

static void copy_fields(struct request *request, const struct head *head)
{
    memcpy(request->query, head->query, sizeof(request->query));
    memcpy(request->token, head->token, sizeof(request->token));
    memcpy(request->if_match, head->if_match, sizeof(request->if_match));
    request->respond_async = head->respond_async;
    if (*request->token && EVP_Digest(request->token, strlen(request->token), request->shown, NULL,
                                      EVP_sha256(), NULL) != 1) {
        reply_unavailable(request);
    }
    memcpy(request->token_key.bytes, request->shown, sizeof(request->token_key.bytes));
}

struct request *exchange_begin(struct connection *connection, const struct head *head,
                               const struct head_fault *fault)
{
    struct request *request = request_new();

    if (!request) {
        return NULL;
    }
    request->loop = connection->loop;
    request->connection = connection;
    request->address = connection->address;
    memcpy(request->address_text, connection->address_text, sizeof(request->address_text));
    if (fault->status) {
        request->head_only = head->method == HEAD_HEAD && head->path[0];
        refuse(request, fault);
        return request;
    }
    copy_fields(request, head);
    if (!request->status) {
        find_route(request, head);
    }
    if (!request->status) {
        admit(request, connection->ssl);
    }
    if (!request->status && !request->forbidden && head->length > request->route->most) {
        reply_error(request, 413, "too-large", "at most %zu bytes of body are expected",
                    request->route->most);
    }
    return request;
}

/* --- places of the queue ------------------------------------------------------------------- */

static bool is_known(const struct request *request)
{
    return *request->administrator || request->authenticated ||
           (*request->token && known_has(request->loop->http->service->known, request->shown));
}

/* Of those who are not known all together have a quarter of the queue. */
static bool take_stranger(struct request *request, uint32_t queue)
{
    struct service *service = request->loop->http->service;
    uint32_t most = (queue + 3) / 4;

    if (atomic_fetch_add(&service->strangers, 1) < most &&
        shares_take(request->loop->http->strangers, &request->address)) {
        request->lane = LANE_STRANGER;
        return true;
    }
    atomic_fetch_sub(&service->strangers, 1);
    return false;
}

static bool take_known(struct request *request)
{
    if (*request->token && !shares_take(request->loop->http->hosts, &request->token_key)) {
        return false;
    }
    request->lane = LANE_KNOWN;
    return true;
}

/*
 * Past capacity: 429, and when to come back. What begins something has half of the room only, so
 * that what was begun can be finished. False: it is answered.
 */
static bool has_room(struct request *request)
{
    struct service *service = request->loop->http->service;
    uint32_t waiting = atomic_fetch_add(&service->in_flight, 1);
    uint32_t queue = service->config.queue;
    uint32_t room = request->route->begins ? (queue + 1) / 2 : queue;
    int64_t seconds;

    if (waiting < room && !atomic_load(&service->stopping) &&
        (is_known(request) ? take_known(request) : take_stranger(request, queue))) {
        return true;
    }
    atomic_fetch_sub(&service->in_flight, 1);
    if (atomic_load(&service->stopping)) {
        reply_unavailable(request);
        return false;
    }
    seconds = waiting * atomic_load(&service->mean_ns) / service->config.workers / 1000000000;
    reply_error(request, 429, "too-many-requests",
                "%u requests are waiting, or this client has its share of them", waiting);
    request->retry_after = 1 + (uint32_t)seconds;
    atomic_fetch_add(&service->counts.turned_away, 1);
    return false;
}

void exchange_leave(struct request *request)
{
    struct http *http = request->loop->http;

    if (request->lane == LANE_NONE) {
        return;
    }
    if (request->lane == LANE_STRANGER) {
        shares_give(http->strangers, &request->address);
        atomic_fetch_sub(&http->service->strangers, 1);
    } else if (*request->token) {
        shares_give(http->hosts, &request->token_key);
    }
    atomic_fetch_sub(&http->service->in_flight, 1);
    request->lane = LANE_NONE;
}

bool exchange_must_look_up(const struct request *request)
{
    const enum route_who who = request->status ? WHO_ANYBODY : request->route->who;

    return request->forbidden || ((who == WHO_HOST || who == WHO_TICKET) && !is_known(request));
}

static void submit(struct request *request)
{
    request->queued = clock_nanoseconds();
    workers_submit(request->loop->http->workers, request);
}

void exchange_look_up(struct request *request)
{
    if (has_room(request)) {
        request->looks_up = true;
        submit(request);
    } else {
        connection_resume(request->connection);
    }
}

void exchange_dispatch(struct request *request)
{
    if (request->status) {
        exchange_reply(request);
    } else if (request->route->now && !request->forbidden) {
        struct worker none = {.service = request->loop->http->service};

        request->route->handle(&none, request);
        exchange_reply(request);
    } else if (has_room(request)) {
        submit(request);
    } else {
        exchange_reply(request);
    }
}

/* --- replies ------------------------------------------------------------------------------- */

/* What administrators change is told to the operator; what others try would only fill the log. */
static void note_change(const struct request *request)
{
    static const char *const methods[] = {"GET", "PUT", "POST", "DELETE"};
    const struct route *route = request->route;

    if (route && *request->administrator && route->method != ROUTE_GET) {
        say_info("%s: %s %s %s: %d", request->administrator, methods[route->method], route->path,
                 request->argument, request->status);
    }
}

/* RFC 9110, 8.6: a reply to HEAD says the length that the body of GET has. */
static void add_headers(const struct request *request, struct evkeyvalq *headers)
{
    char number[24];

    if (request->status != 204) {
        evhttp_add_header(headers, "Content-Type", request->reply_type);
    }
    evhttp_add_header(headers, "Cache-Control", request->cache_control);
    if (request->head_only) {
        snprintf(number, sizeof(number), "%zu", request->reply_size);
        evhttp_add_header(headers, "Content-Length", number);
    }
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
    if (*request->allow) {
        evhttp_add_header(headers, "Allow", request->allow);
    }
    if (request->status == 401) {
        evhttp_add_header(headers, "WWW-Authenticate", "Bearer");
    }
}

void exchange_reply(struct request *request)
{
    struct evhttp_request *carrier = request->carrier;
    struct connection *connection = connection_of(carrier);
    struct service *service = request->loop->http->service;
    struct evbuffer *body = evbuffer_new();

    note_change(request);
    service_count_reply(service, request->status);
    add_headers(request, evhttp_request_get_output_headers(carrier));
    if (body && request->reply && !request->head_only) {
        evbuffer_add(body, request->reply, request->reply_size);
    }
    if (connection) {
        connection_answers(connection, carrier, atomic_load(&service->stopping));
    }
    evhttp_send_reply(carrier, request->status, NULL, body);
    if (body) {
        evbuffer_free(body);
    }
    request_free(request);
}
