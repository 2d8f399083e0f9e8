/* SPDX-License-Identifier: MIT */
#include "server/worker.h"

#include <pthread.h>
#include <stdlib.h>

#include "server/http.h"
#include "server/route.h"
#include "server/writer.h"

#define STRANGERS_TURN 4u /* of so many requests one is a stranger's, while others wait */

/* In order of their coming. */
struct line {
    struct request *first, **last;
};

/* Locking: `lock` protects the lines and `turn`. */
struct workers {
    struct service *service;
    struct writer *writer;
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct line lines[LANE_NONE]; /* by lane */
    unsigned int turn;
    bool stopping;
    size_t count;
    struct member {
        struct workers *all;
        struct worker worker;
        pthread_t thread;
        _Atomic int64_t began; /* ns, monotonic, its present request; 0: none */
    } members[];
};

bool worker_prepare(struct worker *worker, struct service *service)
{
    worker->service = service;
    worker->db = db_open(service->config.store);
    worker->verifier = cloister_verifier_new();
    return worker->db && worker->verifier && worker_refresh(worker);
}

bool worker_refresh(struct worker *worker)
{
    struct material *material = service_material(worker->service);

    if (material == worker->material) {
        material_put(material);
    } else {
        EVP_PKEY_CTX_free(worker->signing);
        material_put(worker->material);
        worker->material = material;
        worker->signing = signer_context(&material->signer);
    }
    return worker->signing != NULL;
}

void worker_release(struct worker *worker)
{
    EVP_PKEY_CTX_free(worker->signing);
    material_put(worker->material);
    cloister_verifier_free(worker->verifier);
    db_close(worker->db);
}

/* The caller has the lock. */
static struct request *take_next(struct workers *workers)
{
    bool strangers = workers->lines[LANE_STRANGER].first &&
                     (!workers->lines[LANE_KNOWN].first || ++workers->turn % STRANGERS_TURN == 0);
    struct line *line = &workers->lines[strangers ? LANE_STRANGER : LANE_KNOWN];
    struct request *request = line->first;

    if (request) {
        line->first = request->next;
        if (!line->first) {
            line->last = &line->first;
        }
    }
    return request;
}

static struct request *take(struct workers *workers)
{
    struct request *request;

    pthread_mutex_lock(&workers->lock);
    while (!(request = take_next(workers)) && !workers->stopping) {
        pthread_cond_wait(&workers->filled, &workers->lock);
    }
    pthread_mutex_unlock(&workers->lock);
    return request;
}

/* An exponential mean over about 16 requests. */
static void note_time(struct service *service, int64_t took)
{
    int64_t mean = atomic_load_explicit(&service->mean_ns, memory_order_relaxed);

    atomic_store_explicit(&service->mean_ns, mean + (took - mean) / 16, memory_order_relaxed);
}

static void answer(struct worker *worker, struct request *request)
{
    struct known *known = worker->service->known;

    if (!atomic_load(&worker->service->ready) || !worker_refresh(worker)) {
        reply_unavailable(request);
        return;
    }
    (request->forbidden  ? server_routes.forbidden
     : request->looks_up ? server_routes.look_up
                         : request->route->handle)(worker, request);
    if (request->authenticated && request->route->who == WHO_HOST) {
        known_add(known, request->shown);
    } else if (request->status == 401) {
        known_forget(known, request->shown);
    }
}

static void *run(void *argument)
{
    struct member *member = argument;
    struct service *service = member->all->service;
    struct request *request;
    int64_t began;

    while ((request = take(member->all))) {
        began = clock_nanoseconds();
        atomic_store(&member->began, began);
        answer(&member->worker, request);
        atomic_store(&member->began, 0);
        note_time(service, clock_nanoseconds() - began);
        if (request->apply) {
            writer_submit(member->all->writer, request);
        } else {
            http_deliver(request);
        }
    }
    return NULL;
}

struct workers *workers_start(struct service *service, struct writer *writer)
{
    uint32_t wanted = service->config.workers;
    struct workers *workers = calloc(1, sizeof(*workers) + wanted * sizeof(struct member));

    if (!workers) {
        return NULL;
    }
    workers->service = service;
    workers->writer = writer;
    for (size_t i = 0; i < LANE_NONE; i++) {
        workers->lines[i].last = &workers->lines[i].first;
    }
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->filled, NULL);
    while (workers->count < wanted) {
        struct member *member = &workers->members[workers->count];

        member->all = workers;
        if (!worker_prepare(&member->worker, service) ||
            pthread_create(&member->thread, NULL, run, member)) {
            worker_release(&member->worker);
            workers_stop(workers);
            return NULL;
        }
        workers->count++;
    }
    return workers;
}

void workers_stop(struct workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->filled);
    pthread_mutex_unlock(&workers->lock);
    for (size_t i = 0; i < workers->count; i++) {
        pthread_join(workers->members[i].thread, NULL);
        worker_release(&workers->members[i].worker);
    }
    pthread_cond_destroy(&workers->filled);
    pthread_mutex_destroy(&workers->lock);
    free(workers);
}

bool workers_are_alive(const struct workers *workers, int64_t since)
{
    for (size_t i = 0; i < workers->count; i++) {
        int64_t began = atomic_load(&workers->members[i].began);

        if (began && began / 1000000000 < since) {
            return false;
        }
    }
    return true;
}

void workers_submit(struct workers *workers, struct request *request)
{
    struct line *line = &workers->lines[request->lane];

    request->next = NULL;
    pthread_mutex_lock(&workers->lock);
    *line->last = request;
    line->last = &request->next;
    pthread_cond_signal(&workers->filled);
    pthread_mutex_unlock(&workers->lock);
}
