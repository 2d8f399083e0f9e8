/* SPDX-License-Identifier: MIT */
#include "log/drain.h"

#include <errno.h>
#include <stdlib.h>

#include "log/names.h"
#include "log/notes.h"

/* What each CPU has next. */
struct drain_head {
    enum ring_answer answer;
    uint64_t lost;
    struct cloister_trace_record record;
};

int drain_open(struct drain *drain, struct chainlog *log, const struct ring *rings,
               unsigned int cpus)
{
    *drain = (struct drain){.log = log, .rings = rings, .cpus = cpus};
    drain->heads = calloc(cpus ? cpus : 1, sizeof(*drain->heads));
    if (drain->heads)
        return 0;
    drain->cpus = 0;
    return -ENOMEM;
}

void drain_close(struct drain *drain)
{
    free(drain->heads);
    drain->heads = NULL;
}

/* Are the log's positions of these rings? */
static bool knows_rings(const struct drain *drain)
{
    const struct log_state *state = &drain->log->pending;

    if (!state->booted || state->cpus != drain->cpus ||
        state->boot_id != drain->rings[0].header->boot_id)
        return false;
    for (unsigned int cpu = 0; cpu < drain->cpus; cpu++) {
        if (chainlog_next(drain->log, cpu) > ring_next(&drain->rings[cpu]))
            return false;
    }
    return true;
}

/*
 * The rings are of another boot than the log's last lines, or a ring has never been where the log
 * says (then the log is not of this machine): start from the oldest record there is. Rather some
 * records twice than one not at all.
 */
static void find_positions(struct drain *drain)
{
    if (drain->cpus && !knows_rings(drain))
        (void)chainlog_boot(drain->log, drain->rings[0].header->boot_id, drain->cpus);
}

static void look(const struct drain *drain, unsigned int cpu, struct drain_head *head)
{
    head->answer =
        ring_read(&drain->rings[cpu], chainlog_next(drain->log, cpu), &head->record, &head->lost);
}

static void log_record(struct chainlog *log, unsigned int cpu,
                       const struct cloister_trace_record *record)
{
    struct record_names actor, target;
    struct line *line = chainlog_begin(log, "trace");

    names_get(record->domain, &actor);
    names_get(record->target, &target);
    chainlog_record(log, cpu, record->sequence);
    record_write(line, record, &actor, &target);
    (void)chainlog_end(log);
}

/* A loss goes first: what was lost is older than all that is there. */
static unsigned int choose(const struct drain_head *heads, unsigned int cpus)
{
    unsigned int best = cpus;

    for (unsigned int cpu = 0; cpu < cpus; cpu++) {
        if (heads[cpu].answer == RING_LOST)
            return cpu;
        if (heads[cpu].answer == RING_RECORD &&
            (best == cpus || heads[cpu].record.order < heads[best].record.order))
            best = cpu;
    }
    return best;
}

/*
 * Which CPU's is the next line. The monitor publishes records in their order: where one is seen, all before it
 * are in their rings, but a ring may have been looked at too early for that.
 */
static unsigned int next_cpu(struct drain *drain)
{
    struct drain_head *heads = drain->heads;
    unsigned int cpu = choose(heads, drain->cpus);

    if (cpu == drain->cpus || heads[cpu].answer == RING_LOST ||
        heads[cpu].record.order == drain->order)
        return cpu;
    for (cpu = 0; cpu < drain->cpus; cpu++) {
        if (heads[cpu].answer == RING_EMPTY)
            look(drain, cpu, &heads[cpu]);
    }
    return choose(heads, drain->cpus);
}

static void log_anchor(struct drain *drain)
{
    struct line *line = chainlog_begin(drain->log, "anchor");

    line_identifier(line, "boot", drain->monitor.boot_id);
    line_number(line, "records", drain->heartbeat.trace_records);
    line_number(line, "suppressed", drain->heartbeat.trace_suppressed);
    line_bytes(line, "record", (const uint8_t *)&drain->monitor, sizeof(drain->monitor));
    line_bytes(line, "report", (const uint8_t *)&drain->heartbeat, sizeof(drain->heartbeat));
    (void)chainlog_end(drain->log);
    drain->anchor = DRAIN_ANCHOR_IN_BATCH;
}

/* Are all records that it signs behind us? `head` is what comes next, NULL: nothing. */
static bool anchor_is_due(const struct drain *drain, const struct drain_head *head)
{
    return drain->anchor == DRAIN_ANCHOR_WAITS &&
           (!head ||
            (head->answer == RING_RECORD && head->record.order >= drain->heartbeat.trace_records));
}

static int drain_rings(struct drain *drain)
{
    struct drain_head *heads = drain->heads;
    int lines = 0;

    for (unsigned int cpu = 0; cpu < drain->cpus; cpu++)
        look(drain, cpu, &heads[cpu]);
    while (lines < (int)DRAIN_LIMIT && !chainlog_full(drain->log)) {
        unsigned int cpu = next_cpu(drain);
        bool empty = cpu == drain->cpus;

        if (anchor_is_due(drain, empty ? NULL : &heads[cpu])) {
            log_anchor(drain);
            lines++;
        }
        if (empty)
            break;
        if (heads[cpu].answer == RING_LOST) {
            (void)chainlog_lost(drain->log, cpu, chainlog_next(drain->log, cpu), heads[cpu].lost);
        } else {
            log_record(drain->log, cpu, &heads[cpu].record);
            drain->order = heads[cpu].record.order + 1;
        }
        look(drain, cpu, &heads[cpu]);
        lines++;
    }
    return lines;
}

void drain_anchor(struct drain *drain, const struct cloister_monitor_record *monitor,
                  const struct cloister_report *heartbeat)
{
    drain->monitor = *monitor;
    drain->heartbeat = *heartbeat;
    drain->anchor = DRAIN_ANCHOR_WAITS;
}

static size_t log_notes(struct chainlog *log)
{
    char text[NOTE_TEXT];
    const char *kind;
    size_t size, number = 0;

    while (!chainlog_full(log) && notes_peek(number, &kind, text, &size)) {
        line_raw(chainlog_begin(log, kind), text, size);
        (void)chainlog_end(log);
        number++;
    }
    return number;
}

static uint64_t log_lost_notes(struct chainlog *log)
{
    uint64_t lost = notes_lost();

    if (lost) {
        struct line *line = chainlog_begin(log, "daemon");

        line_text(line, "event", "notes lost");
        line_number(line, "count", lost);
        (void)chainlog_end(log);
    }
    return lost;
}

int drain_pass(struct drain *drain)
{
    find_positions(drain);
    int lines = drain_rings(drain);
    size_t notes = log_notes(drain->log);
    uint64_t lost = log_lost_notes(drain->log);
    int rc = chainlog_flush(drain->log);
    if (drain->anchor == DRAIN_ANCHOR_IN_BATCH)
        drain->anchor = rc ? DRAIN_ANCHOR_WAITS : DRAIN_NO_ANCHOR;
    if (rc)
        return rc;
    notes_drop(notes, lost);
    return lines + (int)notes + (lost != 0);
}
