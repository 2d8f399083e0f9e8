/* SPDX-License-Identifier: MIT */
#include "agent/process.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int process_find(pid_t pid, struct process *process)
{
    char path[32], line[1024], state;
    const char *rest;
    uint64_t start;
    long threads;
    FILE *file;

    if (pid <= 0)
        return -ESRCH;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (!file)
        return -ESRCH;
    size_t count = fread(line, 1, sizeof(line) - 1, file);
    fclose(file);
    line[count] = '\0';

    /* The second field is the name in parentheses and may contain anything, so read from its end.
     */
    rest = strrchr(line, ')');
    if (!rest || sscanf(rest + 1,
                        " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %ld"
                        " %*s %" SCNu64,
                        &state, &threads, &start) != 3)
        return -ESRCH;
    /* A zombie has ended, unless only its first thread has. */
    if ((state == 'Z' || state == 'X') && threads <= 1)
        return -ESRCH;
    *process = (struct process){pid, start};
    return 0;
}

bool process_alive(const struct process *process)
{
    struct process now;

    return !process_find(process->pid, &now) && now.start == process->start;
}
