/* SPDX-License-Identifier: MIT */
#include "agent/hostlink.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <stdio.h>

#include "base/say.h"

/* A request from being queued to its reply. It is freed as soon as `done` was called. */
struct request {
    struct request *next;
    bool own;
    struct hostlink_asker asker;
    hostlink_done *done;
    void *context;
    uint64_t deadline; /* both from when it is being sent */
    uint32_t number;
    size_t size; /* of message and body */
    size_t sent;
    uint8_t *data; /* freed when all is sent */
};

struct hostlink {
    struct transport transport;
    struct hostlink_events events;
    void *context;
    uint64_t timeout;
    uint64_t now;
    uint64_t retry_at;
    uint64_t look_at; /* whether the offer stands */
    enum hostlink_state state;
    bool warned; /* that no channel can be offered; said once */

    struct request *sent, *last_sent; /* they wait for their replies, in this order */
    struct request *writing;          /* the last of these, where not all of it is sent; or NULL */
    struct request *waiting;          /* for being sent; in the order in which they came */
    unsigned int window;              /* applications' among the sent */
    unsigned int queued;              /* sent or waiting */
    size_t queued_bytes;
    uint32_t next_number;

    size_t received; /* bytes in `input` */
    uint8_t input[sizeof(struct cloister_message) + CLOISTER_MAX_BODY];
};

int hostlink_new(const struct transport *transport, const struct hostlink_events *events,
                 void *context, uint64_t timeout, struct hostlink **link)
{
    struct hostlink *new = calloc(1, sizeof(*new));

    if (!new)
        return -ENOMEM;
    new->transport = *transport;
    new->events = *events;
    new->context = context;
    new->timeout = timeout;
    new->next_number = 1;
    *link = new;
    return 0;
}

enum hostlink_state hostlink_state(const struct hostlink *link)
{
    return link->state;
}

int hostlink_descriptor(const struct hostlink *link)
{
    if (link->state == HOSTLINK_DOWN)
        return -1;
    return link->transport.descriptor(link->transport.context);
}

void hostlink_wake(struct hostlink *link)
{
    if (link->state != HOSTLINK_DOWN)
        link->transport.acknowledge(link->transport.context);
}

static void sent_whole(struct hostlink *link, struct request *request)
{
    free(request->data);
    request->data = NULL;
    link->queued_bytes -= request->size;
}

/* Tells the end of a request that is in no list any more. */
static void end_request(struct hostlink *link, struct request *request, int error,
                        const struct cloister_msg_reply *reply, const void *body, size_t size)
{
    if (request->data)
        sent_whole(link, request);
    link->queued--;
    request->done(request->context, error, reply, body, size);
    free(request);
}

/* Takes the first of the sent requests off the list and tells its end. */
static void end_first(struct hostlink *link, int error, const struct cloister_msg_reply *reply,
                      const void *body, size_t size)
{
    struct request *request = link->sent;

    link->sent = request->next;
    if (!link->sent)
        link->last_sent = NULL;
    if (link->writing == request)
        link->writing = NULL;
    link->window -= !request->own;
    end_request(link, request, error, reply, body, size);
}

static void end_waiting(struct hostlink *link, struct request **at, int error)
{
    struct request *request = *at;

    *at = request->next;
    end_request(link, request, error, NULL, NULL, 0);
}

/* The link ends with `error`; everything that waits is told. */
static void reset(struct hostlink *link, int error)
{
    bool was_up = link->state == HOSTLINK_UP;

    if (link->state == HOSTLINK_DOWN)
        return;
    link->transport.close(link->transport.context);
    link->state = HOSTLINK_DOWN; /* so that nobody can queue anything from now on */
    link->retry_at = link->now + HOSTLINK_RETRY;
    link->received = 0;
    while (link->sent)
        end_first(link, error, NULL, NULL, 0);
    while (link->waiting)
        end_waiting(link, &link->waiting, error);
    if (was_up)
        link->events.down(link->context);
}

