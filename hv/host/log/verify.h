/* SPDX-License-Identifier: MIT */
/* Verifying a whole trace log: every file, every line, in order. */
#ifndef CLOISTER_HOST_VERIFY_H
#define CLOISTER_HOST_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "cloister/tracelog.h"
#include "log/logfiles.h"
#include "log/logstate.h"

struct verify_result {
    unsigned int files;
    uint64_t lines;
    uint64_t first; /* index of the first line there is: 0 unless old files were removed */
    uint64_t traces, lost;
    char head[DIGEST_HEX + 1]; /* hash of the last good line */
    bool broken;
    bool torn;                                /* the only fault is that the last line has no end */
    char file[LOG_FILE_NAME];                 /* where the first fault is ... */
    uint64_t line;                            /* ... counted from 1 in that file */
    const char *wrong;                        /* ... and what it is */
    bool anchored;                            /* `anchor` was found as the hash of a line */
    struct cloister_tracelog_summary monitor; /* what the monitor's anchors say of the records */
};

/*
 * Stops at the first fault. `anchor` (may be NULL) is a hash noted earlier: that it is found proves
 * that the log was not written anew since. 0: the result is filled in; or a negative errno: the
 * directory or one of its files cannot be read, result->file says which (empty: the directory).
 *
 * A daemon may be writing: where the last line has no end, wait and verify again.
 */
__attribute__((warn_unused_result)) int verify_log(const char *directory, const char *anchor,
                                                   struct verify_result *result);

#endif
