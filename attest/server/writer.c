/* SPDX-License-Identifier: MIT */
#include "server/writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "server/http.h"
#include "base/say.h"
#include "service/store.h"

#define MAX_BATCH 256u
#define SWEEP_S 30
#define CLOCK_SLACK 30 /* s */

/* Locking: `lock` protects the list and `stopping`; the rest is the thread's own. */
struct writer {
    struct service *service;
    struct db *db;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct request *first, **last;
    bool stopping;
    _Atomic int64_t beaten; /* s, monotonic: its last round */
    int64_t next_sweep;     /* s, monotonic */
    int64_t offset;         /* s, of the clock from the monotonic one when it was looked at last */
};

static int64_t monotonic(void)
{
    return clock_nanoseconds() / 1000000000;
}

static void prepare(struct writer *writer)
{
    struct service *service = writer->service;

    if (!store_prepare(writer->db, service->sealing_key)) {
        atomic_store(&service->store_works, true);
        atomic_store(&service->ready, true);
        say_info("the store is ready");
    }
}

/* Whoever asks for /v1/health shall hear that the store works again, though nobody else asks. */
static void probe(struct writer *writer)
{
    bool works = !store_begin(writer->db) && !store_probe(writer->db, clock_seconds()) &&
                 !store_commit(writer->db);

    if (!works) {
        store_rollback(writer->db);
    }
    if (works) {
        say_info("the store works again");
    }
    atomic_store(&writer->service->store_works, works);
}

/*
 * A clock that was set forward for a while must not make us forget which challenges were used:
 * after each step nothing is swept until every challenge made before it has expired.
 */
static void sweep(struct writer *writer)
{
    int64_t now = monotonic(), clock = clock_seconds(), offset = clock - now;

    if (now < writer->next_sweep) {
        return;
    }
    writer->next_sweep = now + SWEEP_S;
    if (llabs(offset - writer->offset) > CLOCK_SLACK) {
        say_warning("the clock was set by %lld s", (long long)(offset - writer->offset));
        writer->offset = offset;
        writer->next_sweep = now + writer->service->config.challenge_lifetime + SWEEP_S;
        return;
    }
    writer->offset = offset;
    if (store_begin(writer->db) ||
        store_sweep(writer->db, clock,
                    clock - (int64_t)writer->service->config.audit_retention * 86400) ||
        store_commit(writer->db)) {
        store_rollback(writer->db);
    }
}

/* Waits up to a second; takes up to MAX_BATCH requests. False: the end. */
static bool take(struct writer *writer, struct request *batch[MAX_BATCH], size_t *count)
{
    struct timespec until;
    bool going;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    *count = 0;
    pthread_mutex_lock(&writer->lock);
    while (!writer->first && !writer->stopping &&
           pthread_cond_timedwait(&writer->filled, &writer->lock, &until) != ETIMEDOUT) {
    }
    while (writer->first && *count < MAX_BATCH) {
        batch[(*count)++] = writer->first;
        writer->first = writer->first->next;
    }
    if (!writer->first) {
        writer->last = &writer->first;
    }
    going = *count || !writer->stopping;
    pthread_mutex_unlock(&writer->lock);
    return going;
}

static int commit(struct writer *writer, struct request **batch, size_t count)
{
    int rc = store_begin(writer->db);

    for (size_t i = 0; i < count && !rc; i++) {
        rc = batch[i]->apply(writer->db, batch[i]);
    }
    if (!rc) {
        rc = store_commit(writer->db);
    }
    if (rc) {
        store_rollback(writer->db);
    }
    return rc;
}

/* 0, or a negative errno; who may have been committed is `unsure` then. */
static int try(struct writer *writer, struct request **batch, size_t count)
{
    int rc = commit(writer, batch, count);

    for (size_t i = 0; i < count && rc == -EINPROGRESS; i++) {
        batch[i]->unsure = true;
    }
    return rc;
}

static void write_batch(struct writer *writer, struct request **batch, size_t count)
{
    int rc = try(writer, batch, count);
    unsigned int failures = rc ? 1 : 0;
    bool again = count > 1 || rc == -EINPROGRESS; /* perhaps it is not the database that failed */

    for (size_t i = 0; i < count; i++) {
        int alone = rc;

        if (rc && again && failures < 3) {
            alone = try(writer, &batch[i], 1);
            alone = alone == -EINPROGRESS ? try(writer, &batch[i], 1) : alone;
            failures = alone ? failures + 1 : 0;
        }
        if (alone && batch[i]->unsure) {
            reply_uncertain(batch[i]);
        } else if (alone) {
            reply_unavailable(batch[i]);
        }
        atomic_store(&writer->service->store_works, batch[i]->status != 503);
        http_deliver(batch[i]);
    }
}

static void *run(void *argument)
{
    struct writer *writer = argument;
    struct request *batch[MAX_BATCH];
    size_t count;

    while (take(writer, batch, &count)) {
        atomic_store(&writer->beaten, monotonic());
        if (!atomic_load(&writer->service->ready)) {
            prepare(writer);
        }
        if (count) {
            write_batch(writer, batch, count);
        } else if (!atomic_load(&writer->service->store_works)) {
            probe(writer);
        }
        if (atomic_load(&writer->service->store_works)) {
            sweep(writer);
        }
    }
    return NULL;
}

struct writer *writer_start(struct service *service)
{
    struct writer *writer = calloc(1, sizeof(*writer));
    pthread_condattr_t monotonic_clock;

    if (!writer || !(writer->db = db_open(service->config.store))) {
        free(writer);
        return NULL;
    }
    writer->service = service;
    writer->last = &writer->first;
    writer->offset = clock_seconds() - monotonic();
    writer->next_sweep = monotonic() + SWEEP_S;
    writer->beaten = monotonic();
    pthread_mutex_init(&writer->lock, NULL);
    pthread_condattr_init(&monotonic_clock);
    pthread_condattr_setclock(&monotonic_clock, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->filled, &monotonic_clock);
    pthread_condattr_destroy(&monotonic_clock);
    prepare(writer);
    if (pthread_create(&writer->thread, NULL, run, writer)) {
        db_close(writer->db);
        free(writer);
        return NULL;
    }
    return writer;
}

void writer_stop(struct writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    writer->stopping = true;
    pthread_cond_signal(&writer->filled);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    pthread_cond_destroy(&writer->filled);
    pthread_mutex_destroy(&writer->lock);
    db_close(writer->db);
    free(writer);
}

bool writer_is_alive(const struct writer *writer, int64_t since)
{
    return atomic_load(&writer->beaten) >= since;
}

void writer_submit(struct writer *writer, struct request *request)
{
    request->next = NULL;
    pthread_mutex_lock(&writer->lock);
    *writer->last = request;
    writer->last = &request->next;
    pthread_cond_signal(&writer->filled);
    pthread_mutex_unlock(&writer->lock);
}
