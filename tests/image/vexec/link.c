/* SPDX-License-Identifier: MIT */
#include "link.h"

#include <errno.h>
#include <libxenvchan.h>
#include <unistd.h>

ssize_t link_read(struct link *link, void *buf, size_t size)
{
    ssize_t done;

    if (link->vchan) {
        int ready = libxenvchan_data_ready(link->vchan);

        if (ready <= 0)
            return libxenvchan_is_open(link->vchan) == 1 ? 0 : -1;
        return libxenvchan_read(link->vchan, buf, (size_t)ready < size ? (size_t)ready : size);
    }
    done = read(link->fd, buf, size);
    if (done > 0)
        return done;
    return done < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

ssize_t link_write(struct link *link, const void *buf, size_t size)
{
    ssize_t done;

    if (link->vchan) {
        int space;

        if (libxenvchan_is_open(link->vchan) != 1)
            return -1;
        space = libxenvchan_buffer_space(link->vchan);
        if (space <= 0)
            return 0;
        return libxenvchan_write(link->vchan, buf, (size_t)space < size ? (size_t)space : size);
    }
    done = write(link->fd, buf, size);
    if (done >= 0)
        return done;
    return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

bool link_event(struct link *link)
{
    if (!link->vchan)
        return true;
    libxenvchan_wait(link->vchan);
    return libxenvchan_is_open(link->vchan) == 1;
}
