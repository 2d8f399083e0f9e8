/* SPDX-License-Identifier: MIT */
#include "control/control.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proof/attestation.h"
#include "control/commands.h"
#include "proof/helper.h"
#include "log/logstate.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/say.h"
#include "log/stream.h"
#include "log/tracer.h"
#include "monitor/views.h"

#define MAX_CLIENTS 32u
#define MAX_REQUEST (16u * 1024u) /* 15 reports */
#define STREAM_BUFFER (LOG_MAX_LINE + 4096u)

struct client {
    struct loop_watch watch;
    bool gone;
    char request[MAX_REQUEST];
    size_t request_size;
    char *answer; /* being written */
    size_t answer_size, answer_sent;
    bool waiting; /* for an answer that comes later */
    bool streaming, follow;
    struct stream stream;
    struct client *next;
};

static struct client *clients;
static unsigned int client_count;
static const struct config *config_;

static void client_ready(struct loop_watch *watch, uint32_t events);

static void close_client(struct client *client)
{
    if (client->gone)
        return;
    loop_remove(&client->watch);
    close(client->watch.fd);
    if (client->streaming)
        stream_close(&client->stream);
    if (client->waiting)
        helper_forget(client);
    free(client->answer);
    client->gone = true;
}

/* Those that have gone are freed only here, when nobody holds them. */
static bool reap(uint64_t now)
{
    (void)now;
    for (struct client **link = &clients; *link;) {
        struct client *client = *link;

        if (!client->gone) {
            link = &client->next;
            continue;
        }
        *link = client->next;
        client_count--;
        free(client);
    }
    return false;
}

static void queue_answer(struct client *client, json_object *answer)
{
    const char *text = json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN);
    size_t size = strlen(text);

    client->answer = malloc(size + 1);
    if (!client->answer) {
        close_client(client);
    } else {
        memcpy(client->answer, text, size);
        client->answer[size] = '\n';
        client->answer_size = size + 1;
        client->answer_sent = 0;
    }
    json_object_put(answer);
}

static struct stream_end log_end(void)
{
    struct tracer_status status;

    tracer_status(&status);
    return (struct stream_end){.number = status.file, .size = status.file_size};
}

static json_object *start_trace(struct client *client, json_object *request)
{
    json_object *member;
    uint64_t lines = 0;

    if (json_object_object_get_ex(request, "lines", &member) &&
        !json_unsigned(member, 0, UINT64_MAX, &lines))
        return view_refusal(-EINVAL, "lines is not a number");
    client->follow = json_member_true(request, "follow");
    int rc = stream_open(&client->stream, config_->log_directory, lines, log_end());
    if (rc)
        return view_refusal(rc, "the trace log cannot be read");
    client->streaming = true;
    json_object *answer = json_object_new_object();
    json_object_object_add(answer, "ok", json_object_new_boolean(true));
    return answer;
}

static void serve(struct client *client);

static void answer_late(void *context, json_object *answer)
{
    struct client *client = context;

    client->waiting = false;
    queue_answer(client, answer);
    if (!client->gone)
        serve(client);
}

/* NULL: it comes later. */
static json_object *answer_request(struct client *client, const char *text, size_t size)
{
    static const char wanted[] = "a request is a JSON object with a command";
    json_object *request, *answer;
    char why[200], message[300];

    if (json_read(text, size, &request, why, sizeof(why))) {
        snprintf(message, sizeof(message), "%s: %s", wanted, why);
        return view_refusal(-EINVAL, message);
    }
    const char *command = json_member_text(request, "command");
    if (!command)
        answer = view_refusal(-EINVAL, wanted);
    else if (!strcmp(command, "trace"))
        answer = start_trace(client, request);
    else if (attestation_serves(command))
        answer = attestation_answer(command, request, answer_late, client);
    else
        answer = commands_answer(command, request);
    json_object_put(request);
    return answer;
}

/* The next piece of a stream becomes the answer. False: there is none now. */
static bool next_piece(struct client *client)
{
    if (!client->streaming)
        return false;
    client->answer = malloc(STREAM_BUFFER);
    int size = client->answer
                   ? stream_read(&client->stream, client->answer, STREAM_BUFFER, log_end())
                   : -ENOMEM;
    if (size <= 0) {
        free(client->answer);
        client->answer = NULL;
        if (size < 0 || !client->follow)
            close_client(client);
        return false;
    }
    client->answer_size = (size_t)size;
    client->answer_sent = 0;
    return true;
}

