/* SPDX-License-Identifier: MIT */
/* One attempt: a challenge, the host's evidence for it, the service's verdict. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attest/client.h"

#define CHALLENGE_MAX 2048u
#define TOKEN_MAX (64u * 1024u)
#define POLLS 60u

struct round {
    const struct client *client;
    struct client_attempt *attempt;
    struct client_settings settings;
    json_object *enrolment;
    struct web_service service;
    const char *bearer;
};

static void fail(struct round *round, enum web_result result, const char *why)
{
    round->attempt->result = result;
    if (why != round->attempt->why)
        snprintf(round->attempt->why, sizeof(round->attempt->why), "%s", why);
}

/* An answer of the service's, or NULL after fail(). */
static json_object *ask(struct round *round, const char *path, json_object *body,
                        struct web_reply *reply)
{
    enum web_result result = web_ask(&round->service, path, round->bearer, body, reply);

    round->attempt->retry_after = reply->retry_after;
    if (result == WEB_DONE)
        return reply->json;
    fail(round, result, reply->why);
    if (reply->status == 401)
        fail(round, WEB_NEVER,
             "the service does not know this host, or not any more: get a ticket from its operator "
             "and run 'cloisterctl enrol'");
    return NULL;
}

/* --- challenge and evidence ------------------------------------------------------------------- */

static json_object *get_evidence(struct round *round, const char *nonce)
{
    json_object *request = json_object_new_object(), *answer;

    state_add(request, "command", "evidence");
    state_add(request, "nonce", nonce);
    json_object_object_add(request, "reports", json_object_new_array());
    answer = client_host(round->client, request, &round->attempt->no_daemon, round->attempt->why);
    if (!answer)
        fail(round, WEB_LATER, round->attempt->why);
    return answer;
}

/* The body of the request for a verdict; *expires: the challenge's. NULL after fail(). */
static json_object *prepare(struct round *round, int64_t *expires)
{
    json_object *challenge, *evidence = NULL, *body = NULL, *bytes;
    const char *text, *nonce;
    struct web_reply reply;

    challenge = ask(round, "/v1/challenge", json_object_new_object(), &reply);
    text = challenge ? web_text(challenge, "challenge", CHALLENGE_MAX) : NULL;
    nonce = challenge ? web_text(challenge, "nonce", 128) : NULL;
    if (challenge && (!text || !nonce))
        fail(round, WEB_NEVER, "the service's answer has no challenge");
    else if (challenge)
        evidence = get_evidence(round, nonce);
    if (evidence && json_object_object_get_ex(evidence, "evidence", &bytes)) {
        *expires = state_number(challenge, "expires");
        body = json_object_new_object();
        state_add(body, "challenge", text);
        json_object_object_add(body, "evidence", json_object_get(bytes));
        state_add(body, "policy", round->settings.policy);
        state_add(body, "format", round->settings.format);
        if (*round->settings.audience)
            state_add(body, "audience", round->settings.audience);
    } else if (evidence) {
        fail(round, WEB_LATER, "cloisterd's answer has no evidence");
    }
    json_object_put(evidence);
    web_reply_release(&reply);
    return body;
}

/* --- the verdict ------------------------------------------------------------------------------ */

/* The token is kept as it came; nothing else is taken from the answer but when it ends. */
static void take_verdict(struct round *round, json_object *json)
{
    const char *token = web_text(json, "token", TOKEN_MAX);
    int64_t expires = state_number(json, "expires");

    if (!token || expires <= 0)
        fail(round, WEB_NEVER, "the service's answer has no token");
    else if (!state_write(STATE_TOKEN, token, round->attempt->why))
        fail(round, WEB_LATER, round->attempt->why);
    else {
        round->attempt->result = WEB_DONE;
        round->attempt->expires = expires;
    }
}

