/* SPDX-License-Identifier: MIT */
/* Policies with their reference values (cloister/verify.h); a policy's ETag is its text's SHA-256.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/api.h"
#include "verify/refuse.h"

static void not_found(struct request *request)
{
    reply_error(request, 404, "not-found", "there is no such policy");
}

static void digest_text(const uint8_t digest[STORE_DIGEST], char text[2 * STORE_DIGEST + 1])
{
    hex_text(digest, STORE_DIGEST, text, 2 * STORE_DIGEST + 1);
}

static void set_etag(struct request *request, const uint8_t digest[STORE_DIGEST])
{
    char text[2 * STORE_DIGEST + 1];

    digest_text(digest, text);
    snprintf(request->etag, sizeof(request->etag), "\"%s\"", text);
}

void api_policy(struct worker *worker, struct request *request)
{
    struct store_policy policy;
    int rc = store_policy_get(worker->db, request->argument, &policy);

    if (rc == -ENOENT) {
        not_found(request);
    } else if (rc) {
        reply_unavailable(request);
    } else {
        reply_text(request, 200, policy.text, policy.size);
        set_etag(request, policy.digest);
    }
}

static void list_row(void *context, const char *id, const uint8_t *digest, int64_t changed)
{
    json_object *object = json_object_new_object();
    char text[2 * STORE_DIGEST + 1];

    if (object) {
        digest_text(digest, text);
        json_object_object_add(object, "id", json_object_new_string(id));
        json_object_object_add(object, "sha256", json_object_new_string(text));
        json_object_object_add(object, "changed", json_object_new_int64(changed));
        json_object_array_add(context, object);
    }
}

void api_policies(struct worker *worker, struct request *request)
{
    json_object *object = json_object_new_object(), *list = json_object_new_array();

    if (!object || !list || store_policy_list(worker->db, list_row, list)) {
        json_object_put(list);
        json_object_put(object);
        reply_unavailable(request);
        return;
    }
    json_object_object_add(object, "policies", list);
    reply_json(request, 200, object);
}

struct change {
    uint8_t digest[STORE_DIGEST];
    bool insecure;
};

/*
 * If-Match (RFC 9110, 13.1.1): is the policy the one that the client has seen? `fresh`: the digest
 * of what shall stand there; where it does already, a request is made again, and is fine. 0;
 * -EPERM: it is answered; -EIO.
 */
static int match(struct db *db, struct request *request, const uint8_t *fresh)
{
    uint8_t digest[STORE_DIGEST];
    char text[2 * STORE_DIGEST + 3] = "\"";
    int rc;

    if (!*request->if_match) {
        return 0;
    }
    rc = store_policy_digest(db, request->argument, digest);
    if (rc == -EIO) {
        return rc;
    }
    digest_text(digest, text + 1);
    strcat(text, "\"");
    if (!rc && ((fresh && !memcmp(digest, fresh, sizeof(digest))) ||
                !strcmp(request->if_match, "*") || !strcmp(request->if_match, text))) {
        return 0;
    }
    if (rc && !fresh && request->unsure) {
        return 0; /* it was removed by this request */
    }
    reply_error(request, 412, "precondition-failed",
                "the policy is not, or not any more, the one that If-Match names");
    return -EPERM;
}

static int apply_put(struct db *db, struct request *request)
{
    struct change *change = request->context;
    char text[2 * STORE_DIGEST + 1];
    json_object *object;
    int rc = match(db, request, change->digest);

    if (rc) {
        return rc == -EIO ? rc : 0;
    }
    rc = store_policy_put(db, request->argument, request->body, request->size, change->digest,
                          clock_seconds());
    digest_text(change->digest, text);
    if (!rc) {
        rc = api_note(db, request,
                      &(struct api_event){.event = change->insecure ? "insecure-policy" : "policy",
                                          .subject = request->argument,
                                          .result = text});
    }
    if (rc) {
        return rc;
    }
    object = json_object_new_object();
    if (object) {
        json_object_object_add(object, "id", json_object_new_string(request->argument));
        json_object_object_add(object, "sha256", json_object_new_string(text));
        json_object_object_add(object, "insecure", json_object_new_boolean(change->insecure));
    }
    reply_json(request, 200, object);
    set_etag(request, change->digest);
    return 0;
}

void api_policy_put(struct worker *worker, struct request *request)
{
    struct change *change = calloc(1, sizeof(*change));
    struct cloister_policy *policy = NULL;
    char why[400] = "";
    int rc = change ? cloister_policy_parse(request->body, request->size, &policy, why, sizeof(why))
                    : -ENOMEM;

    (void)worker;
    if (rc) {
        free(change);
        if (rc == -EINVAL) {
            reply_error(request, 400, "bad-policy", "%s", why);
        } else {
            reply_unavailable(request);
        }
        return;
    }
    cloister_policy_digest(policy, change->digest);
    change->insecure = cloister_policy_is_insecure(policy);
    cloister_policy_free(policy);
    request->context = change;
    request->apply = apply_put;
}

static int apply_delete(struct db *db, struct request *request)
{
    int rc = match(db, request, NULL);

    if (rc) {
        return rc == -EIO ? rc : 0;
    }
    rc = store_policy_delete(db, request->argument);
    if (!rc) {
        rc = api_note(db, request,
                      &(struct api_event){.event = "policy-removed", .subject = request->argument});
    }
    if (rc == -ENOENT && !request->unsure) {
        not_found(request);
    } else if (rc != -EIO) { /* it is gone: by this request, where its first COMMIT was lost */
        reply_text(request, 200, strdup("{}"), 2);
    }
    return rc == -EIO ? rc : 0;
}

void api_policy_delete(struct worker *worker, struct request *request)
{
    (void)worker;
    request->apply = apply_delete;
}
