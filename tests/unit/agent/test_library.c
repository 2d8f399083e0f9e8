/* SPDX-License-Identifier: MIT */
/*
 * libcloister and the whole agent over a real socket, in one process: only the host, the drivers
 * and the instruction are made up.
 */
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/agent.h"
#include "libcloister/cloister.h"
#include "libcloister/enclave.h"
#include "fake_host.h"
#include "fake_image.h"
#include "fake_system.h"
#include "base/say.h"
#include "libcloister/world.h"

static char folder[64];
static struct agent agent;
static struct fake_host host;
static pthread_t runner;
static int stop_event;
static struct cloister_options options = {.size = sizeof(options)};
static struct cloister_error error;

/* Takes the place of world.c: an enclave that gives back what it gets, in the window of `subject`.
 */
static struct cloister_enclave *subject;
static bool no_monitor;
static _Atomic bool stuck; /* calls do not return */

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

static void agent_begins(bool fresh_host)
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

static void agent_ends(void)
{
    uint64_t one = 1;

    REQUIRE(write(stop_event, &one, sizeof(one)) == sizeof(one));
    pthread_join(runner, NULL);
    agent_stop(&agent);
    close(stop_event);
    REQUIRE(fake_system.granted == 0);
}

/* Waits until the agent has a link and no connection but the one that asks. */
static void settle(void)
{
    struct cloister_agent_status status;

    do
        REQUIRE(!cloister_agent_status(options.agent_socket, &status, &error));
    while (status.link != 2 || status.applications != 1);
}

/* Waits until the agent has closed what it should. */
static bool has_open_files(unsigned int wanted)
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

static unsigned int open_files(void)
{
    unsigned int count = 0;

    usleep(50000);
    for (int i = 0; i < 256; i++)
        count += fcntl(i, F_GETFD) >= 0;
    return count;
}

static void start(void)
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

static void stop(void)
{
    char command[128];

    agent_ends();
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    REQUIRE(!system(command));
}

static int image_file(uint32_t pages, uint32_t zeros)
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

static int create(struct cloister_enclave **enclave)
{
    int file = image_file(40, 10);
    int result = cloister_enclave_create_fd(file, &options, enclave, &error);

    close(file);
    REQUIRE((result == 0) == (*enclave != NULL));
    REQUIRE(!result || (error.code == -result && error.text[0]));
    return result;
}

/* The agent works in its own thread: waits until the host has so many enclaves. */
static bool host_has(uint32_t count)
{
    for (unsigned int i = 0; i < 400; i++) {
        if (fake_host_count(&host) == count)
            return true;
        usleep(10000);
    }
    return false;
}

START_TEST(creates_calls_terminates)
{
    struct cloister_enclave *enclave;
    struct cloister_details details;
    struct cloister_threads threads;
    char out[32];
    size_t size;

    start();
    ck_assert_int_eq(create(&enclave), 0);
    cloister_enclave_details(enclave, &details);
    ck_assert_uint_eq(details.thread_count, 2);
    ck_assert_uint_eq(details.shared_size, 4 * 4096);
    ck_assert_uint_eq(details.call_capacity, 8192 - 64);
    ck_assert_str_eq(details.name, "fake");
    ck_assert_uint_eq(details.image_version, 4);
    ck_assert_uint_eq(details.measurement[47], 0xab);
    subject = enclave;
    ck_assert_int_eq(cloister_enclave_call(enclave, 3, "hello", 6, out, sizeof(out), &size, &error),
                     0);
    ck_assert_uint_eq(size, 6);
    ck_assert_str_eq(out, "hello");
    ck_assert_int_eq(cloister_enclave_threads(enclave, &threads, &error), 0);
    ck_assert_uint_eq(threads.idle, 2);
    ck_assert_uint_eq(fake_host_count(&host), 1);
    ck_assert_int_eq(cloister_enclave_terminate(enclave, &error), 0);
    /* At once, not some time later. */
    ck_assert_uint_eq(fake_host_count(&host), 0);
    ck_assert_int_eq(cloister_enclave_terminate(NULL, &error), 0);
    stop();
}
END_TEST

