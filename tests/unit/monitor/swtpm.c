/* SPDX-License-Identifier: MIT */
#include "swtpm.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

uint32_t swtpm_error_at;

static char folder[64];
static pid_t process;
static int data = -1;

static int connect_to(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", folder, name);
    for (int tries = 0; tries < 1000; tries++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (!connect(fd, (struct sockaddr *)&address, sizeof(address))) {
            return fd;
        }
        close(fd);
        usleep(10000);
    }
    ck_abort_msg("swtpm does not listen on %s", address.sun_path);
    return -1;
}

static void launch(bool started)
{
    char server[128], control[128], state[128];

    snprintf(server, sizeof(server), "type=unixio,path=%s/data", folder);
    snprintf(control, sizeof(control), "type=unixio,path=%s/control", folder);
    snprintf(state, sizeof(state), "dir=%s", folder);
    process = fork();
    if (!process) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO); /* it tells of every disconnection */
        execlp("swtpm", "swtpm", "socket", "--tpm2", "--server", server, "--ctrl", control,
               "--tpmstate", state, "--flags",
               started ? "not-need-init,startup-clear" : "not-need-init", (char *)NULL);
        _exit(127);
    }
    data = connect_to("data");
}

static void end(void)
{
    close(data);
    kill(process, SIGKILL);
    waitpid(process, NULL, 0);
}

void swtpm_start(bool started)
{
    strcpy(folder, "/tmp/cloister-tpm-XXXXXX");
    ck_assert_msg(mkdtemp(folder) != NULL, "no temporary folder");
    launch(started);
}

void swtpm_reset(void)
{
    char path[128];

    end();
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, i ? "data" : "control");
        unlink(path);
    }
    launch(true);
}

void swtpm_stop(void)
{
    char command[128];

    end();
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

bool swtpm_execute(const uint8_t *command, uint32_t size, uint8_t *response, uint32_t *answered)
{
    static const uint8_t failure[] = {0x80, 0x01, 0, 0, 0, 10, 0, 0, 1, 1};

    if (swtpm_error_at && !--swtpm_error_at) {
        memcpy(response, failure, sizeof(failure));
        *answered = sizeof(failure);
        return true;
    }
    if (write(data, command, size) != (ssize_t)size) {
        return false;
    }
    /* It gives the whole response at once. */
    ssize_t got = read(data, response, 4096);
    *answered = got > 0 ? (uint32_t)got : 0;
    return got > 0;
}
