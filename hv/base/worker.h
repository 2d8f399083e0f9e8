/* SPDX-License-Identifier: MIT */
/*
 * Work that may wait for the disk, beside the main thread: one piece at a time, each a thread of its own. Main
 * thread only.
 */
#ifndef CLOISTER_BASE_WORKER_H
#define CLOISTER_BASE_WORKER_H

__attribute__((warn_unused_result)) int worker_initialise(void);
/* A piece that is under way is left alone: the process ends, and what it does must bear that. */
void worker_finalise(void);

/*
 * Runs work(context) beside; then done(result) in the main thread. Both contexts must live until then. -EBUSY: a
 * piece is under way; others: no thread can be made.
 */
__attribute__((warn_unused_result)) int worker_run(int (*work)(void *context), void *context,
                                                   void (*done)(int result));

#endif