START_TEST(loads_from_a_path_and_a_pipe)
{
    struct cloister_enclave *enclave;
    struct fake_image image = fake_image(5, 0, 1, 1);
    char path[128];
    int pipes[2];

    start();
    close(image_file(5, 0));
    snprintf(path, sizeof(path), "%s/image", folder);
    ck_assert_int_eq(cloister_enclave_create(path, &options, &enclave, &error), 0);
    ck_assert_int_eq(cloister_enclave_terminate(enclave, &error), 0);
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(write(pipes[1], image.data, image.size), (ssize_t)image.size);
    close(pipes[1]);
    ck_assert_int_eq(cloister_enclave_create_fd(pipes[0], &options, &enclave, &error), 0);
    close(pipes[0]);
    ck_assert_int_eq(cloister_enclave_terminate(enclave, &error), 0);
    free(image.data);
    stop();
}
END_TEST

START_TEST(refuses_what_is_no_image)
{
    static const char *const paths[] = {"/dev/zero", "/dev/null", "/etc/passwd", "/",
                                        "/no/such/file"};
    struct cloister_enclave *enclave;
    struct cloister_options wrong = {0};
    int file;

    start();
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        ck_assert_int_lt(cloister_enclave_create(paths[i], &options, &enclave, &error), 0);
        ck_assert_ptr_null(enclave);
        ck_assert_uint_ne(strlen(error.text), 0);
    }
    /* The structure is checked by the agent, and its reason comes through. */
    file = image_file(5, 5);
    ck_assert_int_eq(ftruncate(file, 9000), 0);
    ck_assert_int_eq(cloister_enclave_create_fd(file, &options, &enclave, &error), -EINVAL);
    ck_assert_uint_eq(error.origin, CLOISTER_ORIGIN_AGENT);
    ck_assert_uint_eq(error.reason, CLOISTER_REASON_IMAGE_INCOMPLETE);
    close(file);
    ck_assert_int_eq(cloister_enclave_create("/dev/null", &wrong, &enclave, &error), -EINVAL);
    wrong = (struct cloister_options){.size = sizeof(wrong), .flags = 2};
    ck_assert_int_eq(cloister_enclave_create("/dev/null", &wrong, &enclave, &error), -EINVAL);
    ck_assert_uint_eq(host.types[CLOISTER_MSG_CREATE], 0);
    stop();
}
END_TEST

START_TEST(tells_what_the_host_refused)
{
    struct cloister_enclave *enclave;

    start();
    host.refuse_type = CLOISTER_MSG_INIT;
    host.refuse_error = -EACCES;
    host.refuse_reason = CLOISTER_REASON_IMAGE_MEASUREMENT;
    ck_assert_int_eq(create(&enclave), -EACCES);
    ck_assert_uint_eq(error.origin, CLOISTER_ORIGIN_HOST);
    ck_assert_uint_eq(error.reason, CLOISTER_REASON_IMAGE_MEASUREMENT);
    ck_assert_uint_eq(fake_host_count(&host), 0);
    host.refuse_error = 0;
    ck_assert_int_eq(create(&enclave), 0);
    ck_assert_int_eq(cloister_enclave_terminate(enclave, &error), 0);
    stop();
}
END_TEST

START_TEST(notices_a_hypervisor_without_monitor)
{
    struct cloister_enclave *enclave;

    start();
    no_monitor = true;
    ck_assert_int_eq(create(&enclave), -ENOSYS);
    ck_assert(host_has(0));
    stop();
}
END_TEST

START_TEST(says_where_there_is_no_agent)
{
    struct cloister_options elsewhere = {.size = sizeof(elsewhere),
                                         .agent_socket = "/tmp/no-such-socket-here"};
    struct cloister_agent_status status;
    struct cloister_enclave *enclave;
    char longest[200];
    int file;

    start();
    file = image_file(1, 0);
    ck_assert_int_eq(cloister_enclave_create_fd(file, &elsewhere, &enclave, &error), -ENOENT);
    memset(longest, 'x', sizeof(longest) - 1);
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    elsewhere.agent_socket = longest;
    ck_assert_int_eq(cloister_enclave_create_fd(file, &elsewhere, &enclave, &error), -ENAMETOOLONG);
    ck_assert_int_eq(cloister_agent_status("/tmp/no-such-socket-here", &status, &error), -ENOENT);
    close(file);
    stop();
}
END_TEST

static unsigned int listed;
static uint32_t last_listed;