void hostlink_free(struct hostlink *link)
{
    if (!link)
        return;
    reset(link, -ECANCELED);
    free(link);
}

/* May the asker queue `size` bytes more? Of what is for applications, no more than is left to the
 * others. */
static bool may_queue(const struct hostlink *link, const struct hostlink_asker *asker, size_t size)
{
    const struct request *const lists[] = {link->sent, link->waiting};
    unsigned int queued = HOSTLINK_MAX_QUEUED - HOSTLINK_OWN_QUEUED, of_user = 0;
    size_t bytes = HOSTLINK_MAX_BYTES - HOSTLINK_OWN_BYTES, bytes_of_user = 0;

    if (!asker)
        return link->queued < HOSTLINK_MAX_QUEUED &&
               size <= HOSTLINK_MAX_BYTES - link->queued_bytes;
    if (link->queued >= queued || link->queued_bytes >= bytes)
        return false;
    for (size_t i = 0; i < 2; i++)
        for (const struct request *request = lists[i]; request; request = request->next)
            if (!request->own && request->asker.account == asker->account) {
                of_user++;
                bytes_of_user += request->data ? request->size : 0;
            }
    return of_user < queued - link->queued && bytes_of_user + size <= bytes - link->queued_bytes;
}

/* Message and body in one piece of memory; the message's number comes when it is sent. */
static struct request *new_request(uint16_t type, const struct hostlink_part *parts,
                                   unsigned int count, size_t body)
{
    const struct cloister_message message = {
        .magic = CLOISTER_MESSAGE_MAGIC, .type = type, .size = (uint32_t)body};
    struct request *request = calloc(1, sizeof(*request));
    size_t at = sizeof(message);

    if (!request)
        return NULL;
    request->size = sizeof(message) + body;
    request->data = malloc(request->size);
    if (!request->data) {
        free(request);
        return NULL;
    }
    memcpy(request->data, &message, sizeof(message));
    for (unsigned int i = 0; i < count; i++) {
        if (parts[i].size)
            memcpy(request->data + at, parts[i].data, parts[i].size);
        at += parts[i].size;
    }
    return request;
}

static int enqueue(struct hostlink *link, const struct hostlink_asker *asker, uint16_t type,
                   const struct hostlink_part *parts, unsigned int count, hostlink_done *done,
                   void *context)
{
    struct request *request, **end = &link->waiting;
    size_t body = 0;

    for (unsigned int i = 0; i < count; i++) {
        if (parts[i].size > CLOISTER_MAX_BODY - body)
            return -EMSGSIZE;
        body += parts[i].size;
    }
    if (!may_queue(link, asker, sizeof(struct cloister_message) + body))
        return -ENOBUFS;
    request = new_request(type, parts, count, body);
    if (!request)
        return -ENOMEM;
    request->own = !asker;
    if (asker)
        request->asker = *asker;
    request->done = done;
    request->context = context;

    while (*end)
        end = &(*end)->next;
    *end = request;
    link->queued++;
    link->queued_bytes += request->size;
    return 0;
}

int hostlink_request(struct hostlink *link, const struct hostlink_asker *asker, uint16_t type,
                     const struct hostlink_part *parts, unsigned int count, hostlink_done *done,
                     void *context)
{
    if (link->state != HOSTLINK_UP)
        return -EHOSTDOWN;
    return enqueue(link, asker, type, parts, count, done, context);
}

void hostlink_drop(struct hostlink *link, uint64_t app)
{
    struct request **at = &link->waiting;

    while (*at) {
        if ((*at)->own || (*at)->asker.app != app) {
            at = &(*at)->next;
            continue;
        }
        end_waiting(link, at, -ECANCELED);
        at = &link->waiting; /* its end may have changed the list */
    }
}

