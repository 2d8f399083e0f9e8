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
    struct material *material = service_material(worker->service);

    reply_copy(request, material->jwks, strlen(material->jwks));
    material_put(material);
    request->cache_control = "public, max-age=300";
}

void api_discovery(struct worker *worker, struct request *request)
{
    struct material *material = service_material(worker->service);

    reply_copy(request, material->discovery, strlen(material->discovery));
    material_put(material);
    request->cache_control = "public, max-age=300";
}

void api_openapi(struct worker *worker, struct request *request)
{
    (void)worker;
    reply_copy(request, openapi_json, openapi_json_size);
}

static void write_metrics(FILE *stream, struct service *service)
{
    struct service_counts *counts = &service->counts;
    struct material *material = service_material(service);

    fputs("# TYPE cloister_attestd_replies_total counter\n", stream);
    for (unsigned int i = 2; i < 6; i++) {
        fprintf(stream, "cloister_attestd_replies_total{class=\"%uxx\"} %llu\n", i,
                (unsigned long long)atomic_load(&counts->replies[i]));
    }
    fprintf(stream,
            "# TYPE cloister_attestd_turned_away_total counter\n"
            "cloister_attestd_turned_away_total %llu\n"
            "# TYPE cloister_attestd_connections_refused_total counter\n"
            "cloister_attestd_connections_refused_total %llu\n"
            "# TYPE cloister_attestd_in_flight gauge\n"
            "cloister_attestd_in_flight %u\n"
            "# TYPE cloister_attestd_store_works gauge\n"
            "cloister_attestd_store_works %d\n"
            "# TYPE cloister_attestd_certificate_expiry_seconds gauge\n"
            "cloister_attestd_certificate_expiry_seconds %lld\n",
            (unsigned long long)atomic_load(&counts->turned_away),
            (unsigned long long)atomic_load(&counts->crowded), atomic_load(&service->in_flight),
            atomic_load(&service->ready) && atomic_load(&service->store_works),
            (long long)(material->end.time - clock_seconds()));
    material_put(material);
}

/* Prometheus' text format, version 0.0.4. */
void api_metrics(struct worker *worker, struct request *request)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    if (stream) {
        write_metrics(stream, worker->service);
        if (fclose(stream)) {
            free(text);
            text = NULL;
        }
    }
    reply_text(request, 200, text, size);
    request->reply_type = "text/plain; version=0.0.4";
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
