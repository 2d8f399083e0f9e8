/* SPDX-License-Identifier: MIT */
/*
 * The host is enrolled: the TPM's keys go to the service with a ticket, the TPM activates the
 * credential that comes back, and the service answers the proof with the host's token. That last
 * request uses the ticket up, so it is written down before it is made: whoever does not hear its
 * answer makes the same one again, and gets the same token.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/client.h"
#include "base/digest.h"
#include "base/textfile.h"

#define BEGIN_ATTEMPTS 2u  /* nothing is lost but a moment */
#define FINISH_ATTEMPTS 5u /* its answer is the token */
#define CA_MAX (256u * 1024u)
#define TICKET_MAX 120u
#define SEALED_MAX 2048u

struct enrolment {
    const struct client *client;
    struct web_service service;
    const char *ticket;
    char digest[DIGEST_HEX + 1]; /* of the ticket */
    char *ca;                    /* PEM, or NULL */
    char why[STATE_WHY];
    int status; /* exit status, once something went wrong */
};

/* 0 to be returned where an object is wanted. */
static json_object *fail(struct enrolment *enrolment, int status, const char *why)
{
    if (why != enrolment->why)
        snprintf(enrolment->why, sizeof(enrolment->why), "%s", why);
    enrolment->status = status;
    return NULL;
}

static json_object *ask_host(struct enrolment *enrolment, json_object *request)
{
    bool absent;
    json_object *answer = client_host(enrolment->client, request, &absent, enrolment->why);

    if (!answer)
        fail(enrolment, absent ? CLIENT_NO_DAEMON : CLIENT_PROBLEM, enrolment->why);
    return answer;
}

/* The reply, which is to be released; the body stays the caller's. *result says what became of it. */
static json_object *ask_service(struct enrolment *enrolment, const char *path, const char *token,
                                json_object *body, unsigned int attempts, enum web_result *result)
{
    for (unsigned int attempt = 1;; attempt++) {
        struct web_reply reply;
        json_object *json;

        *result = web_ask(&enrolment->service, path, token, json_object_get(body), &reply);
        json = *result == WEB_DONE ? json_object_get(reply.json) : NULL;
        if (!json)
            fail(enrolment, CLIENT_PROBLEM, reply.why);
        web_reply_release(&reply);
        if (*result != WEB_LATER || attempt == attempts)
            return json;
        if (client_sleep(client_backoff(attempt - 1, reply.retry_after)))
            return fail(enrolment, CLIENT_PROBLEM, "interrupted: run the same command again");
    }
}

static json_object *command(const char *name)
{
    json_object *request = json_object_new_object();

    state_add(request, "command", name);
    return request;
}

static void copy_member(json_object *to, json_object *from, const char *key)
{
    json_object *member = NULL;

    json_object_object_get_ex(from, key, &member);
    json_object_object_add(to, key, json_object_get(member));
}

/* --- the first request ------------------------------------------------------------------------ */

static json_object *begin(struct enrolment *enrolment)
{
    json_object *keys = ask_host(enrolment, command("tpm")), *body, *offer;
    enum web_result result;

    if (!keys)
        return NULL;
    body = json_object_new_object();
    copy_member(body, keys, "ek_public");
    copy_member(body, keys, "ek_certificate");
    copy_member(body, keys, "ak_public");
    json_object_put(keys);
    offer =
        ask_service(enrolment, "/v1/hosts/enrol", enrolment->ticket, body, BEGIN_ATTEMPTS, &result);
    json_object_put(body);
    if (offer && web_text(offer, "enrolment", SEALED_MAX) &&
        web_text(offer, "credential_blob", SEALED_MAX) &&
        web_text(offer, "encrypted_secret", SEALED_MAX))
        return offer;
    if (offer) {
        json_object_put(offer);
        fail(enrolment, CLIENT_PROBLEM, "the service's answer has no credential");
    }
    return NULL;
}

/* Begins, has the TPM activate the credential, and writes down what is to be asked then. */
static json_object *prepare(struct enrolment *enrolment)
{
    json_object *offer = begin(enrolment), *request, *answer, *pending;

    if (!offer)
        return NULL;
    request = command("activate");
    copy_member(request, offer, "credential_blob");
    copy_member(request, offer, "encrypted_secret");
    answer = ask_host(enrolment, request);
    if (!answer) {
        json_object_put(offer);
        return NULL;
    }
    pending = json_object_new_object();
    state_add(pending, "url", enrolment->service.url);
    state_add(pending, "ticket_sha256", enrolment->digest);
    copy_member(pending, offer, "enrolment");
    copy_member(pending, answer, "secret");
    json_object_put(answer);
    json_object_put(offer);
    if (state_write_json(STATE_PENDING, pending, enrolment->why))
        return pending;
    json_object_put(pending);
    return fail(enrolment, CLIENT_PROBLEM, enrolment->why);
}

/* --- the second ------------------------------------------------------------------------------- */

static json_object *finish(struct enrolment *enrolment, json_object *pending,
                           enum web_result *result)
{
    json_object *body = json_object_new_object(), *made;

    copy_member(body, pending, "enrolment");
    copy_member(body, pending, "secret");
    made = ask_service(enrolment, "/v1/hosts/activate", NULL, body, FINISH_ATTEMPTS, result);
    json_object_put(body);
    if (made && (!web_text(made, "host", 64) || !web_text(made, "token", 200))) {
        json_object_put(made);
        *result = WEB_NEVER;
        return fail(enrolment, CLIENT_PROBLEM, "the service's answer has no host and token");
    }
    return made;
}

