/* SPDX-License-Identifier: MIT */
#include "agents/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agents/message.h"
#include "agents/proving.h"
#include "agents/reply.h"
#include "agents/serve.h"

void session_open(struct session *session, const struct session_host *host,
                  const struct session_stream *stream, uint16_t domain, uint64_t now)
{
    memset(session, 0, sizeof(*session));
    session->host = host;
    session->stream = *stream;
    session->domain = domain;
    session->opened = session->refilled = now;
    session->tokens = SESSION_BURST;
}

void session_close(struct session *session)
{
    for (unsigned int i = 0; i < session->building_count; i++) {
        struct cloister_destroy op = {.enclave = session->building[i]};

        /* DESTROY works in every state; it fails only where the domain ended first. */
        int rc = hypercall_destroy(session->host->monitor, &op);
        (void)rc;
    }
    session->building_count = 0;
    proving_end(session);
    free(session->body);
    session->body = NULL;
    explicit_bzero(session->reply, sizeof(session->reply));
}

static enum session_answer end(struct session *session, const char *fault)
{
    session->fault = fault;
    return SESSION_END;
}

static void refill(struct session *session, uint64_t now)
{
    session->tokens += (double)(now - session->refilled) * SESSION_RATE / 1000;
    if (session->tokens > SESSION_BURST)
        session->tokens = SESSION_BURST;
    session->refilled = now;
}

static void reply_delivered(struct session *session)
{
    if (session->announced)
        session_forget(session, session->announced);
    session->announced = 0;
    explicit_bzero(session->reply, session->reply_size);
    session->reply_size = session->reply_sent = 0;
}

/* Writes what the ring takes; false: the stream has ended. */
static bool send_reply(struct session *session)
{
    while (session->reply_sent < session->reply_size) {
        ssize_t size =
            session->stream.write(session->stream.context, session->reply + session->reply_sent,
                                  session->reply_size - session->reply_sent);
        if (size < 0)
            return false;
        if (size == 0)
            return true;
        session->reply_sent += (size_t)size;
    }
    if (session->reply_size)
        reply_delivered(session);
    return true;
}

enum receive { RECEIVE_PART, RECEIVE_WHOLE, RECEIVE_ENDED, RECEIVE_BROKEN };

static enum receive fill(struct session *session, void *buffer, size_t *used, size_t size)
{
    while (*used < size) {
        ssize_t part =
            session->stream.read(session->stream.context, (char *)buffer + *used, size - *used);
        if (part < 0)
            return RECEIVE_ENDED;
        if (part == 0)
            return RECEIVE_PART;
        *used += (size_t)part;
    }
    return RECEIVE_WHOLE;
}

static enum receive receive_head(struct session *session, uint64_t now)
{
    bool fresh = session->head_used == 0;
    enum receive answer = fill(session, &session->head, &session->head_used, sizeof(session->head));

    if (fresh && session->head_used)
        session->busy_since = now;
    if (answer != RECEIVE_WHOLE)
        return answer;
    session->fault = message_check_head(&session->head);
    if (!session->fault && !session->greeted && session->head.type != CLOISTER_MSG_HELLO)
        session->fault = "the first message of a channel is HELLO";
    if (!session->fault && session->greeted && session->head.type == CLOISTER_MSG_HELLO)
        session->fault = "HELLO came twice";
    if (session->fault)
        return RECEIVE_BROKEN;
    session->body_used = 0;
    session->body = malloc(session->head.size ? session->head.size : 1);
    if (!session->body)
        session->fault = "out of memory";
    return session->body ? RECEIVE_WHOLE : RECEIVE_BROKEN;
}

static enum receive receive(struct session *session, uint64_t now)
{
    enum receive answer = RECEIVE_WHOLE;

    if (!session->body)
        answer = receive_head(session, now);
    if (answer == RECEIVE_WHOLE)
        answer = fill(session, session->body, &session->body_used, session->head.size);
    if (answer == RECEIVE_WHOLE) {
        session->fault = message_check_body(&session->head, session->body);
        if (session->fault)
            answer = RECEIVE_BROKEN;
    }
    return answer;
}

static void serve(struct session *session, uint64_t now)
{
    bool built = session_serve(session, now);

    session->requests++;
    if (!built)
        session->tokens -= 1;
    free(session->body);
    session->body = NULL;
    session->head_used = 0;
    session->busy_since = now;
}

static bool too_long(const struct session *session, uint64_t now)
{
    return now - session->busy_since > SESSION_PATIENCE;
}

enum session_answer session_step(struct session *session, uint64_t now)
{
    if (!send_reply(session))
        return end(session, NULL);
    if (session->reply_size)
        return too_long(session, now) ? end(session, "it does not read its replies") : SESSION_IDLE;
    if (session->ending)
        return end(session, session->fault);
    refill(session, now);
    if (session->tokens < 1) {
        if (session->head_used)
            session->busy_since = now; /* it is we who do not read */
        return SESSION_IDLE;
    }
    switch (receive(session, now)) {
    case RECEIVE_ENDED:
        return end(session, NULL);
    case RECEIVE_BROKEN:
        return end(session, session->fault);
    case RECEIVE_PART:
        if (session->head_used && too_long(session, now))
            return end(session, "a message did not arrive whole");
        if (!session->greeted && now - session->opened > SESSION_GREETING)
            return end(session, "no HELLO came");
        return SESSION_IDLE;
    default:
        break;
    }
    serve(session, now);
    return send_reply(session) ? SESSION_MORE : end(session, NULL);
}