static int count_one(void *context, const struct cloister_list_entry *entry)
{
    unsigned int *limit = context;

    REQUIRE(entry->enclave > last_listed && entry->state == 2);
    last_listed = entry->enclave;
    return ++listed == *limit ? -ECANCELED : 0;
}

START_TEST(lists)
{
    struct cloister_enclave *enclaves[19];
    struct cloister_agent_status status;
    unsigned int limit = 0;

    start();
    agent.config.limits.max_enclaves = 19;
    for (unsigned int i = 0; i < 19; i++)
        ck_assert_int_eq(create(&enclaves[i]), 0);
    listed = last_listed = 0;
    ck_assert_int_eq(cloister_agent_list(options.agent_socket, count_one, &limit, &error), 0);
    ck_assert_uint_eq(listed, 19);
    listed = last_listed = 0;
    limit = 3;
    ck_assert_int_eq(cloister_agent_list(options.agent_socket, count_one, &limit, &error),
                     -ECANCELED);
    ck_assert_int_eq(cloister_agent_status(options.agent_socket, &status, &error), 0);
    ck_assert_uint_eq(status.own_enclaves, 19);
    ck_assert_uint_eq(status.own_frames, 19 * 50);
    ck_assert_uint_eq(status.quota, 1000);
    ck_assert_uint_eq(status.applications, 20);
    struct cloister_enclave *more;
    ck_assert_int_eq(create(&more), -EDQUOT);
    for (unsigned int i = 0; i < 19; i++)
        ck_assert_int_eq(cloister_enclave_terminate(enclaves[i], &error), 0);
    ck_assert_uint_eq(fake_host_count(&host), 0);
    stop();
}
END_TEST

static uint8_t proof[CLOISTER_EVIDENCE_MAX];
static const uint8_t nonce[64] = {1, 2, 3};

static int get_evidence(size_t nonce_size, size_t report_count, size_t capacity, size_t *size)
{
    static uint8_t reports[CLOISTER_MAX_EVIDENCE_REPORTS * sizeof(struct cloister_report)];

    memset(reports, 0x5a, sizeof(reports));
    *size = 0;
    return cloister_evidence(options.agent_socket, nonce, nonce_size, reports, report_count, proof,
                             capacity, size, &error);
}

START_TEST(collects_evidence)
{
    static const uint32_t sizes[] = {1, 4031, 4032, 4033, 12345, CLOISTER_EVIDENCE_MAX};
    size_t size;

    start();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        host.evidence_size = sizes[i];
        host.not_ready = 2;
        ck_assert_int_eq(get_evidence(16 + 8 * i, i * 3, sizeof(proof), &size), 0);
        ck_assert_uint_eq(size, sizes[i]);
        ck_assert_uint_eq(host.evidence.nonce_size, 16 + 8 * i);
        ck_assert_uint_eq(host.evidence.report_count, i * 3);
        ck_assert_mem_eq(host.evidence.nonce, nonce, sizeof(nonce));
        for (uint32_t at = 0; at < size; at++)
            ck_assert_uint_eq(proof[at], (uint8_t)(at >> 4));
    }
    stop();
}
END_TEST

START_TEST(tells_why_there_is_no_evidence)
{
    static const struct {
        int error;
        const char *text;
    } refusals[] = {{-EBUSY, "try again"},   {-EOPNOTSUPP, "no TPM"}, {-ENODEV, "no TPM"},
                    {-ETIMEDOUT, "in time"}, {-ESTALE, "ask again"},  {-EIO, "cloisterd's journal"},
                    {-EINVAL, "is none"}};
    size_t size;

    start();
    host.evidence_size = 5000;
    ck_assert_int_eq(get_evidence(15, 0, sizeof(proof), &size), -EINVAL);
    ck_assert_int_eq(get_evidence(65, 0, sizeof(proof), &size), -EINVAL);
    ck_assert_int_eq(get_evidence(16, 16, sizeof(proof), &size), -EINVAL);
    ck_assert_uint_eq(host.types[CLOISTER_MSG_EVIDENCE], 0);
    ck_assert_int_eq(get_evidence(16, 0, 4999, &size), -ENOSPC);
    host.pieces_lie = true;
    ck_assert_int_eq(get_evidence(16, 0, sizeof(proof), &size), -EPROTO);
    host.pieces_lie = false;
    for (size_t i = 0; i < 2 * sizeof(refusals) / sizeof(refusals[0]); i++) {
        host.refuse_type = i % 2 ? CLOISTER_MSG_COLLECT : CLOISTER_MSG_EVIDENCE;
        host.refuse_after = 0;
        host.refuse_error = refusals[i / 2].error;
        ck_assert_int_eq(get_evidence(16, 0, sizeof(proof), &size), refusals[i / 2].error);
        ck_assert_msg(strstr(error.text, refusals[i / 2].text) != NULL, "%s", error.text);
        ck_assert_int_eq(error.origin, CLOISTER_ORIGIN_HOST);
    }
    host.refuse_error = 0;
    host.short_bodies = true;
    ck_assert_int_eq(get_evidence(16, 0, sizeof(proof), &size), -EPROTO);
    host.short_bodies = false;
    ck_assert_int_eq(get_evidence(16, 0, sizeof(proof), &size), 0);
    stop();
}
END_TEST

