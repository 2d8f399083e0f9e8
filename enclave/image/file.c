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

#define STEP (1u << 20) /* how much more room is made for a pipe's data */

/* Reads until `size` bytes are there or no more come; -1: errno. */
static ssize_t read_all(int file, uint8_t *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t count = read(file, data + done, size - done);

        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return -1;
        }
        if (count == 0) {
            break;
        }
        done += (size_t)count;
    }
    return (ssize_t)done;
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

/* All of it, however much comes: `room` is what a regular file says. EFBIG: more than `limit`. */
static bool read_whole(int file, size_t room, uint64_t limit, uint8_t **data, size_t *size)
{
    *size = 0;
    for (;;) {
        uint8_t *larger = realloc(*data, room + 1);
        ssize_t count;

        if (!larger) {
            return false;
        }
        *data = larger;
        count = read_all(file, *data + *size, room + 1 - *size);
        if (count < 0) {
            return false;
        }
        *size += (size_t)count;
        if (*size > limit) {
            errno = EFBIG;
            return false;
        }
        if (*size <= room) {
            return true;
        }
        room += room > STEP ? room : STEP;
    }
}

int file_read(const char *path, uint64_t limit, uint8_t **data, size_t *size)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC), rc = STATUS_GOOD;
    bool regular;

    *data = NULL;
    if (file < 0 || fstat(file, &status)) {
        complain("%s cannot be read: %s", path, strerror(errno));
        rc = STATUS_FILE;
    } else {
        regular = S_ISREG(status.st_mode) && (uint64_t)status.st_size <= limit;
        if (!read_whole(file, regular ? (size_t)status.st_size : STEP, limit, data, size)) {
            rc = errno == EFBIG ? STATUS_REFUSED : STATUS_FILE;
            complain("%s cannot be read: %s", path,
                     rc == STATUS_REFUSED ? "larger than is possible" : strerror(errno));
            free(*data);
            *data = NULL;
        }
    }
    if (file >= 0) {
        close(file);
    }
    return rc;
}

/* A new file takes the old one's place, which nobody ever sees a part of. False: errno. */
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
        if (!good) {
            unlink(work);
        }
        errno = error;
    }
    free(work);
    return good;
}

/* What stands there takes the data: a terminal, a pipe, the file that a link names. False: errno.
 */
static bool fill(const char *path, const uint8_t *data, size_t size)
{
    int file = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY), error;
    bool good = file >= 0 && write_all(file, data, size);

    error = errno;
    if (file >= 0 && close(file) && good) {
        return false;
    }
    errno = error;
    return good;
}

int file_write(const char *path, const uint8_t *data, size_t size)
{
    struct stat status;
    bool there = !lstat(path, &status);
    const char *why = NULL;

    if (there && S_ISDIR(status.st_mode)) {
        why = "it is a folder";
    } else if (there && S_ISBLK(status.st_mode)) {
        why = "it is a block device";
    } else if (there && S_ISSOCK(status.st_mode)) {
        why = "it is a socket";
    } else if (there && !S_ISREG(status.st_mode) ? !fill(path, data, size)
                                                 : !replace(path, data, size)) {
        why = strerror(errno);
    }
    if (why) {
        complain("%s cannot be written: %s", path, why);
    }
    return why ? STATUS_FILE : STATUS_GOOD;
}