static void greeted(void *context, int error, const struct cloister_msg_reply *reply,
                    const void *body, size_t size)
{
    struct hostlink *link = context;

    (void)body;
    (void)size;
    if (!error) {
        link->state = HOSTLINK_UP;
        say_info("connected to the host daemon");
        link->events.up(link->context);
    } else if (reply) {
        say_error("the host daemon does not accept this agent: %s", strerror(-error));
    }
}

static int greet(struct hostlink *link)
{
    struct cloister_msg_hello hello = {
        .protocol = CLOISTER_PROTOCOL_VERSION,
        .abi = CLOISTER_ABI_VERSION,
        .agent_version = CLOISTER_VERSION,
    };
    struct hostlink_part part = {&hello, sizeof(hello)};
    struct utsname name;

    if (!uname(&name))
        snprintf(hello.kernel, sizeof(hello.kernel), "%.64s %.16s", name.release, name.machine);
    return enqueue(link, NULL, CLOISTER_MSG_HELLO, &part, 1, greeted, link);
}

/* Answers the first request out of a whole message. */
static int take_reply(struct hostlink *link, const struct cloister_message *message,
                      const uint8_t *body)
{
    struct cloister_msg_reply reply;

    if (message->type != CLOISTER_MSG_REPLY || message->reserved || message->size < sizeof(reply)) {
        say_error("the host daemon sent a message of type %u and %u bytes", message->type,
                  message->size);
        return -EPROTO;
    }
    /* A reply must belong to the oldest request, which must have been sent. */
    if (!link->sent || link->sent == link->writing || message->number != link->sent->number) {
        say_error("the host daemon answered request %u out of turn", message->number);
        return -EPROTO;
    }
    memcpy(&reply, body, sizeof(reply));
    if (reply.error > 0 || reply.error < -4095) {
        say_error("the host daemon sent a result of %d", reply.error);
        return -EPROTO;
    }
    end_first(link, reply.error, &reply, body + sizeof(reply), message->size - sizeof(reply));
    /* A refused HELLO: this host does not want us; try again later. */
    if (link->state == HOSTLINK_GREETING)
        return -EPROTO;
    return 0;
}

/* How many bytes the message at the start of `input` has, as far as that is known. */
static size_t wanted(const struct hostlink *link)
{
    struct cloister_message message;

    if (link->received < sizeof(message))
        return sizeof(message);
    memcpy(&message, link->input, sizeof(message));
    return sizeof(message) + message.size;
}

/* 1: something was read; 0: nothing to read; negative: the link must end. */
static int pump_in(struct hostlink *link)
{
    struct cloister_message message;
    size_t want = wanted(link);
    ssize_t count;

    if (link->received < want) {
        count = link->transport.read(link->transport.context, link->input + link->received,
                                     want - link->received);
        if (count < 0)
            return -ECONNRESET;
        if (count == 0)
            return 0;
        link->received += (size_t)count;
    }
    if (link->received < sizeof(message))
        return 1;

    memcpy(&message, link->input, sizeof(message));
    if (message.magic != CLOISTER_MESSAGE_MAGIC || message.size > CLOISTER_MAX_BODY) {
        say_error("what the host daemon sends is no message");
        return -EPROTO;
    }
    if (link->received < sizeof(message) + message.size)
        return 1;
    link->received = 0;
    int error = take_reply(link, &message, link->input + sizeof(message));
    return error ? error : 1;
}

/* How many requests of this user are sent and have no reply. */
static unsigned int window_of(const struct hostlink *link, uid_t account)
{
    unsigned int count = 0;

    for (const struct request *request = link->sent; request; request = request->next)
        count += !request->own && request->asker.account == account;
    return count;
}

/* The next to be sent, where it stands in the list: an own one, or of whoever has the fewest under
 * way. */
static struct request **next_waiting(struct hostlink *link)
{
    struct request **best = NULL;
    unsigned int fewest = HOSTLINK_WINDOW;