static int connect_raw(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int raw = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, options.agent_socket);
    REQUIRE(raw >= 0 && !connect(raw, (struct sockaddr *)&address, sizeof(address)));
    return raw;
}

START_TEST(limits_connections)
{
    struct cloister_agent_status status;
    int raws[24];

    start();
    for (unsigned int i = 0; i < 24; i++)
        raws[i] = connect_raw();
    ck_assert_int_eq(cloister_agent_status(options.agent_socket, &status, &error), -ECONNRESET);
    for (unsigned int i = 0; i < 24; i++)
        close(raws[i]);
    while (cloister_agent_status(options.agent_socket, &status, &error))
        usleep(1000);
    stop();
}
END_TEST

/* Sends a packet with `count` descriptors (this process's standard input, again and again). */
static void send_raw(int raw, const void *packet, size_t size, unsigned int count)
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

START_TEST(closes_connections_that_break_the_rules)
{
    struct {
        struct app_message head;
        uint8_t body[APP_MAX_PACKET];
    } packet;
    struct app_reply reply;
    uint8_t answer[APP_MAX_PACKET];
    unsigned int before;

    start();
    before = open_files();
    for (unsigned int round = 0; round < 40; round++) {
        const void *body;
        size_t size = sizeof(packet.head), body_size;
        unsigned int descriptors = 0;
        int expected = 0, raw = connect_raw();

        memset(&packet, 0, sizeof(packet));
        packet.head = (struct app_message){
            .magic = APP_MAGIC, .version = APP_VERSION, .type = APP_STATUS, .number = 5};
        switch (round % 8) {
        case 0:
            packet.head.magic++;
            expected = -EBADMSG;
            break;
        case 1:
            packet.head.version++;
            expected = -EPROTONOSUPPORT;
            break;
        case 2:
            descriptors = 1 + round / 8 * 4; /* too many for the agent's buffer, even */
            expected = -EINVAL;
            break;
        case 3: /* longer than the agent's buffer: cut */
            size = sizeof(packet);
            packet.head.size = sizeof(packet.body);
            expected = -EMSGSIZE;
            break;
        case 4: /* a LOAD without descriptor */
            packet.head.type = APP_LOAD;
            packet.head.size = sizeof(struct app_load);
            size += sizeof(struct app_load);
            expected = -EINVAL;
            break;
        case 5:
            packet.head.type = 77;
            expected = -ENOSYS;
            break;
        case 6:
            size = 3;
            expected = -EBADMSG;
            break;
        default:
            packet.head.type = APP_REPLY;
            expected = -ENOSYS;
            break;
        }
        send_raw(raw, &packet, size, descriptors);
        ssize_t count = recv(raw, answer, sizeof(answer), 0);
        uint32_t number = expected == -EBADMSG ? 0 : 5;

        REQUIRE(count > 0);
        REQUIRE(!app_decode_reply(answer, (size_t)count, APP_STATUS, number, 0, &reply, &body,
                                  &body_size));
        ck_assert_int_eq(reply.error, expected);
        REQUIRE(recv(raw, answer, sizeof(answer), 0) == 0);
        close(raw);
    }
    ck_assert(has_open_files(before));
    stop();
}
END_TEST

