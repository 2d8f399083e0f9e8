/* SPDX-License-Identifier: MIT */
/*
 * A key service: it gives one private key to enclaves that show a good token. An example of a relying
 * party, in one thread; the key is in its memory.
 *
 *   POST /v1/challenge   no body             -> 200 {"challenge": hex}
 *   POST /v1/key         {"challenge": hex, "transport_key": Base64, "token": JWT}
 *                                            -> 200 {"wrapped": Base64}
 *                                               403 {"refused": {code, text, expected, found}}
 * An error is {"error": text} with 400, 500 or 503; other paths, methods and sizes get libevent's own page, 404, 501
 * and 413. A request, its handshake included, must be here and its answer be taken within REQUEST_TIME; where
 * descriptors run out the listener rests for a moment. How many connections one client has is not bounded: that is
 * for whatever stands before it. A challenge is good for one key and CHALLENGE_LIFETIME seconds; keyvault.h
 * (enclave/samples/keyvault) says how the key is wrapped.
 */
#ifndef CLOISTER_KEYSERVICE_H
#define CLOISTER_KEYSERVICE_H

#include <json-c/json.h>
#include <stddef.h>

#include "keyservice/challenges.h"
#include "cloister/token.h"
#include "keyvault.h"

#define REQUEST_TIME 20 /* s */
#define KEYSERVICE_MAX_BODY (CLOISTER_TOKEN_MAX_SIZE + 1024u)

struct keyservice {
    const char *listen; /* address:port; port 0: any */
    const char *certificate, *certificate_key;
    struct cloister_token_keys *issuer_keys;
    /* each request sets `now` and `report_data` in a copy */
    struct cloister_token_expectation expectation;
    uint8_t key[KEYVAULT_PRIVATE_SIZE];
    struct challenges challenges;
};

/* Answers one request; an HTTP status, with what is to be sent as *reply. */
int keyservice_challenge(struct keyservice *service, json_object **reply);
int keyservice_key(struct keyservice *service, const char *body, size_t size, json_object **reply);

/* Serves HTTPS until SIGTERM or SIGINT. 0; 1 after having said what failed. */
int keyservice_serve(struct keyservice *service);

/* One line on standard error, "cloister-keyservice: ...". */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
