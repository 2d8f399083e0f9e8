/* SPDX-License-Identifier: MIT */
#include "service/jobs.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"
#include "service/instances.h"
#include "service/verdict.h"

#define POLL_MS 250

struct jobs {
    struct service *service;
    struct worker worker;
    struct instances instances;
    pthread_t thread;
};

/* Where the request came from, verdict-promised says. */
static int note_event(struct db *db, const struct verdict *verdict)
{
    char id[STORE_ID_SIZE];
    const struct store_event event = {
        .id = id,
        .event = "verdict",
        .host = verdict->host,
        .administrator = "",
        .address = "",
        .subject = verdict->policy,
        .result = *verdict->reason ? verdict->reason : "accepted",
        .token = verdict->token,
    };
    int rc = store_event_id(id);

    return rc ? rc : store_event_add(db, &event);
}

/* What is said to the host, and what the store notes about it, in one transaction. */
static int finish(struct db *db, const struct store_job *job, struct verdict *verdict)
{
    int rc = store_begin(db);

    if (!rc && verdict->attempt) {
        rc = verdict_note(db, verdict);
        if (rc == -ENOENT) { /* enrolled anew, or removed: nobody can ask for the result */
            rc = 0;
        }
    }
    if (!rc && verdict->attempt && !verdict->repeated) {
        rc = note_event(db, verdict);
    }
    if (!rc) {
        rc = store_job_finish(db, job->id, verdict->answer.status, verdict->answer.reply,
                              verdict->answer.size);
    }
    if (!rc) {
        rc = store_commit(db);
    }
    if (rc) {
        store_rollback(db);
    }
    return rc;
}

static void judge(struct jobs *jobs, const struct store_job *job)
{
    struct verdict verdict = {.attempt = false};
    int64_t received;
    int rc = -EIO;

    if (job->size > sizeof(received)) {
        memcpy(&received, job->content, sizeof(received));
        rc = verdict_reach(&jobs->worker, job->host, NULL, job->content + sizeof(received),
                           job->size - sizeof(received), received, &verdict);
    }
    if (rc == -EACCES) { /* the host was removed meanwhile */
        verdict = (struct verdict){.answer = {.status = 401, .reply = strdup("{}"), .size = 2}};
        rc = verdict.answer.reply ? 0 : -EIO;
    }
    if (!rc) {
        rc = finish(jobs->worker.db, job, &verdict);
    }
    if (rc == -EIO || rc == -EINPROGRESS) { /* what was done is not taken again */
        say_warning("a verification is tried again in %d s", JOBS_LEASE_S);
    }
    verdict_release(&verdict);
}

static void *run(void *argument)
{
    const struct timespec pause = {0, POLL_MS * 1000000};
    struct jobs *jobs = argument;
    struct store_job job;

    while (!atomic_load(&jobs->service->stopping)) {
        int64_t now = clock_seconds();

        if (atomic_load(&jobs->service->ready)) {
            instances_tick(&jobs->instances, jobs->service, jobs->worker.db);
        }
        if (!atomic_load(&jobs->service->ready) ||
            store_job_take(jobs->worker.db, now, now + JOBS_LEASE_S, &job)) {
            nanosleep(&pause, NULL);
        } else if (!worker_refresh(&jobs->worker)) {
            free(job.content); /* its lease ends */
        } else {
            judge(jobs, &job);
            free(job.content);
        }
    }
    instances_leave(&jobs->instances, jobs->worker.db);
    return NULL;
}

struct jobs *jobs_start(struct service *service)
{
    struct jobs *jobs = calloc(1, sizeof(*jobs));

    if (!jobs) {
        return NULL;
    }
    jobs->service = service;
    bool good = worker_prepare(&jobs->worker, service);

    if (good && atomic_load(&service->ready)) { /* before anything is served */
        instances_tick(&jobs->instances, service, jobs->worker.db);
    }
    if (!good || pthread_create(&jobs->thread, NULL, run, jobs)) {
        worker_release(&jobs->worker);
        free(jobs);
        return NULL;
    }
    return jobs;
}

void jobs_stop(struct jobs *jobs)
{
    pthread_join(jobs->thread, NULL);
    worker_release(&jobs->worker);
    free(jobs);
}
