/* SPDX-License-Identifier: MIT */
/*
 * vexec: run commands in another machine of the test system.
 *
 *   vexec serve-port NAME      dom0's server: commands come over the virtio port called NAME, or, with
 *                              VEXEC_HOST=ADDRESS:PORT in the environment, over a TCP connection to there
 *   vexec serve-vchan COUNT    a tenant's servers: COUNT channels, each for one client at a time
 *   vexec [-i] [-t SECONDS] DOMID -- COMMAND [ARGUMENT...]
 *                              dom0's client: run COMMAND in tenant DOMID; its output, its errors and
 *                              its exit status become ours. -i forwards our standard input.
 *
 * Channel K of a tenant is at xenstore path data/vexec/K. After each client the server makes the
 * channel anew and counts its node `turn`; a client does not use the turn that the last one had, which
 * it finds in the lock file that keeps clients apart.
 */
#include "link.h"
#include "serve.h"
#include "wire.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libxenvchan.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xenstore.h>

#define RING_SIZE 32768u
#define MAX_CHANNELS 8u
#define CONNECT_TRIES 2400 /* of 50 ms */
#define EXIT_TIMED_OUT 124
#define EXIT_NO_CHANNEL 125

static void fail(const char *what)
{
    fprintf(stderr, "vexec: %s: %s\n", what, strerror(errno));
    exit(EXIT_NO_CHANNEL);
}

/* ---- servers ---- */

static int open_port(const char *wanted)
{
    DIR *dir = opendir("/sys/class/virtio-ports");
    struct dirent *entry;
    char path[320], name[64];
    int port = -1;

    while (dir && port < 0 && (entry = readdir(dir))) {
        FILE *file;

        snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry->d_name);
        file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (!file)
            continue;
        if (fgets(name, sizeof(name), file)) {
            name[strcspn(name, "\n")] = '\0';
            snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
            if (!strcmp(name, wanted))
                port = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        }
        fclose(file);
    }
    if (dir)
        closedir(dir);
    return port;
}

/* `host` is ADDRESS:PORT. */
static int open_connection(const char *host)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unsigned int port;
    char name[16];

    if (sscanf(host, "%15[0-9.]:%u", name, &port) != 2 || !inet_aton(name, &address.sin_addr))
        return -1;
    address.sin_port = htons((uint16_t)port);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
        fcntl(fd, F_SETFL, O_NONBLOCK))
        return -1;
    return fd;
}

static _Noreturn void serve_port(const char *name)
{
    const char *host = getenv("VEXEC_HOST");
    struct link link = {.fd = host ? open_connection(host) : open_port(name)};

    if (link.fd < 0)
        fail(host ? host : name);
    for (;;) {
        serve(&link);
        poll(NULL, 0, 200);
    }
}

static _Noreturn void serve_channel(unsigned int channel)
{
    struct xs_handle *xs = xs_open(0);
    unsigned int turn = (unsigned int)time(NULL);
    char path[64], turn_path[80], text[16];

    if (!xs)
        fail("xenstore");
    snprintf(path, sizeof(path), "data/vexec/%u", channel);
    snprintf(turn_path, sizeof(turn_path), "%s/turn", path);
    for (;;) {
        struct libxenvchan *vchan = libxenvchan_server_init(NULL, 0, path, RING_SIZE, RING_SIZE);
        struct link link = {.vchan = vchan};
        int length;

        if (!vchan)
            fail("libxenvchan_server_init");
        length = snprintf(text, sizeof(text), "%u", ++turn);
        xs_write(xs, XBT_NULL, turn_path, text, (unsigned int)length);
        while (libxenvchan_is_open(vchan) == 2)
            libxenvchan_wait(vchan);
        link.fd = libxenvchan_fd_for_select(vchan);
        serve(&link);
        libxenvchan_close(vchan);
    }
}

static int serve_vchan(unsigned int count)
{
    for (unsigned int i = 0; i < count && i < MAX_CHANNELS; i++)
        if (fork() == 0)
            serve_channel(i);
    for (;;)
        if (wait(NULL) < 0)
            return 1;
}

/* ---- client ---- */

/* A free channel of the domain, its lock held until we exit; `last` gets the turn used before. */
static int lock_channel(unsigned int domid, unsigned int *channel, char last[16])
{
    for (int try = 0; try < CONNECT_TRIES; try++) {
        for (unsigned int i = 0; i < MAX_CHANNELS; i++) {
            char path[64];
            ssize_t got;
            int fd;

            snprintf(path, sizeof(path), "/run/vexec.%u.%u", domid, i);
            fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
            if (fd < 0)
                fail(path);
            if (flock(fd, LOCK_EX | LOCK_NB)) {
                close(fd);
                continue;
            }
            got = pread(fd, last, 15, 0);
            last[got > 0 ? got : 0] = '\0';
            *channel = i;
            return fd;
        }
        poll(NULL, 0, 50);
    }
    errno = EBUSY;
    fail("no free channel");
    return -1;
}

static struct libxenvchan *connect_channel(unsigned int domid)
{
    struct xs_handle *xs = xs_open(0);
    char path[96], turn_path[112], last[16];
    unsigned int channel;
    int lock = lock_channel(domid, &channel, last);

