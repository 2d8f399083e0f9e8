/* SPDX-License-Identifier: MIT */
#include "agent/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"

struct relayed {
    struct agent *agent;
    uint64_t app;
    uint32_t number;
    uint16_t type; /* enum app_type */
};

static const char *explanation(int error)
{
    switch (error) {
    case -EINVAL:
        return "what was given as a report is none";
    case -EAGAIN:
        return "the evidence is not ready";
    case -EBUSY:
        return "evidence is being made for somebody else in this guest: try again in some seconds";
    case -ESTALE:
        return "somebody else in this guest asked for evidence since: ask again";
    case -EOPNOTSUPP:
    case -ENODEV:
        return "this host cannot prove what it runs: it has no TPM, or no identity";
    case -ECONNRESET:
    case -ETIMEDOUT:
        return "the host did not answer in time";
    default:
        return "the host could not make evidence: its operator finds why in cloisterd's journal";
    }
}

static bool size_ok(uint16_t type, size_t size)
{
    return type == APP_EVIDENCE
               ? size == sizeof(struct cloister_msg_ticket)
               : size > sizeof(struct cloister_msg_piece) &&
                     size <= sizeof(struct cloister_msg_piece) + CLOISTER_EVIDENCE_PIECE;
}

static void answered(void *context, int error, const struct cloister_msg_reply *said,
                     const void *body, size_t size)
{
    struct relayed *relayed = context;
    struct app_reply reply = {0};

    if (!error && !size_ok(relayed->type, size))
        error = -EPROTO;
    if (error) {
        app_refuse(&reply, error, said ? APP_ORIGIN_HOST : APP_ORIGIN_AGENT, "%s",
                   explanation(error));
        size = 0;
    }
    apps_answer(relayed->agent->apps, relayed->app, relayed->number, &reply, body, size, -1);
    free(relayed);
}

int relay_begin(struct agent *agent, const struct owner *from, const struct app_request *request)
{
    const struct hostlink_asker asker = {from->app, from->account};
    const struct hostlink_part part = {request->body, request->size};
    struct relayed *relayed = calloc(1, sizeof(*relayed));
    int error;

    if (!relayed)
        return -ENOMEM;
    *relayed = (struct relayed){agent, from->app, request->number, request->type};
    error = hostlink_request(agent->link, &asker,
                             request->type == APP_EVIDENCE ? CLOISTER_MSG_EVIDENCE
                                                           : CLOISTER_MSG_COLLECT,
                             &part, 1, answered, relayed);
    if (error)
        free(relayed);
    return error;
}
