/* SPDX-License-Identifier: MIT */
/* The server: one poll loop over the link and the pipes of every running command. */
#include "serve.h"

#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_JOBS 32u
#define MAX_ARGS 256u
#define HIGH_WATER (4u * 1024u * 1024u) /* bytes queued before a source is no longer read */
#define EXIT_LOOK_MS 20                 /* how often to look for ended children */

struct buffer {
    char *data;
    size_t start, end, room;
};

struct job {
    bool used, stdin_ends;
    uint32_t id;
    pid_t pid;
    int in, out, err; /* our ends, -1 when closed */
    struct buffer input;
    uint64_t deadline; /* ms, 0: none */
    uint32_t flags;
};

static struct job jobs[MAX_JOBS];
static struct buffer outgoing, incoming;

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

static size_t buffer_size(const struct buffer *b)
{
    return b->end - b->start;
}

static void buffer_put(struct buffer *b, const void *data, size_t size)
{
    if (!size)
        return;
    if (b->start && (b->start == b->end || b->end + size > b->room)) {
        memmove(b->data, b->data + b->start, buffer_size(b));
        b->end -= b->start;
        b->start = 0;
    }
    if (b->end + size > b->room) {
        size_t room = (b->end + size) * 2;
        char *grown = realloc(b->data, room);

        if (!grown)
            abort();
        b->data = grown;
        b->room = room;
    }
    memcpy(b->data + b->end, data, size);
    b->end += size;
}

static void buffer_free(struct buffer *b)
{
    free(b->data);
    *b = (struct buffer){0};
}

static void send_frame(uint32_t id, uint32_t type, const void *body, size_t size)
{
    struct vexec_frame frame = {
        .magic = VEXEC_MAGIC, .id = id, .type = type, .size = (uint32_t)size};

    buffer_put(&outgoing, &frame, sizeof(frame));
    buffer_put(&outgoing, body, size);
}

static void send_exit(uint32_t id, uint32_t status, uint32_t flags)
{
    struct vexec_exit end = {.status = status, .flags = flags};

    send_frame(id, VEXEC_EXIT, &end, sizeof(end));
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static struct job *find_job(uint32_t id)
{
    for (size_t i = 0; i < MAX_JOBS; i++)
        if (jobs[i].used && jobs[i].id == id)
            return &jobs[i];
    return NULL;
}

/* Send what a pipe holds now; close it at its end. */
static void drain(struct job *job, int *fd, uint32_t type)
{
    char buf[16384];

    while (*fd >= 0 && buffer_size(&outgoing) < HIGH_WATER) {
        ssize_t got = read(*fd, buf, sizeof(buf));

        if (got > 0)
            send_frame(job->id, type, buf, (size_t)got);
        else if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        else
            close_fd(fd);
    }
}

static void feed(struct job *job)
{
    while (job->in >= 0 && buffer_size(&job->input)) {
        ssize_t put = write(job->in, job->input.data + job->input.start, buffer_size(&job->input));

        if (put > 0) {
            job->input.start += (size_t)put;
        } else if (errno == EAGAIN || errno == EINTR) {
            return;
        } else {
            close_fd(&job->in);
        }
    }
    if (job->stdin_ends)
        close_fd(&job->in);
}

static void child(char **argv, int in, int out, int err)
{
    setsid();
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    signal(SIGPIPE, SIG_DFL);
    execvp(argv[0], argv);
    fprintf(stderr, "vexec: %s: %s\n", argv[0], strerror(errno));
    fflush(stderr);
    _exit(127);
}

static void run(uint32_t id, char *body, size_t size)
{
    char *argv[MAX_ARGS + 1];
    size_t count = 0;
    uint32_t timeout;
    struct job *job = NULL;
    int in[2], out[2], err[2];

    for (size_t i = 0; i < MAX_JOBS && !job; i++)
        if (!jobs[i].used)
            job = &jobs[i];
    if (!job || find_job(id) || size < sizeof(timeout) + 2 || body[size - 1] != '\0') {
        send_exit(id, 126, 0);
        return;
    }
    memcpy(&timeout, body, sizeof(timeout));
    for (char *arg = body + sizeof(timeout); arg < body + size && count < MAX_ARGS;
         arg += strlen(arg) + 1)
        argv[count++] = arg;
    argv[count] = NULL;

    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
        abort();
    *job = (struct job){.used = true, .id = id, .in = in[1], .out = out[0], .err = err[0]};
    job->deadline = timeout ? now_ms() + timeout : 0;
    job->pid = fork();
    if (job->pid == 0)
        child(argv, in[0], out[1], err[1]);
    close(in[0]);
    close(out[1]);
    close(err[1]);
    fcntl(job->in, F_SETFL, O_NONBLOCK);
    fcntl(job->out, F_SETFL, O_NONBLOCK);
    fcntl(job->err, F_SETFL, O_NONBLOCK);
}

static void end_job(struct job *job)
{
    close_fd(&job->in);
    close_fd(&job->out);
    close_fd(&job->err);
    buffer_free(&job->input);
    job->used = false;
}

static void kill_job(struct job *job)
{
    if (kill(-job->pid, SIGKILL))
        kill(job->pid, SIGKILL);
}

static void reap(struct job *job)
{
    int status;

    if (job->deadline && now_ms() >= job->deadline) {
        job->flags |= VEXEC_TIMED_OUT;
        job->deadline = 0;
        kill_job(job);
    }
    if (buffer_size(&outgoing) >= HIGH_WATER)
        return; /* its last output has to fit first */
    if (job->pid < 0)
        status = 126 << 8;
    else if (waitpid(job->pid, &status, WNOHANG) != job->pid)
        return;
    drain(job, &job->out, VEXEC_OUT);
    drain(job, &job->err, VEXEC_ERR);
    send_exit(job->id,
              WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status) : 128u + (uint32_t)WTERMSIG(status),
              job->flags);
    end_job(job);
}

