/* SPDX-License-Identifier: MIT */
/*
 * The trace log: append-only, hash-chained JSON lines (their form: logstate.h).
 *
 * ## Batches
 *
 * Lines are composed in memory (chainlog_begin .. chainlog_end) and written by chainlog_flush, all
 * or none: where the disk refuses (full, broken), the file is cut back to the last whole line, the
 * batch is dropped and `state` stands where it stood before it, so the caller composes the same
 * lines again later. The trace rings keep the records meanwhile, as long as they can.
 *
 * ## When lines are on the disk
 *
 * One policy: lines are handed to the kernel at every flush, and fdatasync follows within one second
 * (the caller calls chainlog_sync); a file is synced before the next one is begun. So a killed
 * daemon loses nothing, and a power cut at most the last second.
 *
 * ## Restart
 *
 * chainlog_open reads the last file. An incomplete last line (the daemon was killed within write(),
 * or the power went) is cut off; a line of kind "recovered" with its length and hash takes its
 * place. What it described is still in the ring and is logged again; if the host was rebooted,
 * its last second is gone. Where the chain itself is broken, nothing is cut or repaired: a new file
 * is begun and `broken` says what is wrong; verify-log keeps naming that line for ever.
 *
 * Not thread-safe: one thread owns the log.
 */
#ifndef CLOISTER_HOST_CHAINLOG_H
#define CLOISTER_HOST_CHAINLOG_H

#include <stdio.h>
#include <sys/types.h>

#include "log/line.h"
#include "log/logstate.h"

#define CHAINLOG_BUFFER (512u * 1024u)
#define CHAINLOG_FULL (256u * 1024u) /* flush from here on: one more line of any size still fits */

/* What the log does to files; the tests have others. All return -1 and set errno on failure. */
struct chainlog_io {
    int (*open)(const char *path);
    ssize_t (*write)(int fd, const void *data, size_t size);
    int (*sync)(int fd);
    int (*truncate)(int fd, off_t size);
};

struct chainlog_options {
    const char *directory;
    uint64_t file_size;           /* begin another file when one has reached this many bytes */
    unsigned int files;           /* keep at most this many; 0: all */
    const struct chainlog_io *io; /* NULL: the real one */
};

struct chainlog {
    struct chainlog_options options;
    char *directory;
    int lock;        /* descriptor of the directory; one daemon per log */
    int fd;          /* of the current file, -1 if there is none yet */
    uint32_t number; /* of the current file, 0 if there is none yet */
    uint64_t size;   /* bytes of it that hold whole, written lines */
    bool dirty;      /* bytes of a failed write may stand behind `size` */
    bool rotate;     /* begin another file with the next batch */
    bool unsynced;
    bool fresh;          /* the batch begins with an "open" line for a new file */
    int error;           /* of the last flush or sync: 0 or a negative errno */
    char broken[256];    /* what is wrong with the chain found at the start; empty if nothing */
    uint64_t torn_bytes; /* of the torn line found at the start, until "recovered" is logged */
    uint32_t torn_file;
    char torn_hash[DIGEST_HEX + 1];
    struct log_state state;   /* behind the last line written */
    struct log_state pending; /* behind the last line of the batch */
    struct line batch;
    size_t line_start;
    struct {
        bool set; /* the line in progress moves this position */
        unsigned int cpu;
        uint64_t next, traces, lost;
    } move;
    char *buffer;
};

/*
 * Opens the log and finds out where it stands. Writes nothing (a full disk is no reason not to
 * start), but cuts off a torn line. On failure `why` says what to do about it.
 *   -EBUSY  another daemon has it
 *   others  the directory or its last file cannot be opened or read
 */
__attribute__((warn_unused_result)) int chainlog_open(struct chainlog *log,
                                                      const struct chainlog_options *options,
                                                      char *why, size_t why_size);
void chainlog_close(struct chainlog *log);

/* Begins a line of the batch; add members with line_*. */
struct line *chainlog_begin(struct chainlog *log, const char *kind);
/* Ends it. A line that does not fit into the buffer is dropped whole: -ENOBUFS. */
int chainlog_end(struct chainlog *log);

/* Another boot: its rings start at record 0. */
int chainlog_boot(struct chainlog *log, uint64_t boot_id, unsigned int cpus);
/* Records sequence .. sequence + count - 1 of `cpu` are lost. */
int chainlog_lost(struct chainlog *log, unsigned int cpu, uint64_t sequence, uint64_t count);
/* Says in the line in progress (kind "trace") that it is record `sequence` of `cpu`. */
void chainlog_record(struct chainlog *log, unsigned int cpu, uint64_t sequence);

/* Number of the next record of `cpu` to log, the batch included. */
uint64_t chainlog_next(const struct chainlog *log, unsigned int cpu);
bool chainlog_full(const struct chainlog *log);

/* Writes the batch. 0, or the negative errno of what the disk refused; then the batch is gone. */
__attribute__((warn_unused_result)) int chainlog_flush(struct chainlog *log);
/* Brings what was written to the disk; does nothing when there is nothing new. */
__attribute__((warn_unused_result)) int chainlog_sync(struct chainlog *log);

extern const struct chainlog_io chainlog_real_io;

#endif
