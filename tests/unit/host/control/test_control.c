/* SPDX-License-Identifier: MIT */
/* The control socket: who may ask, what a request is, and that what is none reaches no command. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/loop.h"
#include "control/commands.h"
#include "control/control.h"
#include "log/tracer.h"
#include "monitor/views.h"
#include "proof/attestation.h"
#include "../../suite.h"

static char folder[] = "/tmp/test_control.XXXXXX";
static struct config config;
static unsigned int asked; /* how many requests reached a command */
static char last[200];     /* the last one's */
static int events = -1, client = -1;
static uid_t peer;

/* --- what is not tested here --- */

void commands_initialise(const struct config *config_, struct hypercalls *monitor)
{
    (void)config_;
    (void)monitor;
}

json_object *commands_answer(const char *command, json_object *request)
{
    json_object *answer = json_object_new_object();

    (void)request;
    asked++;
    snprintf(last, sizeof(last), "%s", command);
    json_object_object_add(answer, "ok", json_object_new_boolean(true));
    return answer;
}

bool attestation_serves(const char *command)
{
    return !strcmp(command, "evidence");
}

json_object *attestation_answer(const char *command, json_object *request, helper_done *done,
                                void *context)
{
    (void)done;
    (void)context;
    return commands_answer(command, request);
}

void helper_forget(const void *context)
{
    (void)context;
}

void tracer_status(struct tracer_status *status)
{
    *status = (struct tracer_status){0};
}

int tracer_descriptor(void)
{
    return events;
}

/* Whoever asks, it is `peer`: the tests need not be root's. */
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size);

int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
    (void)fd;
    ck_assert(level == SOL_SOCKET && option == SO_PEERCRED);
    ck_assert_uint_eq(*size, sizeof(struct ucred));
    *(struct ucred *)value = (struct ucred){.pid = 1, .uid = peer, .gid = peer};
    return 0;
}

/* --- the scene --- */

static bool stop_when_readable(uint64_t now)
{
    char byte;

    (void)now;
    if (client >= 0 && recv(client, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0)
        loop_stop();
    return false;
}

static void connect_client(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strcpy(address.sun_path, config.socket);
    client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(client, (const struct sockaddr *)&address, sizeof(address)), 0);
}

static void setup(void)
{
    char why[200];

    peer = 0;
    asked = 0;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    config_initialise(&config);
    snprintf(config.socket, sizeof(config.socket), "%s/socket", folder);
    snprintf(config.log_directory, sizeof(config.log_directory), "%s", folder);
    events = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    ck_assert_int_eq(loop_initialise(), 0);
    ck_assert_int_eq(control_initialise(&config, NULL, why, sizeof(why)), 0);
    loop_on_round(stop_when_readable);
    connect_client();
}

static void teardown(void)
{
    close(client);
    control_finalise();
    loop_finalise();
    close(events);
    ck_assert_int_eq(rmdir(folder), 0);
}

/* The answer to these bytes, a line; "" where the connection was ended. */
static const char *ask_bytes(const void *request, size_t size)
{
    static char answer[1000];
    ssize_t got;

    ck_assert_int_eq(send(client, request, size, MSG_NOSIGNAL), (ssize_t)size);
    loop_run();
    got = recv(client, answer, sizeof(answer) - 1, 0);
    ck_assert_int_ge(got, 0);
    answer[got] = 0;
    return answer;
}

static const char *ask(const char *request)
{
    return ask_bytes(request, strlen(request));
}

/* --- what is taken --- */

START_TEST(requests)
{
    ck_assert_str_eq(ask("{\"command\":\"status\"}\n"), "{\"ok\":true}\n");
    ck_assert_str_eq(last, "status");
    ck_assert_str_eq(ask(" { \"command\" : \"evidence\", \"nonce\": \"00\" } \r\n"),
                     "{\"ok\":true}\n");
    ck_assert_str_eq(last, "evidence");
    ck_assert_str_eq(ask("{\"command\":\"quo\\u0074a\"}\n"), "{\"ok\":true}\n");
    ck_assert_str_eq(last, "quota");
    ck_assert_uint_eq(asked, 3);
}
END_TEST

/* A request comes in pieces, and two of them in one. */
START_TEST(pieces)
{
    ck_assert_int_eq(send(client, "{\"comm", 6, 0), 6);
    ck_assert_str_eq(ask("and\":\"one\"}\n"), "{\"ok\":true}\n");
    ck_assert_str_eq(last, "one");
    ck_assert_str_eq(ask("{\"command\":\"two\"}\n{\"command\":\"three\"}\n"),
                     "{\"ok\":true}\n{\"ok\":true}\n");
    ck_assert_str_eq(last, "three");
}
END_TEST

