/* SPDX-License-Identifier: MIT */
#include "base/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_all(int file, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t count = write(file, data, size);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return false;
        data += count;
        size -= (size_t)count;
    }
    return true;
}

/* False: errno. */
static bool replace(const char *path, const uint8_t *data, size_t size)
{
    const mode_t mask = umask(0);
    char *work = NULL;
    bool good = false;
    int file, error;

    umask(mask);
    if (asprintf(&work, "%s.XXXXXX", path) < 0) {
        errno = ENOMEM;
        return false;
    }
    file = mkostemp(work, O_CLOEXEC);
    if (file >= 0) {
        good = write_all(file, data, size) && !fchmod(file, 0666 & ~mask) && !fsync(file) &&
               !rename(work, path);
        error = errno;
        close(file);
        if (!good)
            unlink(work);
        errno = error;
    }
    free(work);
    return good;
}

/* False: errno. */
static bool fill(const char *path, const uint8_t *data, size_t size)
{
    int file = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY), error;
    bool good = file >= 0 && write_all(file, data, size);

    error = errno;
    if (file >= 0 && close(file) && good)
        return false;
    errno = error;
    return good;
}

static const char *refuse(int error, const char *why)
{
    errno = error;
    return why;
}

const char *outfile_write(const char *path, const void *data, size_t size)
{
    struct stat status;
    const bool there = !lstat(path, &status);

    if (there && S_ISDIR(status.st_mode))
        return refuse(EISDIR, "it is a folder");
    if (there && S_ISBLK(status.st_mode))
        return refuse(ENOTSUP, "it is a block device");
    if (there && S_ISSOCK(status.st_mode))
        return refuse(ENXIO, "it is a socket");
    if (there && !S_ISREG(status.st_mode) ? fill(path, data, size) : replace(path, data, size))
        return NULL;
    return strerror(errno);
}
