/* SPDX-License-Identifier: MIT */
/* What differs between a plan and a machine. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cloister/eventlog.h"
#include "cloister/predict.h"

/* The next event of this PCR, from *position on; NULL: no more. */
static const struct cloister_planned *next_planned(const struct cloister_plan *plan, uint32_t pcr,
                                                   size_t *position)
{
    while (*position < plan->count) {
        const struct cloister_planned *event = &plan->events[(*position)++];

        if (event->pcr == pcr) {
            return event;
        }
    }
    return NULL;
}

/* The same of a log: 1, 0 at the end, or -EBADMSG. */
static int next_logged(struct cloister_log *log, uint32_t pcr, struct cloister_log_event *event)
{
    int rc;

    do {
        rc = cloister_log_next(log, event);
    } while (rc == 1 && (!event->extended || event->pcr != pcr));
    return rc;
}

static void quote_log(struct cloister_difference *difference, struct cloister_bytes data)
{
    size_t size = 0;

    for (; size < data.size && size < sizeof(difference->said) - 1 && data.data[size]; size++) {
        uint8_t c = data.data[size];

        difference->said[size] = c >= 0x20 && c <= 0x7e ? (char)c : '?';
    }
    difference->said[size] = 0;
}

/* 1: found the first event that differs; 0: all are as planned. */
static int compare_log(const struct cloister_plan *plan, uint32_t pcr, struct cloister_bytes bytes,
                       struct cloister_difference *difference)
{
    struct cloister_log log;
    size_t position = 0;
    int rc = cloister_log_begin(&log, bytes);

    while (!rc) {
        const struct cloister_planned *planned = next_planned(plan, pcr, &position);
        struct cloister_log_event logged = {.data = {NULL, 0}};
        int more = next_logged(&log, pcr, &logged);

        if (more < 0) {
            return more;
        }
        if (!planned && !more) {
            return 0;
        }
        if (!planned || !more || memcmp(planned->digest, logged.digest, 32) != 0) {
            difference->planned = planned;
            difference->in_log = true;
            memset(difference->expected, 0, 32);
            memset(difference->found, 0, 32);
            if (planned) {
                memcpy(difference->expected, planned->digest, 32);
            }
            if (more) {
                memcpy(difference->found, logged.digest, 32);
                quote_log(difference, logged.data);
            }
            return 1;
        }
    }
    return rc;
}

/*
 * All events are as planned, and the log leads to the value: then it started with another one. That
 * is so after TPM2_Startup from another locality (Boot Guard, TXT: TPM 2.0 part 3, 9.3), and in the
 * PCRs of a dynamic root of trust.
 */
static void say_start(const struct cloister_replay *replay, struct cloister_difference *difference)
{
    difference->start = true;
    difference->in_log = true;
    difference->planned = NULL;
    memset(difference->expected, 0, 32);
    memset(difference->found, difference->pcr >= 17 && difference->pcr <= 22 ? 0xff : 0, 32);
    if (difference->pcr == 0) {
        difference->found[31] = replay->locality;
        snprintf(difference->said, sizeof(difference->said), "StartupLocality %u",
                 replay->locality);
    }
}

static int explain(const struct cloister_plan *plan, int planned, struct cloister_bytes log,
                   struct cloister_difference *difference)
{
    struct cloister_replay replay;
    size_t position = 0;
    int rc;

    if (planned == 1) {
        difference->planned = next_planned(plan, difference->pcr, &position);
    }
    if (log.size == 0) {
        return 1;
    }
    rc = cloister_log_replay(log, &replay);
    if (rc) {
        return rc;
    }
    if (memcmp(replay.pcrs[difference->pcr], difference->found, 32) != 0) {
        difference->other_log = true;
        return 1;
    }
    if (difference->planned && difference->planned->reference) {
        return 1;
    }
    rc = compare_log(plan, difference->pcr, log, difference);
    if (rc == 0) {
        say_start(&replay, difference);
    }
    return rc < 0 ? rc : 1;
}

int cloister_plan_compare(const struct cloister_plan *plan, const struct cloister_pcr *pcrs,
                          size_t count, struct cloister_bytes log,
                          struct cloister_difference *difference)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t expected[32];
        int planned = cloister_plan_value(plan, pcrs[i].index, expected);

        if (planned < 0) {
            return planned;
        }
        if (planned && memcmp(expected, pcrs[i].value, 32) != 0) {
            memset(difference, 0, sizeof(*difference));
            difference->pcr = pcrs[i].index;
            memcpy(difference->expected, expected, 32);
            memcpy(difference->found, pcrs[i].value, 32);
            return explain(plan, planned, log, difference);
        }
    }
    return 0;
}
