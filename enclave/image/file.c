/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

static bool read_all(int file, uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t count = read(file, data, size);

        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            errno = count < 0 ? errno : ENODATA;
            return false;
        }
        data += count;
        size -= (size_t)count;
    }
    return true;
}

static bool write_all(int file, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t count = write(file, data, size);

        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return false;
        }
        data += count;
        size -= (size_t)count;
    }
    return true;
}

int file_read(const char *path, uint64_t limit, uint8_t **data, size_t *size)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);

    *data = NULL;
    if (file < 0 || fstat(file, &status)) {
        goto failed;
    }
    if (!S_ISREG(status.st_mode)) {
        errno = EINVAL;
        goto failed;
    }
    if ((uint64_t)status.st_size > limit) {
        complain("%s: %" PRIu64 " bytes, at most %" PRIu64 " are possible", path,
                 (uint64_t)status.st_size, limit);
        close(file);
        return STATUS_REFUSED;
    }
    *size = (size_t)status.st_size;
    *data = malloc(*size + 1);
    if (!*data || !read_all(file, *data, *size)) {
        goto failed;
    }
    close(file);
    return STATUS_GOOD;
failed:
    complain("%s cannot be read: %s", path, strerror(errno));
    free(*data);
    *data = NULL;
    if (file >= 0) {
        close(file);
    }
    return STATUS_FILE;
}

int file_write(const char *path, const uint8_t *data, size_t size)
{
    const mode_t mask = umask(0);
    char *work = NULL;
    int file = -1;

    umask(mask);
    if (asprintf(&work, "%s.XXXXXX", path) < 0) {
        work = NULL;
        errno = ENOMEM;
        goto failed;
    }
    file = mkostemp(work, O_CLOEXEC);
    if (file < 0) {
        goto failed;
    }
    if (!write_all(file, data, size) || fchmod(file, 0666 & ~mask) || fsync(file)) {
        goto failed;
    }
    close(file);
    file = -1;
    if (rename(work, path)) {
        goto failed;
    }
    free(work);
    return STATUS_GOOD;
failed:
    complain("%s cannot be written: %s", path, strerror(errno));
    if (file >= 0) {
        close(file);
    }
    if (work) {
        unlink(work);
    }
    free(work);
    return STATUS_FILE;
}
