/* SPDX-License-Identifier: MIT */
/*
 * One pass from the rings into the log: the records of all CPUs in the monitor's order, losses as lines
 * of their own, then the daemon's notes. Positions are the log's, so a record counts as read exactly
 * when its line is written.
 */
#ifndef CLOISTER_HOST_DRAIN_H
#define CLOISTER_HOST_DRAIN_H

#include "cloister/report.h"
#include "log/chainlog.h"
#include "log/ring.h"

#define DRAIN_LIMIT 4096u /* lines per pass: one that never catches up still lets others live */

struct drain_head;

enum drain_anchor { DRAIN_NO_ANCHOR, DRAIN_ANCHOR_WAITS, DRAIN_ANCHOR_IN_BATCH };

struct drain {
    struct chainlog *log;
    const struct ring *rings;
    unsigned int cpus; /* 0: no ring could be mapped; the daemon's notes are logged all the same */
    struct drain_head *heads;
    uint64_t order; /* of the next record, if none is lost */
    enum drain_anchor anchor;
    struct cloister_monitor_record monitor;
    struct cloister_report heartbeat;
};

/* -ENOMEM: then it drains as without rings. The rings stay the caller's. */
__attribute__((warn_unused_result)) int drain_open(struct drain *drain, struct chainlog *log,
                                                   const struct ring *rings, unsigned int cpus);
void drain_close(struct drain *drain);

/*
 * The heartbeat, signed by the key of this monitor record, becomes a line of kind anchor, behind exactly the
 * records that it signs. It must be one that was asked for since the last pass.
 */
void drain_anchor(struct drain *drain, const struct cloister_monitor_record *monitor,
                  const struct cloister_report *heartbeat);

/*
 * Returns how many lines were written (0: nothing was new), or the negative errno of what the disk
 * refused; the records then stay in the rings for the next pass.
 */
__attribute__((warn_unused_result)) int drain_pass(struct drain *drain);

#endif
