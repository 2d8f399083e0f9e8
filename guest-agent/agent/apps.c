/* SPDX-License-Identifier: MIT */
#include "agent/apps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/say.h"

/* More than any request carries, so that too many are seen as such and not cut off. */
#define MAX_DESCRIPTORS 8u

struct app {
    int socket;
    struct owner owner;
    bool busy;       /* a request has no answer yet */
    uint32_t number; /* of that request */
    bool broken;     /* close it in the next sweep */
};

struct apps {
    const struct config *config;
    struct enclaves *enclaves;
    struct apps_services services;
    int listener;
    uint64_t next_serial;
    uint64_t served;
    unsigned int count;
    struct app *list[APPS_MAX];
};

static int listen_at(const struct config *config)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char folder[sizeof(address.sun_path)];
    int listener, error = 0;
    char *slash;

    memcpy(address.sun_path, config->socket, sizeof(address.sun_path));
    strcpy(folder, config->socket);
    slash = strrchr(folder, '/');
    if (slash != folder) {
        *slash = '\0';
        /* Whatever the umask is: users must find the socket. */
        if (mkdir(folder, 0755) ? errno != EEXIST : chmod(folder, 0755))
            return -errno;
    }
    listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0)
        return -errno;
    /* Another agent that lives would lose its socket: ask first. */
    if (!connect(listener, (struct sockaddr *)&address, sizeof(address))) {
        close(listener);
        return -EADDRINUSE;
    }
    unlink(config->socket);
    /* Made with no permission at all, then given to whom it is for, then opened. */
    mode_t old = umask(0777);
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)))
        error = -errno;
    umask(old);
    if (!error && ((config->group && chown(config->socket, 0, config->group)) ||
                   chmod(config->socket, config->mode) || listen(listener, 64)))
        error = -errno;
    if (error) {
        close(listener);
        return error;
    }
    return listener;
}

int apps_new(const struct config *config, struct enclaves *enclaves,
             const struct apps_services *services, struct apps **apps)
{
    struct apps *new = calloc(1, sizeof(*new));

    if (!new)
        return -ENOMEM;
    new->config = config;
    new->enclaves = enclaves;
    new->services = *services;
    new->next_serial = 1;
    new->listener = listen_at(config);
    if (new->listener < 0) {
        int error = new->listener;

        free(new);
        return error;
    }
    *apps = new;
    return 0;
}

void apps_free(struct apps *apps)
{
    if (!apps)
        return;
    for (unsigned int i = 0; i < apps->count; i++) {
        close(apps->list[i]->socket);
        free(apps->list[i]);
    }
    close(apps->listener);
    unlink(apps->config->socket);
    free(apps);
}

unsigned int apps_count(const struct apps *apps)
{
    return apps->count;
}

uint64_t apps_served(const struct apps *apps)
{
    return apps->served;
}

int apps_connect(struct apps *apps, int descriptor)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    struct app *app = NULL;
    unsigned int of_user = 0;
    int error = 0;

    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) || size != sizeof(peer)) {
        error = -EPERM;
    } else {
        for (unsigned int i = 0; i < apps->count; i++)
            of_user += apps->list[i]->owner.uid == peer.uid;
        if (apps->count == APPS_MAX || of_user >= apps->config->max_connections)
            error = -EUSERS;
        else if (!(app = calloc(1, sizeof(*app))))
            error = -ENOMEM;
    }
    if (error) {
        close(descriptor);
        return error;
    }
    app->socket = descriptor;
    app->owner.app = apps->next_serial++;
    app->owner.uid = peer.uid;
    /* Where it fails (the process is gone, or out of sight) nothing can be adopted later. */
    if (process_find(peer.pid, &app->owner.process))
        app->owner.process = (struct process){0};
    apps->list[apps->count++] = app;
    say_debug("application %d of user %u connected", (int)peer.pid, peer.uid);
    return 0;
}

