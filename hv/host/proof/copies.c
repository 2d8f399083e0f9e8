/* SPDX-License-Identifier: MIT */
#include "proof/copies.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/textfile.h"

#define NEW "counters.new"
#define MAX_LOST 1000000u

/* That there is no folder does not say that there is no copy: it may not be mounted. */
static int open_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 ? fd : errno == ENOENT ? -ENOTDIR : -errno;
}

static int sync_and_close(int folder, int rc)
{
    if (!rc && fsync(folder))
        rc = -errno;
    close(folder);
    return rc;
}

static int move(int folder, const char *from, const char *to)
{
    return renameat(folder, from, folder, to) ? -errno : 0;
}

static bool exists(int folder, const char *name)
{
    struct stat status;

    return !fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) || errno != ENOENT;
}

int copies_read(const char *folder, struct cloister_counters_image *image, size_t *size)
{
    int at = open_folder(folder), rc = 0;
    uint8_t more;

    if (at < 0)
        return at;
    int fd = openat(at, COPIES_LAST, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    rc = fd < 0 ? -errno : 0;
    close(at);
    for (*size = 0; !rc;) {
        size_t left = sizeof(*image) - *size;
        ssize_t part = left ? read(fd, (uint8_t *)image + *size, left) : read(fd, &more, 1);

        if (part < 0 && errno != EINTR)
            rc = -errno;
        if (part == 0)
            break;
        if (part > 0)
            *size += (size_t)part;
        if (*size > sizeof(*image))
            break;
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

int copies_write(const char *folder, const struct cloister_counters_image *image)
{
    int at = open_folder(folder);

    if (at < 0)
        return at;
    int fd = openat(at, NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int rc = fd < 0 ? -errno : textfile_write_synced(fd, image, sizeof(*image));
    if (fd >= 0 && close(fd) && !rc)
        rc = -errno;
    if (!rc)
        rc = move(at, NEW, COPIES_NEXT);
    if (rc && fd >= 0)
        (void)unlinkat(at, NEW, 0); /* on a full disk it takes room */
    return sync_and_close(at, rc);
}

int copies_promote(const char *folder)
{
    int at = open_folder(folder);

    return at < 0 ? at : sync_and_close(at, move(at, COPIES_NEXT, COPIES_LAST));
}

int copies_try_next(const char *folder)
{
    int at = open_folder(folder), rc = 0;

    if (at < 0)
        return at;
    if (!exists(at, COPIES_NEXT))
        rc = -ENOENT;
    if (!rc && exists(at, COPIES_LAST))
        rc = move(at, COPIES_LAST, COPIES_OLD);
    if (!rc)
        rc = move(at, COPIES_NEXT, COPIES_LAST);
    return sync_and_close(at, rc);
}

int copies_set_aside(const char *folder, unsigned int *number)
{
    static const char *const names[] = {COPIES_LAST, COPIES_NEXT, COPIES_OLD};
    char aside[3][40];
    int at = open_folder(folder), rc = 0;
    bool any = false, taken = true;

    *number = 0;
    if (at < 0)
        return at;
    for (int i = 0; i < 3; i++)
        any = any || exists(at, names[i]);
    for (unsigned int n = 1; any && taken && n < MAX_LOST; n++) {
        taken = false;
        for (int i = 0; i < 3; i++) {
            snprintf(aside[i], sizeof(aside[i]), "%s.lost-%u", names[i], n);
            taken = taken || exists(at, aside[i]);
        }
        *number = n;
    }
    if (any && taken)
        rc = -EEXIST;
    for (int i = 0; !rc && any && i < 3; i++) {
        if (exists(at, names[i]))
            rc = move(at, names[i], aside[i]);
    }
    return sync_and_close(at, rc);
}
