/* SPDX-License-Identifier: MIT */
/*
 * Monotonic counters over power failures: the host's share of cloister/abi.h, "Counters over power failures".
 *
 * At the begin of a boot the monitor gets the copy of the last one. Then, each counter-interval at most, and not more
 * than counter-commits-per-day:
 *
 *     INFO: is there an increment that is not committed?
 *     SAVE       the monitor's copy
 *     write      it becomes `next` (copies.h)            beside, by worker.h
 *     TPM        extends the index, reads it, authorized by READ     beside, by helper.h
 *     promote    `next` becomes `counters`               beside
 *     COMMIT
 *
 * `next` is promoted before COMMIT: so a daemon that starts anew in the same boot finds at `counters` what the
 * monitor has committed, and may write over any `next`, because SAVE gives the same copy until COMMIT. Where a step
 * fails, all begins again with SAVE: later, and each time twice as late, up to five minutes. What is wrong is said
 * once. The day's commits are counted by the index's extensions: a try that fails before costs nothing, one that fails
 * behind it is not counted again when it is repeated. Nothing here waits. Main thread only.
 */
#ifndef CLOISTER_HOST_COUNTERS_H
#define CLOISTER_HOST_COUNTERS_H

#include <json-c/json.h>

#include "settings/config.h"
#include "monitor/hypercall.h"

/* After attestation_initialise(), which starts the TPM's helper. Both must stay. 0 or a negative errno. */
__attribute__((warn_unused_result)) int counters_initialise(const struct config *config,
                                                            struct hypercalls *monitor);
void counters_finalise(void);

/* For `status`: commits (since this daemon started), lost (at its start), under_way; problem: a sentence, if any. */
json_object *counters_status(void);

/* The command `counters`: {"forget": a domain's UUID} -> removed, a number. */
json_object *counters_answer(json_object *request);

#endif
