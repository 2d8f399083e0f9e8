/* SPDX-License-Identifier: MIT */
#include "log/tracer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "log/drain.h"
#include "monitor/hypercall.h"
#include "log/ringmap.h"
#include "base/say.h"

/*
 * A ring holds 2,047 records and a domain may cause CLOISTER_TRACE_RATE at a stretch: with the longest
 * pause ten domains can do so on one CPU before anything is lost.
 */
#define PAUSE_SHORT 20u /* milliseconds between passes while records come */
#define PAUSE_LONG 100u
#define SYNC_PERIOD 1000u
#define RETRY_PERIOD 5000u /* mapping the rings, writing to a disk that refuses */

static struct chainlog log_;
static struct ringmap *map;
static struct drain drain;
static struct hypercalls *monitor; /* this thread's own; NULL: no anchors */
static unsigned int anchor_interval;
static struct {
    struct cloister_record op;    /* asked for once: it is the same all boot long */
    uint64_t records, suppressed; /* of the last anchor */
} anchors;
static pthread_t thread;
static atomic_bool stopping;
static int wakeup = -1;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tracer_status published; /* under lock */

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void publish(void)
{
    pthread_mutex_lock(&lock);
    published.cpus = drain.cpus;
    published.log_error = log_.error;
    published.index = log_.state.index;
    memcpy(published.head, log_.state.head, sizeof(published.head));
    published.file = log_.number;
    published.file_size = log_.fd >= 0 ? log_.size : 0;
    published.records = log_.state.traces;
    published.lost = log_.state.lost;
    pthread_mutex_unlock(&lock);
}

void tracer_status(struct tracer_status *status)
{
    pthread_mutex_lock(&lock);
    *status = published;
    pthread_mutex_unlock(&lock);
}

static int open_drain(void)
{
    unsigned int cpus = 0;
    const struct ring *rings = map ? ringmap_rings(map, &cpus) : NULL;

    drain_close(&drain);
    return drain_open(&drain, &log_, rings, cpus);
}

static void map_rings(void)
{
    char why[256] = "";
    int rc = ringmap_open(&map, why, sizeof(why));

    if (!rc && open_drain()) {
        snprintf(why, sizeof(why), "out of memory");
        ringmap_close(map);
        map = NULL;
    }
    pthread_mutex_lock(&lock);
    bool news = strcmp(published.rings_error, why) != 0;
    snprintf(published.rings_error, sizeof(published.rings_error), "%s", why);
    pthread_mutex_unlock(&lock);
    if (news && why[0])
        say_warning("the trace rings cannot be read: %s", why);
}

static int ask_heartbeat(struct cloister_heartbeat *op)
{
    int rc = anchors.op.record.magic ? 0 : hypercall_record(monitor, &anchors.op);

    return rc ? rc : hypercall_heartbeat(monitor, op);
}

/*
 * Asks the monitor for a heartbeat, which the next pass writes as an anchor; not where it would say what the last
 * one said, unless `always`.
 */
static void anchor(bool always)
{
    struct cloister_heartbeat op = {.head = {.reason = CLOISTER_REASON_NONE}};
    char why[400];

    if (!monitor || !map || drain.anchor != DRAIN_NO_ANCHOR)
        return;
    int rc = ask_heartbeat(&op);
    if (rc) {
        /* Without an identity it will never sign, and each refusal would be a record. */
        hypercall_describe(rc, anchors.op.record.magic ? &op.head : &anchors.op.head, why,
                           sizeof(why));
        say_warning("the trace log gets no anchors: %s", why);
        hypercall_close(monitor);
        monitor = NULL;
        return;
    }
    if (!always && op.report.trace_records == anchors.records &&
        op.report.trace_suppressed == anchors.suppressed)
        return;
    anchors.records = op.report.trace_records;
    anchors.suppressed = op.report.trace_suppressed;
    drain_anchor(&drain, &anchors.op.record, &op.report);
}

/* Writes what is new; returns how long to pause, in milliseconds. */
static unsigned int pass(int *last_error)
{
    int rc = drain_pass(&drain);

    if (rc < 0 && rc != *last_error)
        say_error("the trace log cannot be written: %s; records stay in the rings as long as they "
                  "can",
                  strerror(-rc));
    if (rc >= 0 && *last_error)
        say_info("the trace log can be written again");
    *last_error = rc < 0 ? rc : 0;
    publish();
    if (rc > 0 && write(wakeup, &(uint64_t){1}, sizeof(uint64_t)) < 0)
        say_debug("nobody took the last wake-up yet");
    return rc > 0 ? PAUSE_SHORT : PAUSE_LONG;
}

static void *run(void *unused)
{
    uint64_t synced = now(), tried = now(), anchored = now();
    int last_error = 0;

    (void)unused;
    anchor(true);
    while (!stopping) {
        if (log_.rotate || now() - anchored >= anchor_interval * UINT64_C(1000)) {
            anchor(log_.rotate);
            anchored = now();
        }
        unsigned int pause = pass(&last_error);

        if (now() - synced >= SYNC_PERIOD) {
            int rc = chainlog_sync(&log_);
            if (rc)
                say_error("the trace log cannot be brought to the disk: %s", strerror(-rc));
            synced = now();
        }
        if (!map && now() - tried >= RETRY_PERIOD) {
            map_rings();
            tried = now();
        }
        usleep(pause * 1000);
    }
    anchor(true);
    (void)pass(&last_error);
    return NULL;
}

static int start(const struct config *config, char *why, size_t why_size)
{
    struct chainlog_options options = {
        .directory = config->log_directory,
        .file_size = config->log_file_size,
        .files = config->log_files,
    };
    int rc = chainlog_open(&log_, &options, why, why_size);

    if (rc)
        return rc;
    log_.state.traces = log_.state.lost = log_.pending.traces = log_.pending.lost = 0;
    memcpy(published.broken, log_.broken, sizeof(published.broken));
    if (log_.broken[0])
        say_error("the trace log's chain is broken at %s", log_.broken);
    if (log_.torn_bytes)
        say_warning("cut off %llu bytes of an incomplete last line of the trace log",
                    (unsigned long long)log_.torn_bytes);
    anchor_interval = config->anchor_interval;
    if (anchor_interval && hypercall_open(&monitor, why, why_size))
        say_warning("the trace log gets no anchors: %s", why);
    wakeup = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    rc = wakeup < 0 ? -errno : open_drain();
    if (!rc) {
        map_rings();
        publish();
        rc = -pthread_create(&thread, NULL, run, NULL);
    }
    if (rc) {
        snprintf(why, why_size, "cannot start the trace thread: %s", strerror(-rc));
        chainlog_close(&log_);
    }
    return rc;
}

int tracer_initialise(const struct config *config, char *why, size_t why_size)
{
    return start(config, why, why_size);
}

void tracer_finalise(void)
{
    stopping = true;
    pthread_join(thread, NULL);
    drain_close(&drain);
    ringmap_close(map);
    chainlog_close(&log_);
    hypercall_close(monitor);
    close(wakeup);
}

int tracer_descriptor(void)
{
    return wakeup;
}
