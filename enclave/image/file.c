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

#include "base/outfile.h"
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

int file_write(const char *path, const uint8_t *data, size_t size)
{
    const char *why = outfile_write(path, data, size);

    if (why) {
        complain("%s cannot be written: %s", path, why);
    }
    return why ? STATUS_FILE : STATUS_GOOD;
}
