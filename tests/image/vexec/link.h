/* SPDX-License-Identifier: MIT */
/* A byte stream to the other side: a file descriptor (virtio port) or a libxenvchan channel. */
#ifndef VEXEC_LINK_H
#define VEXEC_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct libxenvchan;

struct link {
    int fd;                    /* to poll for reading; for a channel its event descriptor */
    struct libxenvchan *vchan; /* NULL: `fd` is the stream itself */
};

/* Both return the number of bytes moved, 0 if none can be moved now, -1 if the other side is gone. */
ssize_t link_read(struct link *link, void *buf, size_t size);
ssize_t link_write(struct link *link, const void *buf, size_t size);

/* Take note of an event on `fd`; false once the channel is closed. */
bool link_event(struct link *link);

#endif
