/* SPDX-License-Identifier: MIT */
/* What the agent bears of applications: packets that are none, too many connections, requests and descriptors. */
#include "library_scene.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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

SUITE_MAIN("limits", limits_connections, closes_connections_that_break_the_rules,
           survives_random_packets, refuses_a_second_question, slows_down_who_asks_too_often,
           answers_where_a_descriptor_is_lost, rests_where_descriptors_run_out,
           lets_in_as_many_as_it_can_serve, asks_who_asks_each_time)
