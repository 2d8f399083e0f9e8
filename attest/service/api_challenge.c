/* SPDX-License-Identifier: MIT */
#include "service/api.h"
#include "server/body.h"
#include "service/challenge.h"
#include "verify/refuse.h"

void api_challenge(struct worker *worker, struct request *request)
{
    struct challenge challenge;
    char text[SEAL_MAX_TEXT + 1], nonce[2 * CHALLENGE_NONCE + 1];
    struct store_host host;
    struct body body;
    json_object *object;

    /* There is nothing to say; who says it all the same means something else. */
    if (request->size) {
        if (!body_take(request, &body, NULL, 0)) {
            return;
        }
        body_release(&body);
    }
    if (!api_authenticate(worker, request, &host)) {
        return;
    }
    memset(&challenge, 0, sizeof(challenge));
    memcpy(challenge.host, host.id, sizeof(challenge.host));
    challenge.made = clock_seconds();
    challenge.expires = challenge.made + worker->service->config.challenge_lifetime;
    object = json_object_new_object();
    if (!object || challenge_make(worker->service->sealing_key, &challenge, text)) {
        json_object_put(object);
        reply_unavailable(request);
        return;
    }
    hex_text(challenge.nonce, sizeof(challenge.nonce), nonce, sizeof(nonce));
    json_object_object_add(object, "challenge", json_object_new_string(text));
    json_object_object_add(object, "nonce", json_object_new_string(nonce));
    json_object_object_add(object, "expires", json_object_new_int64(challenge.expires));
    reply_json(request, 200, object);
}