START_TEST(the_log)
{
    ck_assert_str_eq(ask("{\"command\":\"trace\",\"lines\":5}\n"), "{\"ok\":true}\n");
    ck_assert_int_eq(recv(client, last, 1, 0), 0); /* that was all */
}
END_TEST

/* --- what is not --- */

#define BYTES(text) text, sizeof(text) - 1

static const struct {
    const char *bytes;
    size_t size;
    const char *says;
} refused[] = {
    {BYTES("\n"), "ends too early"},
    {BYTES("status\n"), "no JSON"},
    {BYTES("[\"command\"]\n"), "an object expected"},
    {BYTES("{}\n"), "a JSON object with a command"},
    {BYTES("{\"command\":null}\n"), "a JSON object with a command"},
    {BYTES("{\"command\":7}\n"), "a JSON object with a command"},
    /* zero bytes: as they are, and escaped */
    {BYTES("{\"command\":\"status\"}\0\n"), "something follows the object"},
    {BYTES("{\"command\":\"status\"}\0{\"command\":\"destroy\"}\n"), "follows the object"},
    {BYTES("{\"command\":\"status\0\"}\n"), "no JSON"},
    {BYTES("{\"command\":\"status\\u0000x\"}\n"), "command: a zero byte in a text or name"},
    {BYTES("{\"command\\u0000x\":\"status\"}\n"), "a zero byte in a text or name"},
    {BYTES("{\"command\":\"quota\",\"domain\":\"alice\\u0000bob\"}\n"), "domain: a zero byte"},
    {BYTES("\0{\"command\":\"status\"}\n"), "no JSON"},
    /* numbers that are clamped */
    {BYTES("{\"command\":\"quota\",\"frames\":18446744073709551616}\n"),
     "frames: a whole number beyond 64 bits"},
    {BYTES("{\"command\":\"destroy\",\"enclave\":99999999999999999999999}\n"),
     "enclave: a whole number beyond 64 bits"},
    {BYTES("{\"command\":\"status\",\"a\":[1,-9223372036854775809]}\n"),
     "a: a whole number beyond"},
    {BYTES("{\"command\":\"trace\",\"lines\":-1}\n"), "lines is not a number"},
    {BYTES("{\"command\":\"trace\",\"lines\":1e3}\n"), "lines is not a number"},
    {BYTES("{\"command\":\"trace\",\"lines\":\"5\"}\n"), "lines is not a number"},
    /* what can be read in two ways */
    {BYTES("{\"command\":\"status\"} {\"command\":\"destroy\"}\n"), "no JSON"},
    {BYTES("{\"command\":\"status\",\"command\":\"destroy\"}\n"), "a member occurs twice"},
    {BYTES("{'command':'status'}\n"), "no JSON"},
    {BYTES("{\"command\":\"sta\xfftus\"}\n"), "no JSON"},
};

START_TEST(no_requests)
{
    const char *answer = ask_bytes(refused[_i].bytes, refused[_i].size);

    ck_assert_msg(strstr(answer, "\"ok\":false") && strstr(answer, "\"error\":\"EINVAL\"") &&
                      strstr(answer, refused[_i].says),
                  "'%s' does not say '%s'", answer, refused[_i].says);
    ck_assert_uint_eq(asked, 0);
    /* The connection is as good as before. */
    ck_assert_str_eq(ask("{\"command\":\"status\"}\n"), "{\"ok\":true}\n");
    ck_assert_uint_eq(asked, 1);
}
END_TEST

START_TEST(of_another_user)
{
    close(client);
    peer = 1000;
    connect_client();
    loop_run();
    ck_assert_int_eq(recv(client, last, 1, 0), 0);
    ck_assert_uint_eq(asked, 0);
}
END_TEST

START_TEST(without_an_end)
{
    static char request[16 * 1024];

    memset(request, ' ', sizeof(request));
    ck_assert_str_eq(ask_bytes(request, sizeof(request)), "");
    ck_assert_uint_eq(asked, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host control");
    TCase *tcase = tcase_create("control");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, requests);
    tcase_add_test(tcase, pieces);
    tcase_add_test(tcase, the_log);
    tcase_add_loop_test(tcase, no_requests, 0, sizeof(refused) / sizeof(refused[0]));
    tcase_add_test(tcase, of_another_user);
    tcase_add_test(tcase, without_an_end);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
