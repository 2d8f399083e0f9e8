/* SPDX-License-Identifier: MIT */
#include "service/verdict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "cloister/token.h"
#include "server/body.h"
#include "service/challenge.h"
#include "service/claims.h"
#include "verify/refuse.h"
#include "service/token.h"

enum { CHALLENGE, EVIDENCE, POLICY, FORMAT, AUDIENCE, NONCE, INCLUDE, FIELDS };

static const struct field fields[FIELDS] = {
    [CHALLENGE] = {"challenge", FIELD_TEXT, false, 1, SEAL_MAX_TEXT},
    [EVIDENCE] = {"evidence", FIELD_BASE64, false, 1, CLOISTER_EVIDENCE_MAX_SIZE},
    [POLICY] = {"policy", FIELD_TEXT, false, 1, STORE_POLICY_SIZE - 1},
    [FORMAT] = {"format", FIELD_TEXT, true, 3, 3},
    [AUDIENCE] = {"audience", FIELD_TEXT, true, 1, 256},
    [NONCE] = {"nonce", FIELD_HEX, true, CLOISTER_TOKEN_NONCE_MIN, CLOISTER_TOKEN_NONCE_MAX},
    [INCLUDE] = {"include", FIELD_TEXT, true, 4, 4},
};

static void set_json(struct verdict *verdict, int status, json_object *object)
{
    const char *text = object ? json_object_to_json_string_ext(
                                    object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                              : NULL;

    free(verdict->answer.reply);
    verdict->answer.reply = text ? strdup(text) : NULL;
    verdict->answer.size = verdict->answer.reply ? strlen(verdict->answer.reply) : 0;
    verdict->answer.status = status;
    json_object_put(object);
}

static void set_error(struct verdict *verdict, int status, const char *code, const char *message)
{
    json_object *object = json_object_new_object();

    if (object) {
        json_object_object_add(object, "error", json_object_new_string(code));
        json_object_object_add(object, "message", json_object_new_string(message));
    }
    set_json(verdict, status, object);
}

static void set_refused(struct verdict *verdict, const char *step, const char *reason,
                        const char *meaning, const char *what, const char *expected,
                        const char *found)
{
    const char *const members[][2] = {{"step", step}, {"reason", reason},     {"meaning", meaning},
                                      {"what", what}, {"expected", expected}, {"found", found}};
    json_object *object = json_object_new_object(), *inner = json_object_new_object();

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && inner; i++) {
        json_object_object_add(inner, members[i][0], json_object_new_string(members[i][1]));
    }
    if (object) {
        json_object_object_add(object, "refused", inner);
    }
    snprintf(verdict->reason, sizeof(verdict->reason), "%s", reason);
    set_json(verdict, 403, object);
}

int verdict_note(struct db *db, struct verdict *verdict)
{
    const struct store_attempt attempt = {
        .host = verdict->host,
        .token_digest = verdict->token_digest,
        .nonce = verdict->challenged ? verdict->nonce : NULL,
        .expires = verdict->expires,
        .now = verdict->now,
        .reason = *verdict->reason ? verdict->reason : NULL,
    };
    int rc = store_attempt(db, &attempt, &verdict->answer);

    verdict->repeated = rc == -EALREADY;
    if (verdict->repeated) {
        return 0;
    }
    if (rc == -EEXIST) {
        verdict->token[0] = 0;
        set_refused(verdict, "challenge", "challenge-replayed", "the challenge was answered before",
                    "challenge", "a new one", "a used one");
        rc = verdict->answer.reply ? 0 : -EIO;
    }
    return rc;
}

void verdict_release(void *context)
{
    struct verdict *verdict = context;

    free(verdict->answer.reply);
    verdict->answer.reply = NULL;
}

/* The token and its claims. 0 or -EIO. */
static int accept(struct worker *worker, struct verdict *verdict, const struct body *body,
                  const struct cloister_claims *claims)
{
    const struct service *service = worker->service;
    const char *format = body->fields[FORMAT].given ? body->fields[FORMAT].text : "jwt";
    const bool cwt = !strcmp(format, "cwt"), ear = !strcmp(format, "ear");
    struct claims_frame frame = {
        .issuer = service->config.issuer,
        .audience = body->fields[AUDIENCE].text,
        .now = verdict->now,
        .expires = verdict->now + service->config.token_lifetime,
        .relying_nonce = body->fields[NONCE].bytes,
        .pcrs = body->fields[INCLUDE].given,
    };
    json_object *object;
    char *token;
    int size = -1;

    memcpy(frame.nonce, verdict->nonce, sizeof(frame.nonce));
    for (size_t i = 0; i < 2 * CLAIMS_ID; i++) { /* the id is lower-case hexadecimal */
        char digit = verdict->host[i];

        frame.host[i / 2] =
            (uint8_t)(frame.host[i / 2] << 4 | (digit <= '9' ? digit - '0' : digit - 'a' + 10));
    }
    if (RAND_bytes(frame.token, sizeof(frame.token)) != 1) {
        return -EIO;
    }
    hex_text(frame.token, sizeof(frame.token), verdict->token, sizeof(verdict->token));
    object = (ear ? claims_build_ear : claims_build)(&frame, claims);
    token = object ? token_make(cwt ? TOKEN_CWT : TOKEN_JWT, object, &worker->material->signer,
                                worker->signing)
                   : NULL;
    if (token) {
        size = asprintf(&verdict->answer.reply,
                        "{\"token\":\"%s\",\"format\":\"%s\",\"expires\":%lld,\"claims\":%s}",
                        token, format, (long long)frame.expires,
                        json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                                   JSON_C_TO_STRING_NOSLASHESCAPE));
    }
    free(token);
    json_object_put(object);
    if (size < 0) {
        verdict->answer.reply = NULL;
        return -EIO;
    }
    verdict->answer.size = (size_t)size;
    verdict->answer.status = 200;
    return 0;
}

