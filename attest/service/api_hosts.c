/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/api.h"
#include "verify/refuse.h"

#define PAGE 1000u

static void add_hex(json_object *object, const char *key, const uint8_t *data)
{
    char text[2 * STORE_DIGEST + 1];

    hex_text(data, STORE_DIGEST, text, sizeof(text));
    json_object_object_add(object, key, json_object_new_string(text));
}

/* Times that never were are null. */
static void add_time(json_object *object, const char *key, int64_t time)
{
    json_object_object_add(object, key, time ? json_object_new_int64(time) : NULL);
}

static json_object *describe(const struct store_host *host)
{
    json_object *object = json_object_new_object();

    if (object) {
        json_object_object_add(object, "host", json_object_new_string(host->id));
        add_hex(object, "ek_sha256", host->ek_digest);
        add_hex(object, "attestation_key", host->ak_digest);
        add_time(object, "enrolled", host->enrolled);
        add_time(object, "last_attempt", host->last_attempt);
        add_time(object, "last_success", host->last_success);
        json_object_object_add(object, "last_reason",
                               *host->last_reason ? json_object_new_string(host->last_reason)
                                                  : NULL);
    }
    return object;
}

static void not_found(struct request *request)
{
    reply_error(request, 404, "not-found", "there is no such host");
}

void api_host(struct worker *worker, struct request *request)
{
    struct store_host host;
    int rc = store_host_get(worker->db, request->argument, &host);

    if (rc == -ENOENT) {
        not_found(request);
    } else if (rc) {
        reply_unavailable(request);
    } else {
        reply_json(request, 200, describe(&host));
    }
}

struct page {
    json_object *list;
    char last[STORE_ID_SIZE];
    uint32_t count;
};

static void list_row(void *context, const struct store_host *host)
{
    struct page *page = context;

    json_object_array_add(page->list, describe(host));
    memcpy(page->last, host->id, sizeof(page->last));
    page->count++;
}

/* ?after=ID: what follows this one. */
void api_hosts(struct worker *worker, struct request *request)
{
    struct page page = {.list = NULL};
    json_object *object;
    const char *after;

    if (!api_after(request, "a host", &after)) {
        return;
    }
    page.list = json_object_new_array();
    object = json_object_new_object();
    if (!page.list || !object || store_host_list(worker->db, after, PAGE, list_row, &page)) {
        json_object_put(page.list);
        json_object_put(object);
        reply_unavailable(request);
        return;
    }
    json_object_object_add(object, "hosts", page.list);
    json_object_object_add(object, "next",
                           page.count == PAGE ? json_object_new_string(page.last) : NULL);
    reply_json(request, 200, object);
}

static int apply_delete(struct db *db, struct request *request)
{
    int rc = store_host_delete(db, request->argument);

    if (!rc) {
        rc = api_note(db, request,
                      &(struct api_event){.event = "host-removed", .host = request->argument});
    }
    if (rc == -ENOENT && !request->unsure) {
        not_found(request);
    } else if (rc != -EIO) { /* it is gone: by this request, where its first COMMIT was lost */
        reply_text(request, 200, strdup("{}"), 2);
    }
    return rc == -EIO ? rc : 0;
}

void api_host_delete(struct worker *worker, struct request *request)
{
    (void)worker;
    request->apply = apply_delete;
}
