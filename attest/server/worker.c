/* SPDX-License-Identifier: MIT */
#include "server/worker.h"

#include <pthread.h>
#include <stdlib.h>

#include "server/http.h"
#include "server/route.h"
#include "server/writer.h"

/* Locking: `lock` protects the list. */
struct workers {
    struct service *service;
    struct writer *writer;
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct request *first, **last;
    bool stopping;
    size_t count;
    struct member {
        struct workers *all;
        struct worker worker;
        pthread_t thread;
    } members[];
};

bool worker_prepare(struct worker *worker, struct service *service)
{
    worker->service = service;
    worker->db = db_open(service->config.store);
    worker->verifier = cloister_verifier_new();
    worker->signing = signer_context(&service->signer);
    return worker->db && worker->verifier && worker->signing;
}

void worker_release(struct worker *worker)
{
    EVP_PKEY_CTX_free(worker->signing);
    cloister_verifier_free(worker->verifier);
    db_close(worker->db);
}

static struct request *take(struct workers *workers)
{
    struct request *request;

    pthread_mutex_lock(&workers->lock);
    while (!workers->first && !workers->stopping) {
        pthread_cond_wait(&workers->filled, &workers->lock);
    }
    request = workers->first;
    if (request) {
        workers->first = request->next;
        if (!workers->first) {
            workers->last = &workers->first;
        }
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

static void *run(void *argument)
{
    struct member *member = argument;
    struct service *service = member->all->service;
    struct request *request;
    int64_t began;

    while ((request = take(member->all))) {
        began = service_nanoseconds();
        if (atomic_load(&service->ready)) {
            request->route->handle(&member->worker, request);
        } else {
            reply_unavailable(request);
        }
        note_time(service, service_nanoseconds() - began);
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
    workers->last = &workers->first;
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

void workers_submit(struct workers *workers, struct request *request)
{
    request->next = NULL;
    pthread_mutex_lock(&workers->lock);
    *workers->last = request;
    workers->last = &request->next;
    pthread_cond_signal(&workers->filled);
    pthread_mutex_unlock(&workers->lock);
}
