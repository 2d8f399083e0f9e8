/* SPDX-License-Identifier: MIT */
#include "agent/account.h"

#include <errno.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/say.h"

#define MAX_RANGES 1024u

static struct range {
    uid_t owner;
    uint64_t first, count;
} ranges[MAX_RANGES];
static unsigned int range_count;

/* subuid(5): name or number of the owner, first number, how many. */
static int read_range(char *line, struct range *range)
{
    char *rest = NULL, *owner = strtok_r(line, ":", &rest), *end;
    const char *first = strtok_r(NULL, ":", &rest), *count = strtok_r(NULL, ":\n", &rest);
    const struct passwd *user;

    if (!owner || !first || !count)
        return -EINVAL;
    errno = 0;
    range->first = strtoull(first, &end, 10);
    if (errno || end == first || *end || range->first > UINT32_MAX)
        return -EINVAL;
    range->count = strtoull(count, &end, 10);
    if (errno || end == count || *end || range->count > UINT32_MAX)
        return -EINVAL;
    user = getpwnam(owner);
    range->owner = user ? user->pw_uid : (uid_t)strtoul(owner, &end, 10);
    return user || (*owner >= '0' && *owner <= '9' && !*end) ? 0 : -EINVAL;
}

void account_read(const char *path)
{
    FILE *file = fopen(path, "re");
    char line[256];

    range_count = 0;
    if (!file)
        return;
    while (fgets(line, sizeof(line), file)) {
        if (range_count == MAX_RANGES) {
            say_warning("%s: only the first %u lines are read", path, MAX_RANGES);
            break;
        }
        if (!read_range(line, &ranges[range_count]))
            range_count++;
    }
    fclose(file);
}

uid_t account_of(uid_t uid)
{
    for (unsigned int i = 0; i < range_count; i++)
        if (uid >= ranges[i].first && uid - ranges[i].first < ranges[i].count)
            return ranges[i].owner;
    return uid;
}
