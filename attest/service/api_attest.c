/* SPDX-License-Identifier: MIT */
/* Evidence is judged at once, or, where the host prefers or it would wait, later (jobs.h). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/api.h"
#include "service/jobs.h"
#include "verify/refuse.h"
#include "service/verdict.h"

static int apply_verdict(struct db *db, struct request *request)
{
    struct verdict *verdict = request->context;
    int rc = verdict_note(db, verdict);

    if (rc == -EIO) {
        return rc;
    }
    if (rc == -ENOENT) {
        api_unknown_token(request);
        return 0;
    }
    if (!verdict->repeated) {
        rc = api_note(db, request,
                      &(struct api_event){
                          .event = "verdict",
                          .host = verdict->host,
                          .subject = verdict->policy,
                          .result = *verdict->reason ? verdict->reason : "accepted",
                          .token = verdict->token,
                      });
        if (rc) {
            return rc;
        }
    }
    reply_text(request, verdict->answer.status,
               verdict->answer.reply ? strdup(verdict->answer.reply) : NULL, verdict->answer.size);
    return 0;
}

static void judge_now(struct worker *worker, struct request *request, const char *id,
                      const uint8_t *digest)
{
    struct verdict *verdict = malloc(sizeof(*verdict));
    int rc = verdict ? verdict_reach(worker, id, digest, request->body, request->size,
                                     clock_seconds(), verdict)
                     : -EIO;

    request->authenticated = !rc && verdict->answer.status != 400; /* which is said before */
    if (rc == -EACCES) {
        api_unknown_token(request);
    } else if (rc) {
        reply_unavailable(request);
    } else if (!verdict->attempt) {
        reply_text(request, verdict->answer.status, verdict->answer.reply, verdict->answer.size);
        verdict->answer.reply = NULL;
    } else {
        request->context = verdict;
        request->release = verdict_release;
        request->apply = apply_verdict;
        return;
    }
    free(verdict);
}

static int apply_later(struct db *db, struct request *request)
{
    struct store_job *job = request->context;
    json_object *object;
    int rc = store_job_add(db, job, clock_seconds() + JOBS_LIFETIME_S);

    if (rc == -EDQUOT) {
        reply_error(request, 429, "too-many-requests", "%d verifications of this host wait already",
                    STORE_JOBS_PER_HOST);
        request->retry_after = 2;
        return 0;
    }
    if (!rc) {
        rc = api_note(db, request,
                      &(struct api_event){.event = "verdict-promised", .host = job->host});
    }
    if (rc) {
        return rc;
    }
    object = json_object_new_object();
    if (object) {
        json_object_object_add(object, "id", json_object_new_string(job->id));
    }
    reply_json(request, 202, object);
    snprintf(request->location, sizeof(request->location), "/v1/attest/%s", job->id);
    request->retry_after = 1;
    return 0;
}

static void release_job(void *context)
{
    free(((struct store_job *)context)->content);
}

/* The same request of the same host is the same job, so that it can be made again. */
static bool job_id(const char *host, const struct request *request, uint8_t digest[STORE_DIGEST])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(context, host, STORE_ID_SIZE) == 1 &&
                EVP_DigestUpdate(context, request->body, request->size) == 1 &&
                EVP_DigestFinal_ex(context, digest, NULL) == 1;

    EVP_MD_CTX_free(context);
    return good;
}

static void judge_later(struct worker *worker, struct request *request)
{
    struct store_job *job = calloc(1, sizeof(*job));
    int64_t now = clock_seconds();
    struct store_host host;
    uint8_t id[STORE_DIGEST];

    if (!verdict_can_be(request) || !api_authenticate(worker, request, &host)) {
        free(job);
        return;
    }
    if (!job || !job_id(host.id, request, id) ||
        !(job->content = malloc(request->size + sizeof(now)))) {
        free(job);
        reply_unavailable(request);
        return;
    }
    hex_text(id, STORE_ID_SIZE / 2, job->id, sizeof(job->id));
    memcpy(job->host, host.id, sizeof(job->host));
    memcpy(job->content, &now, sizeof(now));
    memcpy(job->content + sizeof(now), request->body, request->size);
    job->size = request->size + sizeof(now);
    request->context = job;
    request->release = release_job;
    request->apply = apply_later;
}

void api_attest(struct worker *worker, struct request *request)
{
    int64_t waited = clock_nanoseconds() - request->queued;
    uint8_t digest[STORE_DIGEST];
    char id[STORE_ID_SIZE];

    if (request->respond_async || waited / 1000000 >= (int64_t)worker->service->config.slow_after) {
        judge_later(worker, request);
    } else if (api_host_token(request, id, digest)) {
        judge_now(worker, request, id, digest);
    }
}

void api_attest_result(struct worker *worker, struct request *request)
{
    struct store_host host;
    struct store_job job;
    int rc;

    if (!api_authenticate(worker, request, &host)) {
        return;
    }
    rc = store_job_get(worker->db, request->argument, host.id, &job);
    if (rc == -ENOENT) {
        reply_error(request, 404, "not-found", "this host has no such verification");
    } else if (rc) {
        reply_unavailable(request);
    } else if (!job.status) {
        free(job.content);
        reply_text(request, 202, strdup("{}"), 2);
        snprintf(request->location, sizeof(request->location), "/v1/attest/%s", job.id);
        request->retry_after = 1;
    } else {
        reply_text(request, (int)job.status, job.content, job.size);
    }
}