    for (struct request **at = &link->waiting; *at; at = &(*at)->next) {
        if ((*at)->own)
            return at;
        if (link->window >= HOSTLINK_WINDOW || !fewest)
            continue;
        unsigned int under_way = window_of(link, (*at)->asker.account);

        if (under_way < fewest) {
            fewest = under_way;
            best = at;
        }
    }
    return best;
}

/* Gives it its number and its deadline: replies come in the order of sending. */
static void begin_sending(struct hostlink *link, struct request **at)
{
    struct request *request = *at;

    *at = request->next;
    request->next = NULL;
    request->number = link->next_number++;
    request->deadline = link->now + link->timeout;
    memcpy(request->data + offsetof(struct cloister_message, number), &request->number,
           sizeof(request->number));
    if (link->last_sent)
        link->last_sent->next = request;
    else
        link->sent = request;
    link->last_sent = link->writing = request;
    link->window += !request->own;
}

static int pump_out(struct hostlink *link)
{
    struct request *request, **next;
    ssize_t count;

    if (!link->writing && link->waiting) {
        next = next_waiting(link);
        if (next)
            begin_sending(link, next);
    }
    request = link->writing;
    if (!request)
        return 0;
    count = link->transport.write(link->transport.context, request->data + request->sent,
                                  request->size - request->sent);
    if (count < 0)
        return -ECONNRESET;
    if (count == 0)
        return 0;
    request->sent += (size_t)count;
    if (request->sent == request->size) {
        sent_whole(link, request);
        link->writing = NULL;
    }
    return 1;
}

static void try_open(struct hostlink *link)
{
    int error;

    if (link->now < link->retry_at)
        return;
    error = link->transport.open(link->transport.context);
    if (error) {
        if (!link->warned)
            say_error("cannot offer a channel to the host: %s (is this a Xen guest, and are "
                      "xen-gntalloc and xen-evtchn loaded?)",
                      strerror(-error));
        link->warned = true;
        link->retry_at = link->now + HOSTLINK_RETRY;
        return;
    }
    link->warned = false;
    link->state = HOSTLINK_WAITING;
    link->look_at = link->now + HOSTLINK_LOOK;
}

/* False: it does not, and the link has ended. */
static bool offer_stands(struct hostlink *link)
{
    if (link->now < link->look_at)
        return true;
    link->look_at = link->now + HOSTLINK_LOOK;
    if (link->transport.offered(link->transport.context))
        return true;
    say_info("this guest has moved: its channel to the host is offered again");
    reset(link, -ECONNRESET);
    return false;
}

void hostlink_run(struct hostlink *link, uint64_t now)
{
    int in = 1, out = 1, error;
    enum transport_state state;

    link->now = now;
    if (link->state == HOSTLINK_DOWN)
        try_open(link);
    if (link->state != HOSTLINK_DOWN && !offer_stands(link))
        return;
    if (link->state == HOSTLINK_WAITING) {
        state = link->transport.state(link->transport.context);
        if (state == TRANSPORT_WAITING)
            return;
        error = state == TRANSPORT_OPEN ? 0 : -ECONNRESET;
        if (!error) {
            link->state = HOSTLINK_GREETING;
            error = greet(link);
        }
        if (error) {
            reset(link, error);
            return;
        }
    }
    if (link->state == HOSTLINK_DOWN)
        return;

    while (in > 0 || out > 0) {
        in = pump_in(link);
        out = in < 0 ? 0 : pump_out(link);
        /* What it answered before it went is still there to be read. */
        while (out < 0 && in > 0)
            in = pump_in(link);
        if (in < 0 || out < 0) {
            if (link->state == HOSTLINK_UP)
                say_warning("the link to the host daemon ended");
            reset(link, in < 0 ? in : out);
            return;
        }
    }
    if (link->sent && link->sent->deadline <= now) {
        say_warning("the host daemon has not answered request %u in time", link->sent->number);
        reset(link, -ETIMEDOUT);
    }
}
