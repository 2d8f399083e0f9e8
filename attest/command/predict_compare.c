/* SPDX-License-Identifier: MIT */
/* cloister-verify predict: what differs between a plan and a machine. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloister/eventlog.h"
#include "command/command.h"
#include "verify/refuse.h"

/* Every planned event of a PCR: what can be the reason where nothing tells which. */
static void print_candidates(const struct cloister_plan *plan, uint32_t pcr)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->events[i].pcr == pcr) {
            printf("    perhaps   %s\n", plan->events[i].name);
        }
    }
}

void predict_print_difference(const struct cloister_plan *plan,
                              const struct cloister_difference *difference)
{
    char expected[65], found[65];

    hex_text(difference->expected, 32, expected, sizeof(expected));
    hex_text(difference->found, 32, found, sizeof(found));
    if (difference->start) {
        printf("PCR %u differs: its events are as planned, it started with another value\n",
               difference->pcr);
    } else if (difference->planned) {
        printf("PCR %u differs: %s\n", difference->pcr, difference->planned->name);
    } else if (difference->in_log) {
        printf("PCR %u differs: more was measured than planned\n", difference->pcr);
    } else {
        printf("PCR %u differs\n", difference->pcr);
        print_candidates(plan, difference->pcr);
    }
    printf("    expected  %s\n    found     %s%s%s\n", expected, found,
           *difference->said ? " " : "", difference->said);
}

json_object *predict_difference(const struct cloister_difference *difference)
{
    json_object *object = out_new();

    out_count(object, "pcr", difference->pcr);
    if (difference->planned) {
        out_text(object, "name", difference->planned->name);
    }
    out_truth(object, "from_log", difference->in_log);
    out_truth(object, "start_value", difference->start);
    out_hex(object, "expected", difference->expected, 32);
    out_hex(object, "found", difference->found, 32);
    out_text(object, "log_says", difference->said);
    return object;
}

/* Says that the log was not used where it leads to another value than the PCR has. */
static void warn_other(const struct cloister_plan *plan, const char *path,
                       const struct cloister_pcr *pcrs, size_t count,
                       const struct cloister_replay *replay,
                       const struct cloister_difference *difference)
{
    uint8_t planned[32];
    char text[65];

    for (size_t i = 0; i < count; i++) {
        const uint32_t pcr = pcrs[i].index;

        if (difference ? difference->other_log && pcr == difference->pcr
                       : cloister_plan_value(plan, pcr, planned) > 0 &&
                             memcmp(replay->pcrs[pcr], pcrs[i].value, 32) != 0) {
            hex_text(replay->pcrs[pcr], 32, text, sizeof(text));
            complain("%s was not used: by it PCR %u is %s; it is of another boot, or not whole",
                     path, pcr, text);
            return;
        }
    }
}

/* 0 or 1 as cloister_plan_compare(), or a negative errno after having complained. `path`: the
 * log's. */
static int compare(const struct cloister_plan *plan, const char *path,
                   const struct cloister_pcr *pcrs, size_t count, struct cloister_bytes log,
                   struct cloister_difference *difference)
{
    struct cloister_replay replay;
    int rc = log.size ? cloister_log_replay(log, &replay) : 0;

    if (rc == -EBADMSG) {
        complain("%s: event %u, byte %zu: %s", path, replay.events, replay.offset, replay.wrong);
        return rc;
    }
    rc = rc ? rc : cloister_plan_compare(plan, pcrs, count, log, difference);
    if (rc < 0) {
        complain("it cannot be compared: %s", strerror(-rc));
    } else if (log.size) {
        warn_other(plan, path, pcrs, count, &replay, rc ? difference : NULL);
    }
    return rc;
}

int predict_compare_evidence(const struct cloister_plan *plan, const char *path,
                             struct cloister_difference *difference)
{
    static struct cloister_evidence evidence;
    char log[512];
    uint8_t *data;
    size_t size;
    int rc = -EINVAL;

    if (file_read(path, CLOISTER_EVIDENCE_MAX_SIZE, &data, &size)) {
        return -EIO;
    }
    if (cloister_evidence_decode(data, size, &evidence, NULL)) {
        complain("%s is no evidence", path);
    } else if (evidence.quote.attest.size == 0) {
        complain("%s has no quote", path);
    } else {
        snprintf(log, sizeof(log), "the event log in %s", path);
        rc = compare(plan, log, evidence.quote.pcrs, evidence.quote.pcr_count, evidence.log,
                     difference);
    }
    free(data);
    return rc;
}

/* A PCR that is planned but has no value would count as not different. */
static bool has_all(const struct cloister_plan *plan, const struct cloister_pcr *pcrs, size_t count,
                    const char *path)
{
    uint32_t known = 0;

    for (size_t i = 0; i < count; i++) {
        known |= 1u << pcrs[i].index;
    }
    for (size_t i = 0; i < plan->count; i++) {
        if (!(known & 1u << plan->events[i].pcr)) {
            complain("%s: no value of PCR %u, which is predicted", path, plan->events[i].pcr);
            return false;
        }
    }
    return true;
}

int predict_compare_values(const struct cloister_plan *plan, const char *path, const char *log_path,
                           struct cloister_difference *difference)
{
    struct cloister_pcr pcrs[CLOISTER_EVIDENCE_PCRS];
    struct cloister_bytes log = {NULL, 0};
    uint8_t *data = NULL;
    size_t count;
    int rc;

    if (pcrs_read(path, pcrs, &count) || !has_all(plan, pcrs, count, path) ||
        (log_path && file_read(log_path, CLOISTER_EVIDENCE_MAX_LOG, &data, &log.size))) {
        return -EIO;
    }
    log.data = data;
    if (log_path && log.size == 0) {
        complain("%s is empty: it was not used", log_path);
    }
    rc = compare(plan, log_path, pcrs, count, log, difference);
    free(data);
    return rc;
}
