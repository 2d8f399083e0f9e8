/* SPDX-License-Identifier: MIT */
/* Bearer tokens of hosts: ID.SECRET, the store knows SHA-256 of the secret's text. Administrators' roles. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/route.h"
#include "service/api.h"

void api_unknown_token(struct request *request)
{
    reply_error(request, 401, "unauthorized", "this token is not, or no longer, a host's");
}

void api_unknown_ticket(struct request *request)
{
    reply_error(request, 401, "unauthorized", "this ticket is not known, used, or too old");
}

bool api_host_token(struct request *request, char id[STORE_ID_SIZE], uint8_t digest[STORE_DIGEST])
{
    const char *token = request->token;

    if (strspn(token, "0123456789abcdef") != STORE_ID_SIZE - 1 || token[STORE_ID_SIZE - 1] != '.') {
        api_unknown_token(request);
        return false;
    }
    memcpy(id, token, STORE_ID_SIZE - 1);
    id[STORE_ID_SIZE - 1] = 0;
    token += STORE_ID_SIZE;
    if (EVP_Digest(token, strlen(token), digest, NULL, EVP_sha256(), NULL) != 1) {
        reply_unavailable(request);
        return false;
    }
    return true;
}

bool api_authenticate(struct worker *worker, struct request *request, struct store_host *host)
{
    uint8_t digest[STORE_DIGEST];
    char id[STORE_ID_SIZE];
    int rc;

    if (!api_host_token(request, id, digest)) {
        return false;
    }
    rc = store_host_get(worker->db, id, host);
    if (rc == -EIO) {
        reply_unavailable(request);
    } else if (rc || CRYPTO_memcmp(digest, host->token_digest, sizeof(digest))) {
        api_unknown_token(request);
    } else {
        request->authenticated = true;
    }
    return !request->status;
}

/* What a ticket names does not matter yet. */
void api_look_up(struct worker *worker, struct request *request)
{
    uint8_t named[STORE_DIGEST];
    struct store_host host;
    int rc;

    if (request->route->who == WHO_HOST) {
        (void)!api_authenticate(worker, request, &host);
        return;
    }
    rc = store_ticket_get(worker->db, request->shown, clock_seconds(), named);
    if (rc == -EIO) {
        reply_unavailable(request);
    } else if (rc) {
        api_unknown_ticket(request);
    } else {
        request->authenticated = true;
    }
}

/* --- roles --------------------------------------------------------------------------------- */

static const char *const methods[] = {"GET", "PUT", "POST", "DELETE"};

/* RFC 9457, and the two members that all errors have. */
static json_object *describe_refusal(const struct request *request)
{
    const char *held = role_name(request->role), *needed = role_name(request->route->role);
    json_object *object = json_object_new_object();
    char text[2 * ROLES_SUBJECT];

    if (!object) {
        return NULL;
    }
    snprintf(text, sizeof(text), "%s %s needs the role %s; %s has the role %s",
             methods[request->route->method], request->route->path, needed, request->administrator,
             held);
    json_object_object_add(object, "type", json_object_new_string("about:blank"));
    json_object_object_add(object, "title", json_object_new_string("Forbidden"));
    json_object_object_add(object, "status", json_object_new_int(403));
    json_object_object_add(object, "detail", json_object_new_string(text));
    json_object_object_add(object, "role_held", json_object_new_string(held));
    json_object_object_add(object, "role_needed", json_object_new_string(needed));
    json_object_object_add(object, "error", json_object_new_string("forbidden"));
    json_object_object_add(object, "message", json_object_new_string(text));
    return object;
}

static int apply_forbidden(struct db *db, struct request *request)
{
    const struct route *route = request->route;
    char what[160], roles[64];
    int rc;

    snprintf(what, sizeof(what), "%s %s", methods[route->method], route->path);
    snprintf(roles, sizeof(roles), "%s, not %s", role_name(request->role), role_name(route->role));
    rc = api_note(db, request,
                  &(struct api_event){.event = "forbidden", .subject = what, .result = roles});
    if (!rc) {
        reply_json(request, 403, describe_refusal(request));
        request->reply_type = "application/problem+json";
    }
    return rc;
}

void api_forbidden(struct worker *worker, struct request *request)
{
    (void)worker;
    request->apply = apply_forbidden;
}