/* Takes the next whole line of the client's as a request. False: there is none yet. */
static bool next_request(struct client *client)
{
    if (client->waiting)
        return false;
    char *end = memchr(client->request, '\n', client->request_size);
    if (!end || client->streaming) {
        if (client->request_size == sizeof(client->request))
            close_client(client);
        return false;
    }
    size_t size = (size_t)(end + 1 - client->request);
    json_object *answer = answer_request(client, client->request, size - 1);
    client->waiting = !answer;
    if (answer)
        queue_answer(client, answer);
    if (client->gone)
        return false;
    memmove(client->request, client->request + size, client->request_size - size);
    client->request_size -= size;
    return true;
}

/* True: there is room for more to be written. */
static bool write_answer(struct client *client)
{
    while (client->answer_sent < client->answer_size) {
        ssize_t size = send(client->watch.fd, client->answer + client->answer_sent,
                            client->answer_size - client->answer_sent, MSG_NOSIGNAL);

        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && errno != EAGAIN)
            close_client(client);
        if (size < 0)
            return false;
        client->answer_sent += (size_t)size;
    }
    free(client->answer);
    client->answer = NULL;
    client->answer_size = client->answer_sent = 0;
    return true;
}

static void serve(struct client *client)
{
    /* A few pieces at a time: a long log must not keep the agents waiting. */
    for (int piece = 0; piece < 4 && !client->gone; piece++) {
        if (client->answer && !write_answer(client))
            break;
        if (!next_piece(client) && (client->gone || !next_request(client)))
            break;
    }
    if (!client->gone)
        loop_change(&client->watch, client->answer ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void client_ready(struct loop_watch *watch, uint32_t events)
{
    struct client *client = (struct client *)((char *)watch - offsetof(struct client, watch));

    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        size_t room = sizeof(client->request) - client->request_size;
        ssize_t size = room ? recv(watch->fd, client->request + client->request_size, room, 0) : 0;

        if (size > 0)
            client->request_size += (size_t)size;
        else if (size == 0 || (errno != EAGAIN && errno != EINTR))
            close_client(client);
    }
    if (!client->gone)
        serve(client);
}

static void accept_client(struct loop_watch *watch, uint32_t events)
{
    int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct ucred peer;
    socklen_t size = sizeof(peer);

    (void)events;
    if (fd < 0)
        return;
    /* The socket's mode says so already; this holds whatever becomes of the mode. */
    bool root = !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) && peer.uid == 0;
    struct client *client = root && client_count < MAX_CLIENTS ? calloc(1, sizeof(*client)) : NULL;
    if (!client) {
        close(fd);
        return;
    }
    client->watch = (struct loop_watch){.fd = fd, .ready = client_ready};
    if (loop_add(&client->watch, EPOLLIN)) {
        close(fd);
        free(client);
        return;
    }
    client->next = clients;
    clients = client;
    client_count++;
}

static struct loop_watch listener = {.fd = -1, .ready = accept_client};

static void log_ready(struct loop_watch *watch, uint32_t events)
{
    uint64_t value;

    (void)events;
    if (read(watch->fd, &value, sizeof(value)) != sizeof(value))
        return;
    for (struct client *client = clients; client; client = client->next) {
        if (client->streaming && !client->gone && !client->answer)
            serve(client);
    }
}

static struct loop_watch log_watch = {.ready = log_ready};

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener.fd < 0)
        return -errno;
    (void)unlink(path); /* the log's lock says that no other daemon runs */
    mode_t mask = umask(0177);
    int rc = bind(listener.fd, (const struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
    umask(mask);
    if (!rc && listen(listener.fd, 16))
        rc = -errno;
    return rc;
}

static void make_directory(const char *path)
{
    char directory[CONFIG_TEXT];

    snprintf(directory, sizeof(directory), "%s", path);
    char *slash = strrchr(directory, '/');
    if (slash && slash != directory) {
        *slash = 0;
        (void)mkdir(directory, 0755);
    }
}

int control_initialise(const struct config *config, struct hypercalls *monitor, char *why,
                       size_t why_size)
{
    config_ = config;
    commands_initialise(config, monitor);
    make_directory(config->socket);
    int rc = listen_at(config->socket);
    if (!rc)
        rc = loop_add(&listener, EPOLLIN);
    log_watch.fd = tracer_descriptor();
    if (!rc)
        rc = loop_add(&log_watch, EPOLLIN);
    if (rc)
        snprintf(why, why_size, "cannot listen at %s: %s", config->socket, strerror(-rc));
    loop_on_round(reap);
    return rc;
}

void control_finalise(void)
{
    for (struct client *client = clients; client; client = client->next)
        close_client(client);
    reap(0);
    loop_remove(&listener);
    loop_remove(&log_watch);
    close(listener.fd);
    (void)unlink(config_->socket);
}