START_TEST(survives_random_packets)
{
    uint64_t seed = 99;
    unsigned int before;
    struct cloister_agent_status status;

    start();
    before = open_files();
    for (unsigned int round = 0; round < 3000; round++) {
        struct {
            struct app_message head;
            uint8_t body[64];
        } packet = {{APP_MAGIC, APP_VERSION, (uint16_t)(1 + suite_random(&seed) % 5), 1, 0}, {0}};
        int raw = connect_raw();
        size_t size = sizeof(packet.head) + suite_random(&seed) % 33;

        packet.head.size = (uint32_t)(size - sizeof(packet.head));
        for (unsigned int i = 0; i < round % 4; i++)
            ((uint8_t *)&packet)[suite_random(&seed) % size] ^= (uint8_t)suite_random(&seed);
        send_raw(raw, &packet, size, (unsigned int)(suite_random(&seed) % 3));
        if (round % 2) {
            uint8_t answer[APP_MAX_PACKET];

            REQUIRE(recv(raw, answer, sizeof(answer), 0) > 0);
        }
        close(raw);
        /* Let the agent keep up, so that the limit of connections is not what is tested. */
        if (round % 8 == 0)
            while (cloister_agent_status(options.agent_socket, &status, &error))
                REQUIRE(error.code == EAGAIN);
    }
    ck_assert(has_open_files(before));
    ck_assert_uint_eq(fake_host_count(&host), 0);
    stop();
}
END_TEST

START_TEST(refuses_a_second_question)
{
    struct app_message question = {
        .magic = APP_MAGIC, .version = APP_VERSION, .type = APP_STATUS, .number = 1};
    uint8_t answer[APP_MAX_PACKET];
    int raw;

    start();
    host.die_at = host.messages + 1;
    host.death = FAKE_IS_SILENT;
    raw = connect_raw();
    send_raw(raw, &question, sizeof(question), 0);
    while (host.death == FAKE_IS_SILENT && host.messages < host.die_at)
        usleep(1000);
    question.number = 2;
    send_raw(raw, &question, sizeof(question), 0);
    struct app_reply reply;
    const void *body;
    size_t body_size;
    ssize_t count = recv(raw, answer, sizeof(answer), 0);
    ck_assert_int_gt((int)count, 0);
    ck_assert_int_eq(
        app_decode_reply(answer, (size_t)count, APP_STATUS, 2, 0, &reply, &body, &body_size), 0);
    ck_assert_int_eq(reply.error, -EALREADY);
    close(raw);
    stop();
}
END_TEST

START_TEST(ends_enclaves_with_their_process)
{
    struct cloister_enclave *enclave;
    int status;
    pid_t pid;

    start();
    close(image_file(40, 10));
    for (unsigned int round = 0; round < 3; round++) {
        pid = fork();
        if (pid == 0) {
            char path[128];

            snprintf(path, sizeof(path), "%s/image", folder);
            if (cloister_enclave_create(path, &options, &enclave, NULL))
                _exit(1);
            if (round == 0)
                _exit(0);
            if (round == 1)
                raise(SIGKILL);
            /* A child that has it, too: it ends with the last of them. */
            if (fork() == 0)
                usleep(300000);
            _exit(0);
        }
        waitpid(pid, &status, 0);
        ck_assert(round == 1 ? WIFSIGNALED(status) : WIFEXITED(status) && !WEXITSTATUS(status));
        ck_assert(host_has(0));
        ck_assert_uint_eq(host.destroyed, round + 1);
    }
    stop();
}
END_TEST

START_TEST(leaves_a_childs_parent_alone)
{
    struct cloister_enclave *enclave;
    int status;
    pid_t pid;

    start();
    ck_assert_int_eq(create(&enclave), 0);
    subject = enclave;
    pid = fork();
    if (pid == 0) {
        struct cloister_error why;
        int result = cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &why);

        _exit(result == -EPERM && !cloister_enclave_terminate(enclave, &why) ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    ck_assert_uint_eq(fake_host_count(&host), 1);
    ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &error), 0);
    ck_assert_int_eq(cloister_enclave_terminate(enclave, &error), 0);
    stop();
}
END_TEST