/* One that was begun with this ticket and whose answer was lost, or NULL. */
static json_object *resume(struct enrolment *enrolment)
{
    json_object *pending = state_read(STATE_PENDING, enrolment->why);

    if (pending && !strcmp(state_text(pending, "url"), enrolment->service.url) &&
        !strcmp(state_text(pending, "ticket_sha256"), enrolment->digest))
        return pending;
    json_object_put(pending);
    return NULL;
}

static json_object *run(struct enrolment *enrolment)
{
    json_object *pending = resume(enrolment), *made = NULL;
    bool resumed = pending != NULL;
    enum web_result result;

    if (!pending)
        pending = prepare(enrolment);
    if (pending)
        made = finish(enrolment, pending, &result);
    json_object_put(pending);
    if (pending && !made && result == WEB_NEVER) {
        state_remove(STATE_PENDING);
        if (resumed) /* it is too old to be finished; the ticket may be good still */
            return run(enrolment);
    }
    if (pending && !made && result == WEB_LATER)
        strncat(enrolment->why, "; run the same command again: it goes on where it was",
                sizeof(enrolment->why) - strlen(enrolment->why) - 1);
    return made;
}

/* --- what is kept ----------------------------------------------------------------------------- */

static bool keep(struct enrolment *enrolment, json_object *made)
{
    json_object *object = json_object_new_object();
    bool good;

    state_add(object, "url", enrolment->service.url);
    state_add(object, "ca", enrolment->ca);
    copy_member(object, made, "host");
    copy_member(object, made, "token");
    json_object_object_add(object, "enrolled", json_object_new_int64(client_now()));
    good = state_write_json(STATE_ENROLMENT, object, enrolment->why);
    json_object_put(object);
    if (good) { /* what was before is another enrolment's */
        state_remove(STATE_PENDING);
        state_remove(STATE_TOKEN);
        state_remove(STATE_LAST);
    }
    return good;
}

static bool read_ca(struct enrolment *enrolment, const char *path)
{
    size_t size;
    int rc = textfile_read(path, CA_MAX, &enrolment->ca, &size);

    if (rc)
        snprintf(enrolment->why, sizeof(enrolment->why), "%.200s cannot be read: %s", path,
                 strerror(-rc));
    else if (!strstr(enrolment->ca, "-----BEGIN CERTIFICATE-----") || strlen(enrolment->ca) != size)
        snprintf(enrolment->why, sizeof(enrolment->why), "%.200s has no certificates in PEM", path);
    else
        return true;
    return false;
}

/* "-": from standard input, so that it stands in no list of processes. */
static bool read_ticket(struct enrolment *enrolment, const char *ticket, char line[TICKET_MAX + 2])
{
    size_t size;

    if (!strcmp(ticket, "-")) {
        if (!fgets(line, TICKET_MAX + 2, stdin))
            line[0] = 0;
        line[strcspn(line, "\r\n")] = 0;
        ticket = line;
    }
    size = strlen(ticket);
    if (!size || size > TICKET_MAX ||
        strspn(ticket, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") !=
            size) {
        snprintf(enrolment->why, sizeof(enrolment->why),
                 "--ticket: what the service's operator made with POST /v1/tickets is expected "
                 "(letters, digits, - and _), or - for standard input");
        return false;
    }
    enrolment->ticket = ticket;
    digest_sha256_hex(ticket, size, enrolment->digest);
    return true;
}

static void say_done(const struct client *client, const struct enrolment *enrolment,
                     json_object *made)
{
    json_object *object;

    if (!client->json) {
        printf("enrolled at %s as host %s\n"
               "'systemctl restart cloister-attest' attests from now on, and at each start of the "
               "host; 'cloisterctl attest status' shows it\n",
               enrolment->service.url, state_text(made, "host"));
        return;
    }
    object = json_object_new_object();
    json_object_object_add(object, "ok", json_object_new_boolean(true));
    state_add(object, "url", enrolment->service.url);
    copy_member(object, made, "host");
    puts(json_object_to_json_string_ext(object,
                                        JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(object);
}

int client_enrol(const struct client *client, const char *url, const char *ticket, const char *ca)
{
    struct enrolment enrolment = {.client = client, .status = CLIENT_PROBLEM};
    json_object *made = NULL;
    char line[TICKET_MAX + 2];
    int lock;

    if (!web_set_url(&enrolment.service, url, enrolment.why) ||
        !read_ticket(&enrolment, ticket, line))
        return client_fail(client, CLIENT_USAGE, "%s", enrolment.why);
    if (ca && !read_ca(&enrolment, ca)) {
        free(enrolment.ca);
        return client_fail(client, CLIENT_PROBLEM, "%s", enrolment.why);
    }
    enrolment.service.ca = enrolment.ca;
    lock = state_lock(enrolment.why);
    if (lock >= 0)
        made = run(&enrolment);
    if (made && !keep(&enrolment, made)) {
        json_object_put(made);
        made = NULL;
    }
    if (made)
        say_done(client, &enrolment, made);
    json_object_put(made);
    free(enrolment.ca);
    return made ? CLIENT_OK : client_fail(client, enrolment.status, "%s", enrolment.why);
}
