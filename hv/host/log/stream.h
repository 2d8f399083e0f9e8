/* SPDX-License-Identifier: MIT */
/*
 * Reading the trace log for somebody, whole lines at a time, from its last N lines on. Reads only
 * what the tracer says is written for good; holds no lock, so a slow reader disturbs nobody. A reader
 * so slow that its file is removed continues with the oldest one there is.
 */
#ifndef CLOISTER_HOST_STREAM_H
#define CLOISTER_HOST_STREAM_H

#include <stddef.h>
#include <stdint.h>

struct stream {
    const char *directory; /* must stay */
    uint32_t number;       /* of the file being read */
    uint64_t offset;
    int fd;
};

/* Where the log ends for now: the current file (0: none) and the size of its whole lines. */
struct stream_end {
    uint32_t number;
    uint64_t size;
};

/* Starts `lines` lines before the end (UINT64_MAX: at the oldest line). 0 or a negative errno. */
__attribute__((warn_unused_result)) int stream_open(struct stream *stream, const char *directory,
                                                    uint64_t lines, struct stream_end end);
void stream_close(struct stream *stream);

/*
 * Puts whole lines into the buffer, which must hold LOG_MAX_LINE + 1 bytes or more. Returns how many
 * bytes; 0: there are no more yet; or a negative errno.
 */
int stream_read(struct stream *stream, char *buffer, size_t size, struct stream_end end);

/* The end of a log that nobody writes, as its files stand. */
__attribute__((warn_unused_result)) int stream_find_end(const char *directory,
                                                        struct stream_end *end);

#endif
