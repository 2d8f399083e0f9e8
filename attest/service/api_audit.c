/* SPDX-License-Identifier: MIT */
/* What was done, by whom, from where: noted in the transaction that does it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/api.h"

#define PAGE 1000u

int api_note(struct db *db, struct request *request, const struct api_event *event)
{
    const struct store_event row = {
        .id = request->event,
        .event = event->event,
        .host = event->host ? event->host : "",
        .administrator = request->administrator,
        .address = request->address_text,
        .subject = event->subject ? event->subject : "",
        .result = event->result ? event->result : "",
        .token = event->token ? event->token : "",
    };

    /* Made again after a lost COMMIT it is the same event. */
    if (!*request->event && store_event_id(request->event)) {
        return -EIO;
    }
    return store_event_add(db, &row);
}

struct page {
    json_object *list;
    char last[STORE_ID_SIZE];
    uint32_t count;
};

static void add_text(json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, *text ? json_object_new_string(text) : NULL);
}

static void list_row(void *context, const struct store_event *event)
{
    json_object *object = json_object_new_object();
    struct page *page = context;

    if (object) {
        add_text(object, "id", event->id);
        json_object_object_add(object, "time", json_object_new_int64(event->time));
        add_text(object, "event", event->event);
        add_text(object, "host", event->host);
        add_text(object, "administrator", event->administrator);
        add_text(object, "address", event->address);
        add_text(object, "subject", event->subject);
        add_text(object, "result", event->result);
        add_text(object, "token", event->token);
        json_object_array_add(page->list, object);
    }
    snprintf(page->last, sizeof(page->last), "%s", event->id);
    page->count++;
}

/* ?after=ID: what came later than this one. */
void api_audit(struct worker *worker, struct request *request)
{
    struct page page = {.list = NULL};
    json_object *object;
    const char *after;

    if (!api_after(request, "an event", &after)) {
        return;
    }
    page.list = json_object_new_array();
    object = json_object_new_object();
    if (!page.list || !object || store_event_list(worker->db, after, PAGE, list_row, &page)) {
        json_object_put(page.list);
        json_object_put(object);
        reply_unavailable(request);
        return;
    }
    json_object_object_add(object, "events", page.list);
    json_object_object_add(object, "next",
                           page.count == PAGE ? json_object_new_string(page.last) : NULL);
    reply_json(request, 200, object);
}
