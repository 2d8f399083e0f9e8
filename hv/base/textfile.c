/* SPDX-License-Identifier: MIT */
#include "base/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int textfile_read(const char *path, size_t limit, char **text, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
    char *buffer = malloc(limit + 2);
    size_t used = 0;

    if (fd < 0 || !buffer)
        rc = fd < 0 ? -errno : -ENOMEM;
    while (!rc && used <= limit) {
        ssize_t part = read(fd, buffer + used, limit + 1 - used);

        if (part < 0 && errno != EINTR)
            rc = -errno;
        else if (part > 0)
            used += (size_t)part;
        else if (part == 0)
            break;
    }
    if (!rc && used > limit)
        rc = -EFBIG;
    if (fd >= 0)
        close(fd);
    if (rc) {
        free(buffer);
        return rc;
    }
    buffer[used] = 0;
    *text = buffer;
    *size = used;
    return 0;
}

int textfile_write_synced(int fd, const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t part = write(fd, (const char *)data + done, size - done);

        if (part < 0 && errno == EINTR)
            continue;
        if (part <= 0)
            return part ? -errno : -EIO;
        done += (size_t)part;
    }
    return fsync(fd) ? -errno : 0;
}

int textfile_replace(const char *path, const char *text)
{
    char *temporary;

    if (asprintf(&temporary, "%s.new", path) < 0)
        return -ENOMEM;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int rc = fd < 0 ? -errno : textfile_write_synced(fd, text, strlen(text));
    if (fd >= 0)
        close(fd);
    if (!rc && rename(temporary, path))
        rc = -errno;
    if (rc && fd >= 0)
        unlink(temporary);
    free(temporary);
    return rc;
}