/* It was answered 202: the verdict comes later, at `place`. */
static void poll_verdict(struct round *round, const char *place)
{
    char path[sizeof(((struct web_reply *)0)->location)];

    if (strncmp(place, "/v1/attest/", 11)) {
        fail(round, WEB_NEVER, "the service promises a verdict, and does not say where");
        return;
    }
    snprintf(path, sizeof(path), "%s", place);
    for (unsigned int i = 0; i < POLLS; i++) {
        struct web_reply reply;
        json_object *json;
        long status, pause;

        if (client_sleep(1.0)) {
            fail(round, WEB_LATER, "interrupted");
            return;
        }
        json = ask(round, path, NULL, &reply);
        if (json && reply.status != 202)
            take_verdict(round, json);
        status = reply.status;
        pause = reply.retry_after;
        web_reply_release(&reply);
        if (status != 202 && (json || round->attempt->result == WEB_NEVER))
            return;
        if (pause > 1 && client_sleep((double)(pause < 10 ? pause : 10)))
            return;
    }
    fail(round, WEB_LATER, "the service has promised a verdict, and does not give it");
}

/*
 * The same request until the challenge ends: where an answer was lost it has the same verdict, and
 * another one would be refused.
 */
static void get_verdict(struct round *round, json_object *body, int64_t expires)
{
    for (unsigned int failures = 0;; failures++) {
        char place[sizeof(((struct web_reply *)0)->location)] = "";
        struct web_reply reply;
        json_object *json = ask(round, "/v1/attest", json_object_get(body), &reply);

        if (json && reply.status == 202)
            snprintf(place, sizeof(place), "%s", reply.location);
        else if (json)
            take_verdict(round, json);
        if (json && reply.status == 202) {
            web_reply_release(&reply);
            poll_verdict(round, place);
            return;
        }
        web_reply_release(&reply);
        if (json || round->attempt->result != WEB_LATER || failures == 3)
            return;
        const double pause = client_backoff(failures, reply.retry_after);
        if (client_now() + (int64_t)pause + 1 >= expires || client_sleep(pause))
            return;
    }
}

/* --- what is noted ---------------------------------------------------------------------------- */

static void note(const struct client_attempt *attempt)
{
    char why[STATE_WHY];
    json_object *last = state_read(STATE_LAST, why);
    const bool good = attempt->result == WEB_DONE;

    if (!last)
        last = json_object_new_object();
    json_object_object_add(last, "attempt", json_object_new_int64(client_now()));
    json_object_object_add(last, "failures",
                           json_object_new_int64(good ? 0 : state_number(last, "failures") + 1));
    state_add(last, "problem", good ? NULL : attempt->why);
    if (good) {
        json_object_object_add(last, "success", json_object_new_int64(client_now()));
        json_object_object_add(last, "expires", json_object_new_int64(attempt->expires));
    }
    (void)!state_write_json(STATE_LAST, last, why);
    json_object_put(last);
}

static bool load(struct round *round)
{
    struct client_attempt *attempt = round->attempt;

    round->enrolment = state_read(STATE_ENROLMENT, attempt->why);
    if (!round->enrolment) {
        fail(round, WEB_NEVER,
             *attempt->why ? attempt->why
                           : "this host is not enrolled: 'cloisterctl enrol URL --ticket TICKET'");
        return false;
    }
    round->bearer = state_text(round->enrolment, "token");
    if (*state_text(round->enrolment, "ca"))
        round->service.ca = state_text(round->enrolment, "ca");
    if (!*round->bearer ||
        !web_set_url(&round->service, state_text(round->enrolment, "url"), attempt->why)) {
        fail(round, WEB_NEVER, "enrolment.json is damaged: enrol again, with a new ticket");
        return false;
    }
    if (!client_settings(round->client, &round->settings, attempt->why)) {
        fail(round, WEB_NEVER, attempt->why);
        return false;
    }
    return true;
}

void client_attest(const struct client *client, struct client_attempt *attempt)
{
    struct round round = {.client = client, .attempt = attempt};
    json_object *body = NULL;
    int64_t expires = 0;
    int lock;

    *attempt = (struct client_attempt){.result = WEB_LATER};
    lock = state_lock(attempt->why);
    if (lock < 0)
        return;
    if (load(&round))
        body = prepare(&round, &expires);
    if (body)
        get_verdict(&round, body, expires);
    json_object_put(body);
    if (round.enrolment && !web_is_ending()) /* that is no trouble of the service's */
        note(attempt);
    json_object_put(round.enrolment);
    close(lock);
}
