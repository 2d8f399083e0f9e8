/* SPDX-License-Identifier: MIT */
#include "agent/apps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/account.h"
#include "base/say.h"
#include "agent/users.h"

/* More than any request carries, so that too many are seen as such and not cut off. */
#define MAX_DESCRIPTORS 8u
#define ACCEPTED_AT_ONCE 16u
#define COMPLAIN_EVERY 60000u /* ms: who is turned away often is no reason for a long log */

/* A packet's ancillary data: who sent it, and descriptors. */
union control {
    struct cmsghdr head;
    uint8_t space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int) * MAX_DESCRIPTORS)];
};
#define CONTROL_DESCRIPTORS (sizeof(union control) / sizeof(int))

struct packet {
    uint8_t data[APP_MAX_PACKET];
    size_t size;
    struct ucred sender; /* pid 0: the kernel has not said it */
    int descriptors[CONTROL_DESCRIPTORS];
    unsigned int descriptor_count;
    bool cut;                 /* the data, or more descriptors than a request may have */
    bool lacking_descriptors; /* ours ran out, or something in the kernel forbids these */
};

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
    uint64_t now;
    uint64_t resting_until;
    uint64_t complained; /* when; 0: never */
    unsigned int room;   /* for so many connections descriptors are there */
    unsigned int count;
    struct users users;
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

/* For how many connections the descriptors suffice. */
static unsigned int find_room(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 0;
    if (limit.rlim_cur >= APPS_SPARE_DESCRIPTORS + APPS_MAX * APPS_DESCRIPTORS)
        return APPS_MAX;
    if (limit.rlim_cur < APPS_SPARE_DESCRIPTORS + APPS_DESCRIPTORS)
        return 0;
    return (unsigned int)((limit.rlim_cur - APPS_SPARE_DESCRIPTORS) / APPS_DESCRIPTORS);
}

int apps_new(const struct config *config, struct enclaves *enclaves,
             const struct apps_services *services, struct apps **apps)
{
    const unsigned int room = find_room();
    struct apps *new = room ? calloc(1, sizeof(*new)) : NULL;

    if (!new)
        return room ? -ENOMEM : -EMFILE;
    if (room < APPS_MAX)
        say_warning("the limit of open files suffices for %u connections, not %u (LimitNOFILE of "
                    "the unit, ulimit -n)",
                    room, APPS_MAX);
    new->room = room;
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

/* May a user have one more? Nobody gets more of the last places than he leaves to others. */
static bool has_place(const struct apps *apps, const struct owner *owner)
{
    const unsigned int room =
        apps->room - (owner->uid && apps->room > APPS_FOR_ROOT ? APPS_FOR_ROOT : 0);
    unsigned int of_user = 0;

    for (unsigned int i = 0; i < apps->count; i++)
        of_user += apps->list[i]->owner.account == owner->account;
    return apps->count < room && of_user < apps->config->max_connections &&
           of_user < room - apps->count;
}

/* Only now and then: it is for a person, and says what happens, not how often. */
static bool may_complain(struct apps *apps)
{
    if (apps->complained && apps->now < apps->complained + COMPLAIN_EVERY)
        return false;
    apps->complained = apps->now ? apps->now : 1;
    return true;
}

int apps_connect(struct apps *apps, int descriptor)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    struct app *app = NULL;
    struct owner owner = {0};
    const int yes = 1;
    int error = 0;

    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) || size != sizeof(peer) ||
        setsockopt(descriptor, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes))) {
        error = -EPERM;
    } else {
        owner.uid = peer.uid;
        owner.account = account_of(peer.uid);
        if (!has_place(apps, &owner))
            error = -EUSERS;
        else if (!(app = calloc(1, sizeof(*app))))
            error = -ENOMEM;
    }
    if (error) {
        close(descriptor);
        return error;
    }
    app->socket = descriptor;
    app->owner = owner;
    app->owner.app = apps->next_serial++;
    /* Where it fails (the process is gone, or out of sight) nothing can be adopted later. */
    if (process_find(peer.pid, &app->owner.process))
        app->owner.process = (struct process){0};
    apps->list[apps->count++] = app;
    say_debug("application %d of user %u connected", (int)peer.pid, peer.uid);
    return 0;
}