static int verify(struct worker *worker, struct verdict *verdict, const struct body *body,
                  const struct cloister_policy *policy, const uint8_t *ak_digest)
{
    const struct cloister_bytes evidence = body->fields[EVIDENCE].bytes;
    const struct cloister_challenge challenge = {
        .nonce = {verdict->nonce, sizeof(verdict->nonce)},
        .enrolled_key = ak_digest,
    };
    struct cloister_refusal refusal;
    struct cloister_claims claims;
    int rc = cloister_verify(worker->verifier, policy, &challenge, evidence.data, evidence.size,
                             &claims, &refusal);

    if (rc == 0) {
        return accept(worker, verdict, body, &claims);
    }
    if (rc != -EACCES) {
        return -EIO;
    }
    set_refused(verdict, cloister_step_name(refusal.step), cloister_refusal_name(refusal.code),
                cloister_refusal_text(refusal.code), refusal.what, refusal.expected, refusal.found);
    return 0;
}

/* The challenge is looked at first: nothing else costs as little. */
static int judge(struct worker *worker, const struct body *body, const uint8_t *token_digest,
                 int64_t received, struct verdict *verdict)
{
    const char *policy_id = body->fields[POLICY].text;
    uint8_t policy_digest[STORE_DIGEST];
    enum challenge_state state;
    struct shared_policy *policy;
    struct challenge challenge;
    struct store_host host;
    bool known;
    int rc =
        store_host_and_policy(worker->db, verdict->host, policy_id, &host, policy_digest, &known);

    if (rc) {
        return rc == -ENOENT ? -EACCES : rc;
    }
    if (token_digest && CRYPTO_memcmp(token_digest, host.token_digest, STORE_DIGEST)) {
        return -EACCES;
    }
    memcpy(verdict->token_digest, host.token_digest, STORE_DIGEST);
    snprintf(verdict->policy, sizeof(verdict->policy), "%s", policy_id);
    state = challenge_read(worker->service->sealing_key, body->fields[CHALLENGE].text, host.id,
                           received, &challenge);
    if (state == CHALLENGE_FAILED) {
        return -EIO;
    }
    if (state != CHALLENGE_GOOD) {
        verdict->attempt = true;
        set_refused(verdict, "challenge", challenge_reason(state), challenge_meaning(state),
                    "challenge", "one for this host that has not expired", "another");
        return 0;
    }
    memcpy(verdict->nonce, challenge.nonce, sizeof(verdict->nonce));
    verdict->expires = challenge.expires;
    verdict->challenged = true;
    rc = known ? policies_get(worker->service->policies, worker->db, policy_id, policy_digest,
                              &policy)
               : -ENOENT;
    if (rc) {
        set_error(verdict, 404, "not-found", "there is no such policy");
        return rc == -ENOENT ? 0 : rc;
    }
    verdict->attempt = true;
    rc = verify(worker, verdict, body, policy->policy, host.ak_digest);
    policies_put(worker->service->policies, policy);
    return rc;
}

/* What body_parse() does not see. NULL if it is good. */
static const char *wrong_format(const struct body *body)
{
    const char *format = body->fields[FORMAT].text;

    if (format && strcmp(format, "jwt") && strcmp(format, "cwt") && strcmp(format, "ear")) {
        return "format: jwt, cwt or ear expected";
    }
    return body->fields[INCLUDE].given && strcmp(body->fields[INCLUDE].text, "pcrs")
               ? "include: pcrs expected"
               : NULL;
}

int verdict_reach(struct worker *worker, const char *id, const uint8_t *token_digest,
                  const char *text, size_t size, int64_t received, struct verdict *verdict)
{
    char why[256] = "out of memory";
    const char *wrong = why;
    struct body body;
    int rc = 0;

    memset(verdict, 0, sizeof(*verdict));
    snprintf(verdict->host, sizeof(verdict->host), "%s", id);
    verdict->now = clock_seconds();
    if (EVP_Digest(text, size, verdict->answer.request, NULL, EVP_sha256(), NULL) != 1) {
        return -EIO;
    }
    if (body_parse(text, size, &body, fields, FIELDS, why, sizeof(why))) {
        wrong = wrong_format(&body);
        if (!wrong) {
            rc = judge(worker, &body, token_digest, received, verdict);
        }
        body_release(&body);
    }
    if (wrong) {
        set_error(verdict, 400, "bad-request", wrong);
    }
    if (!rc && !verdict->answer.reply) {
        rc = -EIO; /* out of memory */
    }
    if (rc) {
        verdict_release(verdict);
    }
    return rc;
}

bool verdict_can_be(struct request *request)
{
    struct body body;
    const char *wrong;

    if (!body_take(request, &body, fields, FIELDS)) {
        return false;
    }
    wrong = wrong_format(&body);
    body_release(&body);
    if (wrong) {
        reply_error(request, 400, "bad-request", "%s", wrong);
    }
    return !wrong;
}
