/* SPDX-License-Identifier: MIT */
#include "base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int output_begin(void)
{
    for (int file = STDIN_FILENO; file <= STDERR_FILENO; file++) {
        /* The lowest that is free is this one. */
        if (fcntl(file, F_GETFD) < 0 &&
            open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY) != file)
            return errno ? -errno : -EBADF;
    }
    return 0;
}

int output_end(const char *program, int status, int failed)
{
    errno = 0;
    if (!fflush(stdout) && !ferror(stdout))
        return status;
    fprintf(stderr, "%s: standard output: %s\n", program, strerror(errno ? errno : EIO));
    return status ? status : failed;
}
