/* SPDX-License-Identifier: MIT */
#include "base/background.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/say.h"

static int ready = -1; /* where the foreground listens */

static void wait_for(pid_t child, int from)
{
    char byte;
    int status;

    if (read(from, &byte, 1) == 1)
        _exit(0);
    /* It ended before it was ready, and has said why. */
    _exit(waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int background_enter(void)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC))
        return -errno;
    pid_t child = fork();
    if (child < 0)
        return -errno;
    if (child > 0) {
        close(ends[1]);
        wait_for(child, ends[0]);
    }
    close(ends[0]);
    ready = ends[1];
    setsid();
    return chdir("/") ? -errno : 0;
}

void background_ready(void)
{
    if (ready < 0)
        return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    say_to_syslog();
    for (int fd = 0; fd <= 2 && null >= 0; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
    if (write(ready, "", 1) != 1)
        say_debug("nobody waited");
    close(ready);
    ready = -1;
}
