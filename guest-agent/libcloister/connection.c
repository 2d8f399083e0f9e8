/* SPDX-License-Identifier: MIT */
#include "libcloister/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "libcloister/error.h"

#define DEFAULT_TIMEOUT 120u

int connection_open(struct connection *connection, const char *path, unsigned int timeout,
                    struct cloister_error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    *connection = (struct connection){
        .socket = -1, .next_number = 1, .timeout = timeout ? timeout : DEFAULT_TIMEOUT};
    if (!path)
        path = secure_getenv("CLOISTER_AGENT_SOCKET");
    if (!path)
        path = CLOISTER_AGENT_SOCKET;
    if (strlen(path) >= sizeof(address.sun_path))
        return error_set(error, ENAMETOOLONG, CLOISTER_ORIGIN_LIBRARY,
                         "the path of the agent's socket is too long");
    strcpy(address.sun_path, path);
    connection->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (connection->socket < 0)
        return error_set(error, errno, CLOISTER_ORIGIN_LIBRARY, "socket: %s", strerror(errno));
    /* Where many connect at once, connecting waits for the agent. */
    const struct timeval patience = {.tv_sec = connection->timeout};
    (void)setsockopt(connection->socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(connection->socket, (struct sockaddr *)&address, sizeof(address))) {
        int code = errno == EAGAIN ? ETIMEDOUT : errno;

        connection_close(connection);
        return error_set(error, code, CLOISTER_ORIGIN_LIBRARY, "%.100s: %s%s", path, strerror(code),
                         code == ENOENT || code == ECONNREFUSED
                             ? " (cloister-agent does not run; is this a guest of Cloister?)"
                         : code == EACCES ? " (this user may not use the agent)"
                                          : "");
    }
    return 0;
}

void connection_close(struct connection *connection)
{
    if (connection->socket >= 0)
        close(connection->socket);
    connection->socket = -1;
}

static int send_request(struct connection *connection, enum app_type type, uint32_t number,
                        const void *body, size_t size, int descriptor)
{
    union {
        struct cmsghdr head;
        uint8_t space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct app_message message = {.magic = APP_MAGIC,
                                  .version = APP_VERSION,
                                  .type = (uint16_t)type,
                                  .number = number,
                                  .size = (uint32_t)size};
    struct iovec parts[] = {{&message, sizeof(message)}, {(void *)body, size}};
    struct msghdr packet = {.msg_iov = parts, .msg_iovlen = size ? 2 : 1};

    if (descriptor >= 0) {
        packet.msg_control = &control;
        packet.msg_controllen = sizeof(control);
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.head), &descriptor, sizeof(int));
    }
    while (sendmsg(connection->socket, &packet, MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
    return 0;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int wait_readable(struct connection *connection)
{
    int64_t end = now_ms() + (int64_t)connection->timeout * 1000, left;

    while ((left = end - now_ms()) > 0) {
        struct pollfd event = {.fd = connection->socket, .events = POLLIN};
        int count = poll(&event, 1, left > 60000 ? 60000 : (int)left);

        if (count > 0)
            return 0;
        if (count < 0 && errno != EINTR)
            return -errno;
    }
    return -ETIMEDOUT;
}

/* Receives one packet and at most one descriptor; more than that is closed and refused. */
static int receive(struct connection *connection, struct answer *answer, size_t *size,
                   unsigned int *descriptors)
{
    union {
        struct cmsghdr head;
        uint8_t space[CMSG_SPACE(sizeof(int) * 8)];
    } control;
    struct iovec part = {answer->packet, sizeof(answer->packet)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    int error = wait_readable(connection);
    ssize_t count;

    *descriptors = 0;
    answer->descriptor = -1;
    if (error)
        return error;
    do
        count = recvmsg(connection->socket, &message, MSG_CMSG_CLOEXEC);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = 0; at + sizeof(int) <= head->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
            int descriptor;

            memcpy(&descriptor, CMSG_DATA(head) + at, sizeof(int));
            if ((*descriptors)++ == 0)
                answer->descriptor = descriptor;
            else
                close(descriptor);
        }
    }
    *size = (size_t)count;
    if (count == 0)
        return -ECONNRESET;
    return message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EPROTO : 0;
}

int connection_ask(struct connection *connection, enum app_type type, const void *body,
                   size_t body_size, int descriptor, struct answer *answer,
                   struct cloister_error *error)
{
    uint32_t number = connection->next_number++;
    struct app_reply reply = {0};
    unsigned int descriptors = 0;
    size_t size = 0;
    int code;

    answer->descriptor = -1;
    code = connection->socket < 0
               ? -ECONNRESET
               : send_request(connection, type, number, body, body_size, descriptor);
    if (!code)
        code = receive(connection, answer, &size, &descriptors);
    if (!code && app_decode_reply(answer->packet, size, (uint16_t)type, number, descriptors, &reply,
                                  &answer->body, &answer->size))
        code = -EPROTO;
    if (code || reply.error) {
        if (answer->descriptor >= 0)
            close(answer->descriptor);
        answer->descriptor = -1;
    }
    if (!code)
        return reply.error ? error_reply(error, &reply) : 0;

    connection_close(connection);
    if (code == -EPIPE)
        code = -ECONNRESET;
    return error_set(error, -code, CLOISTER_ORIGIN_LIBRARY,
                     code == -ETIMEDOUT    ? "the agent does not answer"
                     : code == -EPROTO     ? "the agent's answer makes no sense: libcloister and "
                                             "cloister-agent must be of one version"
                     : code == -ECONNRESET ? "the agent has closed the connection"
                                           : "the agent's socket: %s",
                     strerror(-code));
}