START_TEST(outlives_the_agent)
{
    struct cloister_enclave *enclave;

    start();
    ck_assert_int_eq(create(&enclave), 0);
    subject = enclave;
    agent_ends();
    ck_assert_uint_eq(fake_host_count(&host), 1);
    ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &error), 0);
    agent_begins(false);
    ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &error), 0);
    ck_assert(host_has(1));
    /* Terminating goes to the new agent, which knows the process and the handle. */
    int result;
    do {
        struct cloister_agent_status status;
        result = cloister_agent_status(options.agent_socket, &status, &error);
        if (!result && status.link == 2)
            break;
        usleep(10000);
    } while (1);
    ck_assert_int_eq(cloister_enclave_terminate(enclave, &error), 0);
    ck_assert_uint_eq(fake_host_count(&host), 0);

    /* And where there is no agent any more, it says so. */
    ck_assert_int_eq(create(&enclave), 0);
    agent_ends();
    ck_assert_int_eq(cloister_enclave_terminate(enclave, &error), -ENOENT);
    agent_begins(false);
    ck_assert_uint_eq(fake_host_count(&host), 1);
    stop();
}
END_TEST

START_TEST(does_not_take_a_socket_that_is_in_use)
{
    static struct agent second;
    struct cloister_agent_status status;
    struct transport transport = {0};

    start();
    memcpy(&second.config, &agent.config, sizeof(second.config));
    ck_assert_int_eq(agent_start(&second, &transport), -EADDRINUSE);
    ck_assert_int_eq(cloister_agent_status(options.agent_socket, &status, &error), 0);
    stop();
}
END_TEST

START_TEST(loads_many_at_once)
{
    struct cloister_agent_status status;
    int running = 0, left;

    start();
    close(image_file(40, 10));
    for (unsigned int i = 0; i < 12; i++) {
        if (fork() == 0) {
            struct cloister_enclave *enclave;
            char path[128];

            snprintf(path, sizeof(path), "%s/image", folder);
            for (unsigned int n = 0; n < 5; n++) {
                int result = cloister_enclave_create(path, &options, &enclave, NULL);

                if (result)
                    _exit(1);
                if (i % 3 == 0)
                    raise(SIGKILL);
                if (cloister_enclave_terminate(enclave, NULL))
                    _exit(2);
            }
            _exit(0);
        }
        running++;
    }
    for (; running; running--) {
        ck_assert_int_gt(wait(&left), 0);
        ck_assert(WIFSIGNALED(left) || WEXITSTATUS(left) == 0);
    }
    ck_assert(host_has(0));
    ck_assert_uint_eq(host.types[CLOISTER_MSG_CREATE], 4 + 8 * 5);
    ck_assert_int_eq(cloister_agent_status(options.agent_socket, &status, &error), 0);
    ck_assert_uint_eq(status.enclaves, 0);
    stop();
}
END_TEST

/* One request without body over `raw`: what the agent answers. */
static int question(int raw, uint16_t type, uint32_t number, const void *load,
                    unsigned int descriptors)
{
    struct {
        struct app_message head;
        struct app_load body;
    } packet = {{APP_MAGIC, APP_VERSION, type, number, load ? sizeof(struct app_load) : 0}, {0}};
    uint8_t answer[APP_MAX_PACKET];
    struct app_reply reply;
    const void *body;
    size_t size;

    send_raw(raw, &packet, sizeof(packet.head) + packet.head.size, descriptors);
    ssize_t count = recv(raw, answer, sizeof(answer), 0);
    REQUIRE(count > 0);
    REQUIRE(!app_decode_reply(answer, (size_t)count, type, number, 0, &reply, &body, &size));
    REQUIRE(!reply.error || reply.text[0]);
    return reply.error;
}

START_TEST(slows_down_who_asks_too_often)
{
    int raw, refused = 0;

    start();
    agent.config.requests_per_second = 5;
    raw = connect_raw();
    for (uint32_t number = 1; number <= 30; number++) {
        int result = question(raw, APP_STATUS, number, NULL, 0);

        REQUIRE(result == 0 || result == -EAGAIN);
        refused += result != 0;
    }
    ck_assert_int_ge(refused, 10);
    /* The connection stays; after a moment it is served again. */
    usleep(300000);
    ck_assert_int_eq(question(raw, APP_STATUS, 31, NULL, 0), 0);
    close(raw);
    agent.config.requests_per_second = 1000;
    stop();
}
END_TEST

