/* SPDX-License-Identifier: MIT */
/* What is known without looking anywhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/api.h"

/* openapi.json, as it is in the source. */
extern const char openapi_json[];
extern const unsigned int openapi_json_size;

static void reply_copy(struct request *request, const char *text, size_t size)
{
    reply_text(request, 200, strndup(text, size), size);
}

void api_jwks(struct worker *worker, struct request *request)
{
    reply_copy(request, worker->service->jwks, strlen(worker->service->jwks));
}

void api_discovery(struct worker *worker, struct request *request)
{
    reply_copy(request, worker->service->discovery, strlen(worker->service->discovery));
}

void api_openapi(struct worker *worker, struct request *request)
{
    (void)worker;
    reply_copy(request, openapi_json, openapi_json_size);
}

/* 200, or 503 where the store could not be used the last time. */
void api_health(struct worker *worker, struct request *request)
{
    struct service *service = worker->service;
    bool works = atomic_load(&service->ready) && atomic_load(&service->store_works);
    json_object *object = json_object_new_object();

    if (object) {
        json_object_object_add(object, "store", json_object_new_boolean(works));
        json_object_object_add(object, "in_flight",
                               json_object_new_int64(atomic_load(&service->in_flight)));
        json_object_object_add(object, "version", json_object_new_string(CLOISTER_VERSION));
    }
    reply_json(request, works ? 200 : 503, object);
}
