/* SPDX-License-Identifier: MIT */
/*
 * The thread that owns the trace log and the mapped rings. It is apart from everything else so that
 * neither an agent, nor libvirt, nor a long hypercall can make a ring overflow, and a slow disk
 * cannot keep an agent waiting. It asks the monitor for the log's anchors, too: when it starts and ends, at the
 * end of a file, and as often as the settings say.
 */
#ifndef CLOISTER_HOST_TRACER_H
#define CLOISTER_HOST_TRACER_H

#include <stdbool.h>
#include <stdint.h>

#include "settings/config.h"
#include "base/digest.h"
#include "monitor/hypercall.h"

struct tracer_status {
    unsigned int cpus;         /* rings mapped; 0: none, see rings_error */
    char rings_error[256];     /* empty: all is well */
    int log_error;             /* 0 or the negative errno that the disk answers */
    char broken[256];          /* what is wrong with the log found at the start; empty: nothing */
    uint64_t index;            /* lines in the log */
    char head[DIGEST_HEX + 1]; /* hash of its last line */
    uint32_t file;             /* number of the current file, 0: none yet */
    uint64_t file_size;        /* bytes of whole lines in it */
    uint64_t records, lost;    /* since the daemon started */
};

/* Opens the log and starts the thread. On failure `why` says what to do. */
__attribute__((warn_unused_result)) int tracer_initialise(const struct config *config, char *why,
                                                          size_t why_size);
/* Drains what is there, syncs, ends the thread. */
void tracer_finalise(void);

void tracer_status(struct tracer_status *status);

/* Becomes readable when lines were written; read 8 bytes from it to arm it again (eventfd(2)). */
int tracer_descriptor(void);

#endif
