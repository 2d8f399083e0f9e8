/* SPDX-License-Identifier: MIT */
/* The files of a trace log beside a heartbeat. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "verify/refuse.h"

/* 0, -EACCES after a refusal, or STATUS_INPUT after having complained. */
static int read_log(struct cloister_tracelog *log, const char *path,
                    struct cloister_refusal *refusal)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    int rc = 0;

    if (!file) {
        complain("%s cannot be read: %s", path, strerror(errno));
        return STATUS_INPUT;
    }
    for (uint64_t number = 1; !rc && (size = getline(&line, &capacity, file)) > 0; number++) {
        size -= line[size - 1] == '\n';
        const char *wrong = cloister_tracelog_line(log, line, (size_t)size);
        if (wrong) {
            rc = refuse_text(refusal, CLOISTER_REFUSED_TRACE_DIFFERS, "what the monitor wrote",
                             wrong, "%.60s line %" PRIu64, path, number);
        }
    }
    if (!rc && ferror(file)) {
        complain("%s cannot be read: %s", path, strerror(errno));
        rc = STATUS_INPUT;
    }
    free(line);
    fclose(file);
    return rc;
}

static int judge(const struct cloister_tracelog_summary *summary,
                 const struct cloister_report *heartbeat, uint64_t boot_id,
                 struct cloister_refusal *refusal)
{
    switch (summary->awaited) {
    case CLOISTER_TRACELOG_MATCHES:
        return 0;
    case CLOISTER_TRACELOG_DIFFERS:
        return refuse_text(refusal, CLOISTER_REFUSED_TRACE_DIFFERS, "the heartbeat's trace_head",
                           "another one", "the log's records since its last anchor");
    case CLOISTER_TRACELOG_UNKNOWN:
        return refuse_text(
            refusal, CLOISTER_REFUSED_TRACE_UNKNOWN, "an anchor behind the missing records", "none",
            "the log before the heartbeat's record %" PRIu64, heartbeat->trace_records);
    default:
        return refuse_number(refusal, CLOISTER_REFUSED_TRACE_SHORT, heartbeat->trace_records,
                             summary->boot_id == boot_id ? summary->next : 0,
                             "records of boot %016" PRIx64 " that the log reaches", boot_id);
    }
}

int logs_compare(const char *const *paths, size_t count, const struct cloister_claims *host,
                 const struct cloister_report *heartbeat, struct cloister_tracelog_summary *summary,
                 struct cloister_refusal *refusal)
{
    struct cloister_tracelog *log = cloister_tracelog_new();
    int rc = 0;

    if (!log) {
        complain("OpenSSL cannot be used");
        return STATUS_INPUT;
    }
    cloister_tracelog_trust(log, host->boot_id, host->record);
    cloister_tracelog_await(log, host->boot_id, heartbeat);
    for (size_t i = 0; i < count && !rc; i++) {
        rc = read_log(log, paths[i], refusal);
    }
    *summary = cloister_tracelog_summary(log);
    cloister_tracelog_free(log);
    return rc ? rc : judge(summary, heartbeat, host->boot_id, refusal);
}