static void accept_one(struct apps *apps)
{
    int descriptor = accept4(apps->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int error;

    if (descriptor < 0)
        return;
    error = apps_connect(apps, descriptor);
    if (error)
        say_warning("an application was not let in: %s", strerror(-error));
}

static void send_reply(struct app *app, uint32_t number, const struct app_reply *reply,
                       const void *body, size_t size, int descriptor)
{
    union {
        struct cmsghdr head;
        uint8_t space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct app_message message = {
        .magic = APP_MAGIC,
        .version = APP_VERSION,
        .type = APP_REPLY,
        .number = number,
        .size = (uint32_t)(sizeof(*reply) + size),
    };
    struct iovec parts[] = {
        {&message, sizeof(message)}, {(void *)reply, sizeof(*reply)}, {(void *)body, size}};
    struct msghdr packet = {.msg_iov = parts, .msg_iovlen = size ? 3 : 2};

    if (descriptor >= 0) {
        packet.msg_control = &control;
        packet.msg_controllen = sizeof(control);
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.head), &descriptor, sizeof(int));
    }
    /* One answer to one question: if that does not fit, the application does not read. */
    if (sendmsg(app->socket, &packet, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        app->broken = true;
}

void apps_answer(struct apps *apps, uint64_t serial, uint32_t number, const struct app_reply *reply,
                 const void *body, size_t size, int descriptor)
{
    for (unsigned int i = 0; i < apps->count; i++) {
        struct app *app = apps->list[i];

        if (app->owner.app != serial)
            continue;
        if (app->busy && app->number == number)
            app->busy = false;
        if (!app->broken)
            send_reply(app, number, reply, body, size, descriptor);
        return;
    }
}

/* Serves one request that was checked. Returns 0 if the answer was given or will be. */
static int serve(struct apps *apps, struct app *app, const struct app_request *request,
                 int descriptor, struct app_reply *refusal)
{
    struct image image;
    int error;

    switch (request->type) {
    case APP_LOAD:
        error = image_copy(descriptor, apps->config->max_image, apps->config->low_memory, &image,
                           refusal);
        if (error)
            return error;
        return enclaves_load(apps->enclaves, &app->owner, request->number, &image, refusal);
    case APP_UNLOAD:
        return enclaves_unload(apps->enclaves, &app->owner, request->number, &request->unload,
                               refusal);
    case APP_STATUS:
        error = apps->services.status(apps->services.context, app->owner.app, request->number,
                                      app->owner.uid);
        break;
    case APP_EVIDENCE:
    case APP_COLLECT:
        error = apps->services.relay(apps->services.context, app->owner.app, request);
        break;
    default:
        error = apps->services.list(apps->services.context, app->owner.app, request->number,
                                    app->owner.uid, request->list.start);
        break;
    }
    if (error)
        app_refuse(refusal, error, APP_ORIGIN_AGENT,
                   error == -EHOSTDOWN ? "the host daemon (cloisterd) is not connected"
                                       : "the agent cannot ask the host: %s",
                   strerror(-error));
    return error;
}

static const char *complaint(int error)
{
    switch (error) {
    case -EBADMSG:
        return "this is no message of the agent's protocol";
    case -EPROTONOSUPPORT:
        return "another version of the agent's protocol: libcloister and cloister-agent must match";
    case -ENOSYS:
        return "the agent does not know this request";
    case -EMSGSIZE:
        return "a message of the wrong size";
    case -EALREADY:
        return "the request before has no answer yet";
    default:
        return "a reserved field is set, or there are too many or too few descriptors";
    }
}

static void handle_packet(struct apps *apps, struct app *app, const void *packet, size_t size,
                          const int *descriptors, unsigned int descriptor_count, bool cut)
{
    struct app_request request;
    struct app_reply refusal;
    int error = app_decode(packet, size, descriptor_count, &request);

    if (!error && cut)
        error = -EMSGSIZE;
    if (!error && app->busy)
        error = -EALREADY;
    if (error) {
        app_refuse(&refusal, error, APP_ORIGIN_AGENT, "%s", complaint(error));
        send_reply(app, request.number, &refusal, NULL, 0, -1);
        app->broken = true;
        return;
    }

    apps->served++;
    app->busy = true;
    app->number = request.number;
    error = serve(apps, app, &request, descriptor_count ? descriptors[0] : -1, &refusal);
    if (error) {
        app->busy = false;
        send_reply(app, request.number, &refusal, NULL, 0, -1);
    }
}

/* Collects the descriptors of a packet. All of them must be closed, whatever the packet says. */
static unsigned int take_descriptors(struct msghdr *message, int *descriptors)
{
    unsigned int count = 0;

    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
        size_t size;

        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        size = head->cmsg_len - CMSG_LEN(0);
        for (size_t at = 0; at + sizeof(int) <= size && count < MAX_DESCRIPTORS; at += sizeof(int))
            memcpy(&descriptors[count++], CMSG_DATA(head) + at, sizeof(int));
    }
    return count;
}

static void receive(struct apps *apps, struct app *app)
{
    union {
        struct cmsghdr head;
        uint8_t space[CMSG_SPACE(sizeof(int) * MAX_DESCRIPTORS)];
    } control;
    uint8_t packet[APP_MAX_PACKET];
    struct iovec part = {packet, sizeof(packet)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    int descriptors[MAX_DESCRIPTORS];
    ssize_t size = recvmsg(app->socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    unsigned int count;

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size < 0) {
        app->broken = true;
        return;
    }
    count = take_descriptors(&message, descriptors);
    if (size == 0)
        app->broken = true; /* the other side has closed */
    else
        handle_packet(apps, app, packet, (size_t)size, descriptors, count,
                      message.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
    for (unsigned int i = 0; i < count; i++)
        close(descriptors[i]);
}

unsigned int apps_poll(const struct apps *apps, struct pollfd *events)
{
    events[0] =
        (struct pollfd){.fd = apps->count < APPS_MAX ? apps->listener : -1, .events = POLLIN};
    for (unsigned int i = 0; i < apps->count; i++)
        events[i + 1] = (struct pollfd){.fd = apps->list[i]->socket, .events = POLLIN};
    return apps->count + 1;
}

void apps_handle(struct apps *apps, const struct pollfd *events, unsigned int count)
{
    /* New ones are appended behind those that were polled. */
    for (unsigned int i = 1; i < count && i <= apps->count; i++)
        if (events[i].revents && !apps->list[i - 1]->broken)
            receive(apps, apps->list[i - 1]);
    if (count && events[0].revents)
        accept_one(apps);
}

unsigned int apps_sweep(struct apps *apps)
{
    unsigned int closed = 0;

    for (unsigned int i = 0; i < apps->count;) {
        struct app *app = apps->list[i];

        if (!app->broken) {
            i++;
            continue;
        }
        apps->list[i] = apps->list[--apps->count];
        enclaves_owner_gone(apps->enclaves, app->owner.app);
        say_debug("application %d disconnected", (int)app->owner.process.pid);
        close(app->socket);
        free(app);
        closed++;
    }
    return closed;
}
