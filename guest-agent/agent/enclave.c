/* SPDX-License-Identifier: MIT */
#include "agent/enclave.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/balloon.h"
#include "agent/state.h"
#include "base/say.h"

void enclave_forget(struct enclave *enclave, bool keep_state)
{
    struct enclaves *table = enclave->table;

    for (struct enclave **at = &table->first; *at; at = &(*at)->next)
        if (*at == enclave) {
            *at = enclave->next;
            break;
        }
    if (!keep_state) {
        if (enclave->id)
            state_remove(table->config->state, enclave->id);
        balloon_grow(enclave->balloon_kb);
    }
    image_close(&enclave->image);
    grant_release(&enclave->grant);
    if (enclave->waiting)
        table->events.answer(table->context, enclave->owner.app, enclave->number, &enclave->outcome,
                             NULL, 0, -1);
    free(enclave);
}

static void destroyed(void *context, int error, const struct cloister_msg_reply *reply,
                      const void *body, size_t size)
{
    struct enclave *enclave = context;

    (void)body;
    (void)size;
    enclave->in_flight--;
    if (!reply) {
        if (!enclave->outcome.error)
            app_refuse(&enclave->outcome, error, APP_ORIGIN_AGENT,
                       "the host daemon went away; the enclave ends as soon as it is back");
    } else if (error == -EBUSY || error == -EAGAIN || error == -EINTR || error == -ENOMEM) {
        return; /* stays ENDING; the next tick asks again */
    } else if (error && error != -ENOENT) {
        say_error("enclave %" PRIu32 " cannot be destroyed: %s", enclave->id, strerror(-error));
        if (!enclave->outcome.error)
            app_refuse(&enclave->outcome, error, APP_ORIGIN_HOST,
                       "the host cannot destroy the enclave: %s", strerror(-error));
    }
    enclave_forget(enclave, false);
}

void enclave_end(struct enclave *enclave)
{
    const struct cloister_msg_enclave body = {.enclave = enclave->id};
    const struct hostlink_part part = {&body, sizeof(body)};

    enclave->step = ENCLAVE_ENDING;
    if (hostlink_state(enclave->table->link) != HOSTLINK_UP) {
        /* The comparison with the host's list on the next link destroys it. */
        enclave_forget(enclave, false);
        return;
    }
    if (!hostlink_request(enclave->table->link, NULL, CLOISTER_MSG_DESTROY, &part, 1, destroyed,
                          enclave))
        enclave->in_flight++;
}

void enclave_settle(struct enclave *enclave)
{
    if (enclave->in_flight || !(enclave->outcome.error || enclave->abandoned))
        return;
    if (enclave->id)
        enclave_end(enclave);
    else
        enclave_forget(enclave, false);
}

void enclave_abandon(struct enclave *enclave)
{
    enclave->waiting = false;
    if (enclave->step == ENCLAVE_ENDING)
        return;
    enclave->abandoned = true;
    enclave_settle(enclave);
}

void enclave_failed(struct enclave *enclave, const struct app_reply *why)
{
    if (!enclave->outcome.error)
        enclave->outcome = *why;
    enclave_settle(enclave);
}

void enclave_failed_by_host(struct enclave *enclave, int error,
                            const struct cloister_msg_reply *reply, const char *doing)
{
    struct app_reply why;

    if (!reply) {
        app_refuse(&why, error, APP_ORIGIN_AGENT, "the host daemon (cloisterd) %s",
                   error == -ETIMEDOUT   ? "does not answer"
                   : error == -ENOBUFS   ? "has too much to do for this guest: try again"
                   : error == -EHOSTDOWN ? "is not connected"
                                         : "went away");
    } else if (reply->reason) {
        app_refuse(&why, error, APP_ORIGIN_HOST, "the host refused to %s: %s", doing,
                   cloister_reason_text(reply->reason));
        if (reply->found || reply->allowed) {
            size_t used = strlen(why.text);

            snprintf(why.text + used, sizeof(why.text) - used,
                     " (found %" PRIu64 ", allowed %" PRIu64 ")", reply->found, reply->allowed);
        }
        why.reason = reply->reason;
        why.found = reply->found;
        why.allowed = reply->allowed;
    } else {
        app_refuse(&why, error, APP_ORIGIN_HOST, "the host refused to %s: %s", doing,
                   strerror(-error));
    }
    enclave_failed(enclave, &why);
}
