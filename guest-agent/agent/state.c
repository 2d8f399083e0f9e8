/* SPDX-License-Identifier: MIT */
#include "agent/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/number.h"
#include "base/say.h"

#define FORMAT "1 %" PRIu32 " %d %" PRIu64 " %" PRIx64 " %" PRIx64 " %" PRIu64 " %" PRIu64 " .\n"
#define SCAN "1 %" SCNu32 " %d %" SCNu64 " %" SCNx64 " %" SCNx64 " %" SCNu64 " %" SCNu64 " %c"

int state_open(const char *folder)
{
    char parent[256];
    char *slash;

    snprintf(parent, sizeof(parent), "%s", folder);
    slash = strrchr(parent, '/');
    if (slash && slash != parent) {
        *slash = '\0';
        if (mkdir(parent, 0755) ? errno != EEXIST : chmod(parent, 0755))
            return -errno;
    }
    if (mkdir(folder, 0700) && errno != EEXIST)
        return -errno;
    return chmod(folder, 0700) ? -errno : 0;
}

int state_save(const char *folder, const struct state_entry *entry)
{
    char path[256], new_path[264], line[256];
    int size, file, error = 0;

    snprintf(path, sizeof(path), "%s/%" PRIu32, folder, entry->id);
    snprintf(new_path, sizeof(new_path), "%s.new", path);
    size = snprintf(line, sizeof(line), FORMAT, (uint32_t)entry->uid, (int)entry->process.pid,
                    entry->process.start, entry->handle[0], entry->handle[1], entry->frames,
                    entry->balloon_kb);
    file = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return -errno;
    if (write(file, line, (size_t)size) != size)
        error = -EIO;
    if (close(file) && !error)
        error = -errno;
    if (!error && rename(new_path, path))
        error = -errno;
    if (error)
        unlink(new_path);
    return error;
}

void state_remove(const char *folder, uint32_t id)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%" PRIu32, folder, id);
    unlink(path);
}

static bool load_one(int folder, const char *name, struct state_entry *entry)
{
    char line[256], dot;
    uint32_t uid;
    uint64_t id;
    int pid, file;
    ssize_t size;

    memset(entry, 0, sizeof(*entry));
    if (!number_read(name, 10, 1, UINT32_MAX, &id))
        return false;
    entry->id = (uint32_t)id;
    file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return false;
    size = read(file, line, sizeof(line) - 1);
    close(file);
    if (size <= 0)
        return false;
    line[size] = '\0';
    if (strlen(line) != (size_t)size) /* what stands behind a zero byte would not be looked at */
        return false;
    if (sscanf(line, SCAN, &uid, &pid, &entry->process.start, &entry->handle[0], &entry->handle[1],
               &entry->frames, &entry->balloon_kb, &dot) != 8 ||
        dot != '.')
        return false;
    entry->uid = uid;
    entry->process.pid = pid;
    return true;
}

void state_load(const char *folder, void (*found)(void *context, const struct state_entry *entry),
                void *context)
{
    DIR *directory = opendir(folder);
    const struct dirent *item;

    if (!directory)
        return;
    while ((item = readdir(directory))) {
        struct state_entry entry;

        if (item->d_name[0] == '.')
            continue;
        if (load_one(dirfd(directory), item->d_name, &entry)) {
            found(context, &entry);
        } else {
            say_warning("%s/%s is not of this agent: removed", folder, item->d_name);
            unlinkat(dirfd(directory), item->d_name, 0);
        }
    }
    closedir(directory);
}
