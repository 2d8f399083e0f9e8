/* SPDX-License-Identifier: MIT */
#include "agent/hostlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <stdio.h>

#include "base/say.h"

/* A request from being queued to its reply. It is freed as soon as `done` was called. */
struct request {
    struct request *next;
    hostlink_done *done;
    void *context;
    uint64_t deadline;
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

    /* first ... unsent-1 wait for their replies, unsent ... last for being sent */
    struct request *first, *last, *unsent;
    unsigned int queued;
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

/* Takes the first request off the queue and tells its end. */
static void end_first(struct hostlink *link, int error, const struct cloister_msg_reply *reply,
                      const void *body, size_t size)
{
    struct request *request = link->first;

    link->first = request->next;
    if (!link->first)
        link->last = NULL;
    if (link->unsent == request)
        link->unsent = request->next;
    if (request->data)
        sent_whole(link, request);
    link->queued--;
    request->done(request->context, error, reply, body, size);
    free(request);
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
    while (link->first)
        end_first(link, error, NULL, NULL, 0);
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

static int enqueue(struct hostlink *link, uint16_t type, const struct hostlink_part *parts,
                   unsigned int count, hostlink_done *done, void *context)
{
    struct cloister_message message = {.magic = CLOISTER_MESSAGE_MAGIC, .type = type};
    struct request *request;
    size_t body = 0, at = sizeof(message);

    for (unsigned int i = 0; i < count; i++) {
        if (parts[i].size > CLOISTER_MAX_BODY - body)
            return -EMSGSIZE;
        body += parts[i].size;
    }
    if (link->queued >= HOSTLINK_MAX_QUEUED ||
        sizeof(message) + body > HOSTLINK_MAX_BYTES - link->queued_bytes)
        return -ENOBUFS;

    request = calloc(1, sizeof(*request));
    if (!request)
        return -ENOMEM;
    request->data = malloc(sizeof(message) + body);
    if (!request->data) {
        free(request);
        return -ENOMEM;
    }
    message.number = link->next_number++;
    message.size = (uint32_t)body;
    memcpy(request->data, &message, sizeof(message));
    for (unsigned int i = 0; i < count; i++) {
        if (parts[i].size)
            memcpy(request->data + at, parts[i].data, parts[i].size);
        at += parts[i].size;
    }
    request->size = at;
    request->number = message.number;
    request->deadline = link->now + link->timeout;
    request->done = done;
    request->context = context;

    if (link->last)
        link->last->next = request;
    else
        link->first = request;
    link->last = request;
    if (!link->unsent)
        link->unsent = request;
    link->queued++;
    link->queued_bytes += at;
    return 0;
}

int hostlink_request(struct hostlink *link, uint16_t type, const struct hostlink_part *parts,
                     unsigned int count, hostlink_done *done, void *context)
{
    if (link->state != HOSTLINK_UP)
        return -EHOSTDOWN;
    return enqueue(link, type, parts, count, done, context);
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
    return enqueue(link, CLOISTER_MSG_HELLO, &part, 1, greeted, link);
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
    if (!link->first || link->first == link->unsent || message->number != link->first->number) {
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

static int pump_out(struct hostlink *link)
{
    struct request *request = link->unsent;
    ssize_t count;

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
        link->unsent = request->next;
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
    if (link->first && link->first->deadline <= now) {
        say_warning("the host daemon has not answered request %u in time", link->first->number);
        reset(link, -ETIMEDOUT);
    }
}
