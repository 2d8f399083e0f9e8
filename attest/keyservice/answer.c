/* SPDX-License-Identifier: MIT */
/* What the service answers, without the network. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

#include "verify/base64.h"
#include "verify/json.h"
#include "keyservice/keyservice.h"
#include "verify/refuse.h"
#include "keyservice/wrap.h"

#define TRANSPORT_TEXT (BASE64_ROOM(KEYVAULT_PUBLIC_SIZE) - 1)

struct key_request {
    uint8_t challenge[KEYVAULT_CHALLENGE_SIZE], transport[KEYVAULT_PUBLIC_SIZE];
    const char *token; /* in the document */
};

static int64_t monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1; /* never 0 */
}

static int fail(json_object **reply, int status, const char *text)
{
    *reply = json_object_new_object();
    json_object_object_add(*reply, "error", json_object_new_string(text));
    return status;
}

static int refuse(json_object **reply, const char *code, const char *text, const char *expected,
                  const char *found)
{
    json_object *refused = json_object_new_object();

    *reply = json_object_new_object();
    json_object_object_add(*reply, "refused", refused);
    json_object_object_add(refused, "code", json_object_new_string(code));
    json_object_object_add(refused, "text", json_object_new_string(text));
    json_object_object_add(refused, "expected", json_object_new_string(expected));
    json_object_object_add(refused, "found", json_object_new_string(found));
    say("refused: %s: %s", code, text);
    return 403;
}

int keyservice_challenge(struct keyservice *service, json_object **reply)
{
    uint8_t challenge[KEYVAULT_CHALLENGE_SIZE];
    char text[2 * KEYVAULT_CHALLENGE_SIZE + 1];

    if (challenges_give(&service->challenges, monotonic(), challenge)) {
        return fail(reply, 500, "no randomness");
    }
    hex_text(challenge, sizeof(challenge), text, sizeof(text));
    *reply = json_object_new_object();
    json_object_object_add(*reply, "challenge", json_object_new_string(text));
    return 200;
}

/* Which member is wrong, or NULL. */
static const char *read_request(struct json_reader *in, json_object *document,
                                struct key_request *request)
{
    struct alternatives challenge = {0};
    uint8_t transport[TRANSPORT_TEXT / 4 * 3 + 2];

    json_object_object_foreach(document, name, value)
    {
        const char *text = json_object_get_string(value);

        if (strcmp(name, "challenge") == 0 && json_object_is_type(value, json_type_string)) {
            json_alternatives(in, name, value, KEYVAULT_CHALLENGE_SIZE, &challenge);
            if (!in->rc) {
                memcpy(request->challenge, challenge.values, KEYVAULT_CHALLENGE_SIZE);
            }
            free(challenge.values);
        } else if (strcmp(name, "transport_key") == 0 &&
                   json_object_is_type(value, json_type_string) && strlen(text) == TRANSPORT_TEXT &&
                   base64_decode(BASE64_STANDARD, text, TRANSPORT_TEXT, transport) ==
                       KEYVAULT_PUBLIC_SIZE) {
            memcpy(request->transport, transport, KEYVAULT_PUBLIC_SIZE);
        } else if (strcmp(name, "token") == 0 && json_object_is_type(value, json_type_string)) {
            request->token = text;
        } else {
            return "challenge (64 hexadecimal digits), transport_key (64 bytes in Base64) and "
                   "token "
                   "expected, and nothing else";
        }
        if (in->rc) {
            return in->why;
        }
    }
    return json_object_object_length(document) == 3
               ? NULL
               : "challenge, transport_key or token is missing";
}

static int release(struct keyservice *service, const struct key_request *request,
                   json_object **reply)
{
    struct cloister_token_expectation expectation = service->expectation;
    struct cloister_token_refusal why;
    uint8_t data[64], wrapped[KEYVAULT_WRAPPED_SIZE];
    char text[BASE64_ROOM(KEYVAULT_WRAPPED_SIZE)];
    int rc;

    if (!challenges_have(&service->challenges, monotonic(), request->challenge)) {
        return refuse(reply, "challenge", "the challenge was not given, was used, or is too old",
                      "", "");
    }
    if (wrap_report_data(request->challenge, request->transport, data)) {
        return fail(reply, 500, "OpenSSL failed");
    }
    expectation.now = time(NULL);
    expectation.report_data = data;
    rc = cloister_token_verify(request->token, strlen(request->token), service->issuer_keys,
                               &expectation, &why);
    if (rc == -EACCES) {
        return refuse(reply, cloister_token_refusal_name(why.code),
                      cloister_token_refusal_text(why.code), why.expected, why.found);
    }
    rc = rc ? rc : wrap_key(service->key, request->challenge, request->transport, wrapped);
    if (rc == -EINVAL) {
        return fail(reply, 400, "transport_key is no point on P-256");
    }
    if (rc) {
        return fail(reply, 500, "OpenSSL failed");
    }
    if (challenges_use(&service->challenges, monotonic(), request->challenge)) {
        OPENSSL_cleanse(wrapped, sizeof(wrapped));
        return fail(reply, 503, "too many keys were given lately: try again in some minutes");
    }
    base64_encode(BASE64_STANDARD, wrapped, sizeof(wrapped), text);
    *reply = json_object_new_object();
    json_object_object_add(*reply, "wrapped", json_object_new_string(text));
    say("gave the key to an enclave");
    return 200;
}

int keyservice_key(struct keyservice *service, const char *body, size_t size, json_object **reply)
{
    char why[200] = "too large";
    struct json_reader in = {.why = why, .why_size = sizeof(why)};
    struct key_request request = {0};
    json_object *document = size <= KEYSERVICE_MAX_BODY ? json_document(&in, body, size) : NULL;
    const char *wrong = document ? read_request(&in, document, &request) : why;
    int status = wrong ? fail(reply, 400, wrong) : release(service, &request, reply);

    json_object_put(document);
    return status;
}