static void handle(const struct vexec_frame *frame, char *body)
{
    struct job *job = find_job(frame->id);

    switch (frame->type) {
    case VEXEC_RUN:
        run(frame->id, body, frame->size);
        break;
    case VEXEC_IN:
        if (!job || job->stdin_ends)
            break;
        buffer_put(&job->input, body, frame->size);
        job->stdin_ends = !frame->size;
        feed(job);
        break;
    case VEXEC_KILL:
        if (job)
            kill_job(job);
        break;
    }
}

/* Handle every whole frame received; bytes that are no frame (a cut-off client) are skipped. */
static void take_frames(void)
{
    struct vexec_frame frame;

    while (buffer_size(&incoming) >= sizeof(frame)) {
        char *at = incoming.data + incoming.start;

        memcpy(&frame, at, sizeof(frame));
        if (frame.magic != VEXEC_MAGIC || frame.size > VEXEC_MAX_BODY) {
            incoming.start++;
            continue;
        }
        if (buffer_size(&incoming) < sizeof(frame) + frame.size)
            return;
        incoming.start += sizeof(frame) + frame.size;
        handle(&frame, at + sizeof(frame));
    }
}

static bool move_link(struct link *link, bool read_too)
{
    char buf[16384];
    ssize_t moved;

    while (buffer_size(&outgoing)) {
        moved = link_write(link, outgoing.data + outgoing.start, buffer_size(&outgoing));
        if (moved < 0)
            return false;
        if (moved == 0)
            break;
        outgoing.start += (size_t)moved;
    }
    while (read_too) {
        moved = link_read(link, buf, sizeof(buf));
        if (moved < 0)
            return false;
        if (moved == 0)
            break;
        buffer_put(&incoming, buf, (size_t)moved);
        take_frames();
    }
    return true;
}

static size_t add_poll(struct pollfd *set, size_t count, int fd, short events)
{
    if (fd < 0)
        return count;
    set[count] = (struct pollfd){.fd = fd, .events = events};
    return count + 1;
}

void serve(struct link *link)
{
    struct pollfd set[1 + 3 * MAX_JOBS];
    bool open;

    signal(SIGPIPE, SIG_IGN);
    /* The event that told of the client may have told of its first bytes, too: look before waiting. */
    open = move_link(link, true);
    while (open) {
        size_t count = 0, queued = 0;
        bool busy = false, room = buffer_size(&outgoing) < HIGH_WATER;

        for (size_t i = 0; i < MAX_JOBS; i++)
            queued += jobs[i].used ? buffer_size(&jobs[i].input) : 0;
        count = add_poll(set, 0, link->fd,
                         (short)(POLLIN | (!link->vchan && buffer_size(&outgoing) ? POLLOUT : 0)));
        for (size_t i = 0; i < MAX_JOBS; i++) {
            struct job *job = &jobs[i];

            if (!job->used)
                continue;
            busy = true;
            if (room) {
                count = add_poll(set, count, job->out, POLLIN);
                count = add_poll(set, count, job->err, POLLIN);
            }
            if (buffer_size(&job->input))
                count = add_poll(set, count, job->in, POLLOUT);
        }
        if (poll(set, count, busy ? EXIT_LOOK_MS : -1) < 0 && errno != EINTR)
            abort();
        if (set[0].revents & POLLIN)
            open = link_event(link);
        else if (set[0].revents & (POLLHUP | POLLERR))
            poll(NULL, 0, 200); /* a virtio port nobody has opened on the other side */
        for (size_t i = 0; i < MAX_JOBS; i++) {
            if (!jobs[i].used)
                continue;
            feed(&jobs[i]);
            drain(&jobs[i], &jobs[i].out, VEXEC_OUT);
            drain(&jobs[i], &jobs[i].err, VEXEC_ERR);
            reap(&jobs[i]);
        }
        if (open)
            open = move_link(link, queued < HIGH_WATER);
    }
    for (size_t i = 0; i < MAX_JOBS; i++) {
        if (!jobs[i].used)
            continue;
        kill_job(&jobs[i]);
        if (jobs[i].pid > 0)
            waitpid(jobs[i].pid, NULL, 0);
        end_job(&jobs[i]);
    }
    buffer_free(&incoming);
    buffer_free(&outgoing);
}
