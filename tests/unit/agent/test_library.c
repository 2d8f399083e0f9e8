/* SPDX-License-Identifier: MIT */
/* libcloister and the whole agent: what an application can do, and who it is told that it cannot. */
#include "library_scene.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_image.h"

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
           collects_evidence, tells_why_there_is_no_evidence, ends_enclaves_with_their_process,
           leaves_a_childs_parent_alone, outlives_the_agent, does_not_take_a_socket_that_is_in_use,
           loads_many_at_once, does_not_wait_for_ever)
