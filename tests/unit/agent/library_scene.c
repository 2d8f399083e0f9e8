/* SPDX-License-Identifier: MIT */
#include "library_scene.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake_image.h"
#include "fake_system.h"
#include "base/say.h"
#include "libcloister/world.h"

char folder[64];
struct agent agent;
struct fake_host host;
struct cloister_options options = {.size = sizeof(options)};
struct cloister_error error;
struct cloister_enclave *subject;
bool no_monitor;
_Atomic bool stuck;

static pthread_t runner;
static int stop_event;

/* Takes the place of world.c: an enclave that gives back what it gets, in the window of `subject`. */
int64_t world_call(enum cloister_call call, const uint64_t handle[2], uint64_t thread,
                   uint64_t arg0, uint64_t arg1, struct world_values *values)
{
    struct cloister_call_frame *frame;

    (void)arg1;
    if (no_monitor)
        return -ENOSYS;
    if (handle[0] >> 32 != 0x11111111)
        return -ENOENT;
    values->value0 = values->value1 = 0;
    if (call == CLOISTER_CALL_STATUS)
        return 0;
    REQUIRE(subject && thread < subject->details.thread_count);
    while (stuck)
        usleep(1000);
    frame = (void *)(subject->window + arg0);
    memcpy((uint8_t *)frame + frame->out_offset, (uint8_t *)frame + frame->in_offset,
           frame->in_size);
    frame->out_size = frame->in_size;
    return CLOISTER_EXIT_RETURN;
}

static void *serve(void *context)
{
    (void)context;
    agent_run(&agent, stop_event);
    return NULL;
}

void agent_begins(bool fresh_host)
{
    struct transport transport;
    struct fake_host keep;

    memcpy(&keep, &host, offsetof(struct fake_host, in));
    fake_host_start(&host, &transport);
    if (!fresh_host)
        memcpy(&host, &keep, offsetof(struct fake_host, in));
    memset(&agent, 0, sizeof(agent));
    config_defaults(&agent.config);
    snprintf(agent.config.socket, sizeof(agent.config.socket), "%s/run/agent.sock", folder);
    snprintf(agent.config.state, sizeof(agent.config.state), "%s/state", folder);
    agent.config.max_connections = 24;
    agent.config.requests_per_second = 1000;
    options.agent_socket = agent.config.socket;
    options.timeout = 10;
    REQUIRE(!agent_start(&agent, &transport));
    stop_event = eventfd(0, EFD_CLOEXEC);
    REQUIRE(!pthread_create(&runner, NULL, serve, NULL));
}

void agent_ends(void)
{
    uint64_t one = 1;

    REQUIRE(write(stop_event, &one, sizeof(one)) == sizeof(one));
    pthread_join(runner, NULL);
    agent_stop(&agent);
    close(stop_event);
    REQUIRE(fake_system.granted == 0);
}

void settle(void)
{
    struct cloister_agent_status status;

    do
        REQUIRE(!cloister_agent_status(options.agent_socket, &status, &error));
    while (status.link != 2 || status.applications != 1);
}

bool has_open_files(unsigned int wanted)
{
    for (unsigned int round = 0; round < 200; round++) {
        unsigned int count = 0;

        for (int i = 0; i < 256; i++)
            count += fcntl(i, F_GETFD) >= 0;
        if (count == wanted)
            return true;
        usleep(10000);
    }
    return false;
}

unsigned int open_files(void)
{
    unsigned int count = 0;

    usleep(50000);
    for (int i = 0; i < 256; i++)
        count += fcntl(i, F_GETFD) >= 0;
    return count;
}

void start(void)
{
    say_initialise("test", 0);
    strcpy(folder, "/tmp/cloister-test-XXXXXX");
    REQUIRE(mkdtemp(folder));
    fake_system_start();
    no_monitor = false;
    subject = NULL;
    agent_begins(true);
    settle();
}

void stop(void)
{
    char command[128];

    agent_ends();
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    REQUIRE(!system(command));
}

int image_file(uint32_t pages, uint32_t zeros)
{
    struct fake_image image = fake_image(pages, zeros, 2, 4);
    char path[128];
    int file;

    snprintf(path, sizeof(path), "%s/image", folder);
    file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    REQUIRE(file >= 0 && write(file, image.data, image.size) == (ssize_t)image.size);
    free(image.data);
    return file;
}

int create(struct cloister_enclave **enclave)
{
    int file = image_file(40, 10);
    int result = cloister_enclave_create_fd(file, &options, enclave, &error);

    close(file);
    REQUIRE((result == 0) == (*enclave != NULL));
    REQUIRE(!result || (error.code == -result && error.text[0]));
    return result;
}

bool host_has(uint32_t count)
{
    for (unsigned int i = 0; i < 400; i++) {
        if (fake_host_count(&host) == count)
            return true;
        usleep(10000);
    }
    return false;
}

int connect_raw(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int raw = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, options.agent_socket);
    REQUIRE(raw >= 0 && !connect(raw, (struct sockaddr *)&address, sizeof(address)));
    return raw;
}

void send_raw(int raw, const void *packet, size_t size, unsigned int count)
{
    union {
        struct cmsghdr head;
        uint8_t space[CMSG_SPACE(sizeof(int) * 20)];
    } control = {0};
    struct iovec part = {(void *)packet, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    if (count) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(sizeof(int) * count);
        for (unsigned int i = 0; i < count; i++)
            memcpy(CMSG_DATA(&control.head) + i * sizeof(int), &stop_event, sizeof(int));
    }
    REQUIRE(sendmsg(raw, &message, MSG_NOSIGNAL) == (ssize_t)size);
}