    if (!xs)
        fail("xenstore");
    snprintf(path, sizeof(path), "/local/domain/%u/data/vexec/%u", domid, channel);
    snprintf(turn_path, sizeof(turn_path), "%s/turn", path);
    for (int try = 0; try < CONNECT_TRIES; try++) {
        unsigned int size;
        char *turn = xs_read(xs, XBT_NULL, turn_path, &size);

        if (turn && strcmp(turn, last)) {
            struct libxenvchan *vchan = libxenvchan_client_init(NULL, (int)domid, path);

            if (vchan) {
                if (pwrite(lock, turn, size, 0) != (ssize_t)size || ftruncate(lock, size))
                    fail("lock file");
                free(turn);
                xs_close(xs);
                return vchan;
            }
        }
        free(turn);
        poll(NULL, 0, 50);
    }
    errno = ETIMEDOUT;
    fail("the tenant does not answer");
    return NULL;
}

/* What is on its way to the tenant; nothing is taken from standard input while some is left. */
static char pending[2 * (sizeof(struct vexec_frame) + VEXEC_MAX_BODY)];
static size_t pending_size;

static void queue(uint32_t type, const void *body, size_t size)
{
    struct vexec_frame frame = {
        .magic = VEXEC_MAGIC, .id = 1, .type = type, .size = (uint32_t)size};

    memcpy(pending + pending_size, &frame, sizeof(frame));
    pending_size += sizeof(frame);
    if (size)
        memcpy(pending + pending_size, body, size);
    pending_size += size;
}

static void send_pending(struct link *link)
{
    while (pending_size) {
        ssize_t put = link_write(link, pending, pending_size);

        if (put < 0) {
            errno = ECONNRESET;
            fail("the tenant went away");
        }
        if (put == 0)
            return;
        pending_size -= (size_t)put;
        memmove(pending, pending + put, pending_size);
    }
}

/* Take one whole frame off `buf`; returns its length, 0 if it is not all there. */
static size_t client_frame(const char *buf, size_t size, int *status)
{
    struct vexec_frame frame;
    struct vexec_exit end;
    const char *body = buf + sizeof(frame);

    if (size < sizeof(frame))
        return 0;
    memcpy(&frame, buf, sizeof(frame));
    if (frame.magic != VEXEC_MAGIC || frame.size > VEXEC_MAX_BODY) {
        errno = EPROTO;
        fail("receive");
    }
    if (size < sizeof(frame) + frame.size)
        return 0;
    if (frame.type == VEXEC_EXIT && frame.size == sizeof(end)) {
        memcpy(&end, body, sizeof(end));
        *status = end.flags & VEXEC_TIMED_OUT ? EXIT_TIMED_OUT : (int)end.status;
    } else if (frame.type == VEXEC_OUT || frame.type == VEXEC_ERR) {
        int fd = frame.type == VEXEC_OUT ? 1 : 2;

        for (size_t done = 0; done < frame.size;) {
            ssize_t put = write(fd, body + done, frame.size - done);

            if (put < 0)
                fail("write");
            done += (size_t)put;
        }
    }
    return sizeof(frame) + frame.size;
}

static int client(unsigned int domid, uint32_t timeout, bool forward, char **argv)
{
    static char buf[2 * (sizeof(struct vexec_frame) + VEXEC_MAX_BODY)];
    struct link link = {.vchan = connect_channel(domid)};
    size_t have = sizeof(timeout);
    int status = -1;

    link.fd = libxenvchan_fd_for_select(link.vchan);
    memcpy(buf, &timeout, sizeof(timeout));
    for (; *argv; argv++) {
        size_t length = strlen(*argv) + 1;

        if (have + length > VEXEC_MAX_BODY) {
            errno = E2BIG;
            fail("command");
        }
        memcpy(buf + have, *argv, length);
        have += length;
    }
    queue(VEXEC_RUN, buf, have);
    if (!forward)
        queue(VEXEC_IN, NULL, 0);

    have = 0;
    while (status < 0) {
        struct pollfd set[2] = {{.fd = link.fd, .events = POLLIN}, {.events = POLLIN}};
        ssize_t got;
        size_t used;

        send_pending(&link);
        set[1].fd = forward && !pending_size ? 0 : -1;

        while ((got = link_read(&link, buf + have, sizeof(buf) - have)) > 0) {
            have += (size_t)got;
            while (status < 0 && (used = client_frame(buf, have, &status)) > 0) {
                have -= used;
                memmove(buf, buf + used, have);
            }
        }
        if (status >= 0)
            break;
        if (got < 0) {
            errno = ECONNRESET;
            fail("the tenant went away");
        }
        if (poll(set, 2, -1) < 0 && errno != EINTR)
            fail("poll");
        if (set[1].revents) {
            char input[8192];

            got = read(0, input, sizeof(input));
            queue(VEXEC_IN, input, got > 0 ? (size_t)got : 0);
            forward = got > 0;
        }
        if (set[0].revents)
            link_event(&link);
    }
    libxenvchan_close(link.vchan);
    return status;
}

int main(int argc, char **argv)
{
    uint32_t timeout = 0;
    bool forward = false;
    int option;

    if (argc == 3 && !strcmp(argv[1], "serve-port"))
        serve_port(argv[2]);
    if (argc == 3 && !strcmp(argv[1], "serve-vchan"))
        return serve_vchan((unsigned int)atoi(argv[2]));
    while ((option = getopt(argc, argv, "+it:")) != -1) {
        if (option == 'i')
            forward = true;
        else if (option == 't')
            timeout = (uint32_t)(atof(optarg) * 1000);
        else
            return EXIT_NO_CHANNEL;
    }
    if (optind + 2 >= argc || strcmp(argv[optind + 1], "--")) {
        fprintf(stderr, "usage: vexec [-i] [-t SECONDS] DOMID -- COMMAND [ARGUMENT...]\n");
        return EXIT_NO_CHANNEL;
    }
    return client((unsigned int)atoi(argv[optind]), timeout, forward, argv + optind + 2);
}