#define FILES 40

static int filling[FILES];

/* Makes FILES the lowest descriptor that is free, and more than poll looks at. */
static void fill_files(void)
{
    for (unsigned int i = 0; i < FILES; i++) {
        filling[i] = dup(0);
        if (filling[i] >= FILES) {
            close(filling[i]);
            filling[i] = -1;
        }
    }
}

static void empty_files(void)
{
    for (unsigned int i = 0; i < FILES; i++)
        if (filling[i] >= 0)
            close(filling[i]);
}

static void limit_files(rlim_t count)
{
    struct rlimit limit;

    REQUIRE(!getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = count;
    REQUIRE(!setrlimit(RLIMIT_NOFILE, &limit));
}

static rlim_t files_allowed(void)
{
    struct rlimit limit;

    REQUIRE(!getrlimit(RLIMIT_NOFILE, &limit));
    return limit.rlim_cur;
}

START_TEST(answers_where_a_descriptor_is_lost)
{
    const struct app_load load = {0};
    const rlim_t allowed = files_allowed();
    int raw;

    start();
    raw = connect_raw();
    ck_assert_int_eq(question(raw, APP_STATUS, 1, NULL, 0), 0);
    fill_files();
    limit_files(FILES);
    ck_assert_int_eq(question(raw, APP_LOAD, 2, &load, 1), -EMFILE);
    limit_files(FILES + 1);
    ck_assert_int_eq(question(raw, APP_STATUS, 3, NULL, 2), -EMFILE);
    limit_files(allowed);
    empty_files();
    /* Nothing was closed, and a request with a descriptor is looked at again: it is no image. */
    ck_assert_int_eq(question(raw, APP_LOAD, 4, &load, 1), -EINVAL);
    ck_assert_int_eq(question(raw, APP_STATUS, 5, NULL, 0), 0);
    close(raw);
    stop();
}
END_TEST

static double cpu_time(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

START_TEST(rests_where_descriptors_run_out)
{
    const rlim_t allowed = files_allowed();
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct app_message packet = {APP_MAGIC, APP_VERSION, APP_STATUS, 1, 0};
    uint8_t answer[APP_MAX_PACKET];
    int served, raw;

    start();
    served = connect_raw();
    ck_assert_int_eq(question(served, APP_STATUS, 1, NULL, 0), 0);
    raw = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    strcpy(address.sun_path, options.agent_socket);
    fill_files();
    limit_files(FILES);
    ck_assert_int_eq(connect(raw, (struct sockaddr *)&address, sizeof(address)), 0);
    send_raw(raw, &packet, sizeof(packet), 0);
    usleep(50000);
    /* One who waits at the door costs nothing, and those inside are served. */
    const double before = cpu_time();
    usleep(500000);
    ck_assert(cpu_time() - before < 0.2);
    ck_assert_int_eq(question(served, APP_STATUS, 2, NULL, 0), 0);
    limit_files(allowed);
    empty_files();
    ck_assert_int_gt((int)recv(raw, answer, sizeof(answer), 0), 0);
    close(raw);
    close(served);
    stop();
}
END_TEST

/* So many connections as descriptors are there for; half of them at most for one user. */
START_TEST(lets_in_as_many_as_it_can_serve)
{
    const rlim_t allowed = files_allowed();
    struct cloister_agent_status status;
    int raws[8];

    start();
    agent_ends();
    limit_files(APPS_SPARE_DESCRIPTORS + 8 * APPS_DESCRIPTORS);
    agent_begins(true);
    limit_files(allowed);
    settle();
    for (unsigned int i = 0; i < 4; i++)
        raws[i] = connect_raw();
    ck_assert_int_eq(cloister_agent_status(options.agent_socket, &status, &error), -ECONNRESET);
    for (unsigned int i = 0; i < 4; i++)
        close(raws[i]);
    /* Who comes while the agent is still at the listener is counted with those that have ended. */
    while (cloister_agent_status(options.agent_socket, &status, &error) == -ECONNRESET)
        usleep(1000);
    settle();
    agent_ends();
    limit_files(APPS_SPARE_DESCRIPTORS);
    ck_assert_int_eq(agent_start(&agent, &(struct transport){0}), -EMFILE);
    limit_files(allowed);
    agent_begins(true);
    stop();
}
END_TEST

/* Runs `body` as another user; says whether that is possible (for root it is). */
#define AS_USER(uid, body)                                                                         \
    do {                                                                                           \
        int status_;                                                                               \
        pid_t pid_ = fork();                                                                       \
        if (pid_ == 0) {                                                                           \
            if (setresuid(uid, uid, uid))                                                          \
                _exit(77);                                                                         \
            _exit(body);                                                                           \
        }                                                                                          \
        ck_assert_int_eq(waitpid(pid_, &status_, 0), pid_);                                        \
        ck_assert(WIFEXITED(status_));                                                             \
        if (WEXITSTATUS(status_) != 77)                                                            \
            ck_assert_int_eq(WEXITSTATUS(status_), 0);                                             \
    } while (0)

/* How many enclaves the asker may have, over this connection. */
static uint32_t may_have(int raw)
{
    struct app_message packet = {APP_MAGIC, APP_VERSION, APP_STATUS, 9, 0};
    uint8_t answer[APP_MAX_PACKET];
    struct app_reply reply;
    struct app_status status;
    const void *body;
    size_t size;

    send_raw(raw, &packet, sizeof(packet), 0);
    ssize_t count = recv(raw, answer, sizeof(answer), 0);
    REQUIRE(count > 0);
    REQUIRE(!app_decode_reply(answer, (size_t)count, APP_STATUS, 9, 0, &reply, &body, &size));
    REQUIRE(size == sizeof(status));
    memcpy(&status, body, sizeof(status));
    return status.max_enclaves;
}

/* Root makes the connection and hands it on: limits are those of whoever asks. */
START_TEST(asks_who_asks_each_time)
{
    int raw;

    start();
    agent.config.users[0] = (struct user_limits){.uid = 4711, .limits = {3, 50}};
    agent.config.user_count = 1;
    raw = connect_raw();
    ck_assert_uint_eq(may_have(raw), 16);
    AS_USER(4711, may_have(raw) == 3 ? 0 : 1);
    AS_USER(4712, may_have(raw) == 16 ? 0 : 1);
    ck_assert_uint_eq(may_have(raw), 16);
    close(raw);
    stop();
}
END_TEST

static void *call_stuck(void *context)
{
    struct cloister_error why;

    cloister_enclave_call(context, 1, NULL, 0, NULL, 0, NULL, &why);
    return NULL;
}

/* The host is away and cannot end a call: its end is waited for, but not for ever. */
START_TEST(does_not_wait_for_ever)
{
    struct cloister_enclave *enclave;
    pthread_t caller;

    start();
    options.timeout = 1;
    ck_assert_int_eq(create(&enclave), 0);
    subject = enclave;
    stuck = true;
    REQUIRE(!pthread_create(&caller, NULL, call_stuck, enclave));
    while (!atomic_load(&enclave->threads.users))
        usleep(1000);
    host.absent = true;
    fake_host_kill(&host);
    ck_assert_int_eq(cloister_enclave_terminate(enclave, &error), -EBUSY);
    ck_assert_ptr_nonnull(strstr(error.text, "1 s"));
    ck_assert_int_eq(cloister_enclave_call(enclave, 1, NULL, 0, NULL, 0, NULL, &error), -ESHUTDOWN);
    stuck = false;
    pthread_join(caller, NULL);
    /* The agent has forgotten it already: its end comes with the host. */
    (void)cloister_enclave_terminate(enclave, &error);
    stop();
}
END_TEST

SUITE_MAIN("library", creates_calls_terminates, loads_from_a_path_and_a_pipe,
           refuses_what_is_no_image, tells_what_the_host_refused,
           notices_a_hypervisor_without_monitor, says_where_there_is_no_agent, lists,
           collects_evidence, tells_why_there_is_no_evidence, limits_connections,
           closes_connections_that_break_the_rules, survives_random_packets,
           refuses_a_second_question, ends_enclaves_with_their_process,
           leaves_a_childs_parent_alone, outlives_the_agent, does_not_take_a_socket_that_is_in_use,
           loads_many_at_once, slows_down_who_asks_too_often, answers_where_a_descriptor_is_lost,
           rests_where_descriptors_run_out, lets_in_as_many_as_it_can_serve,
           asks_who_asks_each_time, does_not_wait_for_ever)