/* False: nobody waits at the listener, or nobody can be taken. */
static bool accept_one(struct apps *apps)
{
    int descriptor = accept4(apps->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int error = errno;

    if (descriptor < 0 &&
        (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM)) {
        /* It stays readable: without a rest this would be all that we do. */
        apps->resting_until = apps->now + APPS_REST;
        if (may_complain(apps))
            say_warning("no application can be let in for a moment: %s", strerror(error));
    }
    if (descriptor < 0)
        return error == EINTR || error == ECONNABORTED;
    error = apps_connect(apps, descriptor);
    if (error && may_complain(apps))
        say_warning("an application was not let in: %s (max_connections in agent.conf; %u are "
                    "connected, and there is room for %u)",
                    strerror(-error), apps->count, apps->room);
    return true;
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

/* The header is checked first, then the limits; only then what has a size is read. */
static int load(struct apps *apps, const struct owner *from, const struct app_request *request,
                int descriptor, struct app_reply *refusal)
{
    struct image image;
    int error = image_open(descriptor, apps->config->max_image, &image, refusal);

    if (error)
        return error;
    error = enclaves_admit(apps->enclaves, from, &image.header->launch, refusal);
    if (!error)
        error = image_take_records(&image, apps->config->low_memory, refusal);
    if (!error)
        return enclaves_load(apps->enclaves, from, request->number, &image, refusal);
    image_close(&image);
    return error;
}

/* Serves one request that was checked. Returns 0 if the answer was given or will be. */
static int serve(struct apps *apps, const struct owner *from, const struct app_request *request,
                 int descriptor, struct app_reply *refusal)
{
    int error;

    switch (request->type) {
    case APP_LOAD:
        return load(apps, from, request, descriptor, refusal);
    case APP_UNLOAD:
        return enclaves_unload(apps->enclaves, from, request->number, &request->unload, refusal);
    case APP_STATUS:
        error = apps->services.status(apps->services.context, from, request->number);
        break;
    case APP_EVIDENCE:
    case APP_COLLECT:
        error = apps->services.relay(apps->services.context, from, request);
        break;
    default:
        error =
            apps->services.list(apps->services.context, from, request->number, request->list.start);
        break;
    }
    if (error)
        app_refuse(refusal, error, APP_ORIGIN_AGENT,
                   error == -EHOSTDOWN ? "the host daemon (cloisterd) is not connected"
                   : error == -ENOBUFS ? "too many requests wait for the host: try again"
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

/* Who has sent it: a connection may be in other hands than those that made it. */
static struct owner asker_of(const struct app *app, const struct packet *packet)
{
    struct owner asker = app->owner;

    /* What came before the kernel was told to say it is from whoever has connected. */
    if (packet->sender.pid <= 0)
        return asker;
    asker.uid = packet->sender.uid;
    asker.account = account_of(asker.uid);
    if (packet->sender.pid != asker.process.pid && process_find(packet->sender.pid, &asker.process))
        asker.process = (struct process){0};
    return asker;
}

/* What may be repeated: an answer, and the connection stays. 0: there is nothing of the kind. */
static int not_now(struct apps *apps, const struct owner *from, const struct packet *packet,
                   struct app_reply *refusal)
{
    uint64_t wait;

    if (packet->lacking_descriptors) {
        app_refuse(refusal, -EMFILE, APP_ORIGIN_AGENT,
                   "the agent could not take the image's descriptor: try again in a moment");
        return -EMFILE;
    }
    wait = users_ask(&apps->users, from->account, apps->now, apps->config->requests_per_second);
    if (!wait)
        return 0;
    app_refuse(refusal, -EAGAIN, APP_ORIGIN_AGENT,
               "user %u asks too often: try again in %" PRIu64
               " ms (requests_per_second in agent.conf)",
               from->account, wait);
    refusal->allowed = apps->config->requests_per_second;
    return -EAGAIN;
}

static void handle_packet(struct apps *apps, struct app *app, const struct packet *packet)
{
    const struct owner from = asker_of(app, packet);
    struct app_request request;
    struct app_reply refusal;
    int error = app_decode(packet->data, packet->size, packet->descriptor_count, &request);

    /* That a descriptor is missing is no fault of the packet's then. */
    if (error == -EINVAL && packet->lacking_descriptors)
        error = 0;
    if (!error && packet->cut)
        error = -EMSGSIZE;
    if (!error && app->busy)
        error = -EALREADY;
    if (error) {
        app_refuse(&refusal, error, APP_ORIGIN_AGENT, "%s", complaint(error));
        send_reply(app, request.number, &refusal, NULL, 0, -1);
        app->broken = true;
        return;
    }

    error = not_now(apps, &from, packet, &refusal);
    if (!error) {
        apps->served++;
        app->busy = true;
        app->number = request.number;
        error = serve(apps, &from, &request, packet->descriptor_count ? packet->descriptors[0] : -1,
                      &refusal);
    }
    if (error) {
        app->busy = false;
        send_reply(app, request.number, &refusal, NULL, 0, -1);
    }
}

/* Collects sender and descriptors. All of these must be closed, whatever the packet says. */
static void take_control(struct msghdr *message, struct packet *packet)
{
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
        const size_t size = head->cmsg_len - CMSG_LEN(0);

        if (head->cmsg_level != SOL_SOCKET)
            continue;
        if (head->cmsg_type == SCM_CREDENTIALS && size == sizeof(packet->sender))
            memcpy(&packet->sender, CMSG_DATA(head), sizeof(packet->sender));
        if (head->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = 0;
             at + sizeof(int) <= size && packet->descriptor_count < CONTROL_DESCRIPTORS;
             at += sizeof(int))
            memcpy(&packet->descriptors[packet->descriptor_count++], CMSG_DATA(head) + at,
                   sizeof(int));
    }
    packet->cut = message->msg_flags & MSG_TRUNC;
    if (message->msg_flags & MSG_CTRUNC) {
        if (packet->descriptor_count < MAX_DESCRIPTORS)
            packet->lacking_descriptors = true;
        else
            packet->cut = true;
    }
}

static void receive(struct apps *apps, struct app *app)
{
    union control control;
    struct packet packet;
    struct iovec part = {packet.data, sizeof(packet.data)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t size = recvmsg(app->socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size < 0) {
        app->broken = true;
        return;
    }
    packet.size = (size_t)size;
    packet.sender = (struct ucred){0};
    packet.descriptor_count = 0;
    packet.lacking_descriptors = false;
    take_control(&message, &packet);
    if (size == 0)
        app->broken = true; /* the other side has closed */
    else
        handle_packet(apps, app, &packet);
    for (unsigned int i = 0; i < packet.descriptor_count; i++)
        close(packet.descriptors[i]);
}

unsigned int apps_poll(const struct apps *apps, struct pollfd *events, uint64_t now)
{
    const bool rests = now < apps->resting_until;

    events[0] = (struct pollfd){.fd = rests ? -1 : apps->listener, .events = POLLIN};
    for (unsigned int i = 0; i < apps->count; i++)
        events[i + 1] = (struct pollfd){.fd = apps->list[i]->socket, .events = POLLIN};
    return apps->count + 1;
}

void apps_handle(struct apps *apps, const struct pollfd *events, unsigned int count, uint64_t now)
{
    apps->now = now;
    /* New ones are appended behind those that were polled. */
    for (unsigned int i = 1; i < count && i <= apps->count; i++)
        if (events[i].revents && !apps->list[i - 1]->broken)
            receive(apps, apps->list[i - 1]);
    /* Whoever has closed connections and comes again finds their places free. */
    apps_sweep(apps);
    for (unsigned int i = 0; count && events[0].revents && i < ACCEPTED_AT_ONCE; i++)
        if (!accept_one(apps))
            break;
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
        apps->services.gone(apps->services.context, app->owner.app);
        say_debug("application %d disconnected", (int)app->owner.process.pid);
        close(app->socket);
        free(app);
        closed++;
    }
    return closed;
}
