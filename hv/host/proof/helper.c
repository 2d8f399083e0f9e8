/* SPDX-License-Identifier: MIT */
#include "proof/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/loop.h"
#include "base/say.h"
#include "monitor/views.h"

struct job {
    json_object *request;
    helper_done *done;         /* NULL: nobody waits any more */
    helper_question *question; /* NULL: it has none */
    void *context;
    struct job *next;
};

static const struct config *config_;
static struct job *jobs; /* the first is under way, if there is a process */
static unsigned int job_count;

static struct {
    pid_t pid;      /* 0: none */
    bool dying;     /* killed, not gone yet */
    uint64_t began; /* the command under way, ms */
    char command[64];
    char *output;      /* HELPER_MAX_ANSWER */
    size_t size, read; /* bytes; up to where lines were looked at */
    int replies;       /* a socket, to its questions; -1: none */
} process = {.replies = -1};

static void output_ready(struct loop_watch *watch, uint32_t events);

static struct loop_watch output_watch = {.fd = -1, .ready = output_ready};

/* --- jobs ------------------------------------------------------------------------------------- */

static void finish(json_object *answer)
{
    struct job *job = jobs;

    jobs = job->next;
    job_count--;
    if (job->done)
        job->done(job->context, answer);
    else
        json_object_put(answer);
    json_object_put(job->request);
    free(job);
}

__attribute__((format(printf, 2, 3))) static void fail(int error, const char *format, ...)
{
    char text[300];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (!jobs->question)
        say_warning("%s", text);
    finish(view_refusal(error, text));
}

/* --- the process ------------------------------------------------------------------------------ */

/* A file in memory: a pipe could be too small for it and make us wait. */
static int request_file(json_object *request)
{
    const char *text = json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN);
    int fd = memfd_create("cloister-tpm", MFD_CLOEXEC);
    size_t size = strlen(text);

    if (fd >= 0 && (write(fd, text, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static int spawn(int input, int output, int replies)
{
    char *arguments[] = {(char *)config_->tpm_helper, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, replies, HELPER_REPLIES);
    posix_spawn_file_actions_addclosefrom_np(&files, HELPER_REPLIES + 1);
    int rc =
        posix_spawn(&process.pid, config_->tpm_helper, &files, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (rc)
        process.pid = 0;
    return -rc;
}

static int watch_output(int fd)
{
    process.began = loop_now();
    process.size = process.read = 0;
    process.dying = false;
    strcpy(process.command, "start");
    output_watch.fd = fd;
    return loop_add(&output_watch, EPOLLIN);
}

static void close_replies(void)
{
    if (process.replies >= 0)
        close(process.replies);
    process.replies = -1;
}

static int start(json_object *request)
{
    int input = request_file(request), ends[2] = {-1, -1}, replies[2] = {-1, -1};
    int rc = input < 0 || pipe2(ends, O_CLOEXEC | O_NONBLOCK) ? -errno : 0;

    if (!rc &&
        (fcntl(ends[1], F_SETFL, 0) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, replies)))
        rc = -errno;
    process.replies = replies[0];
    if (!rc)
        rc = watch_output(ends[0]);
    if (!rc)
        rc = spawn(input, ends[1], replies[1]);
    if (rc)
        close_replies();
    if (replies[1] >= 0)
        close(replies[1]);
    if (rc && output_watch.fd >= 0)
        loop_remove(&output_watch);
    if (rc && ends[0] >= 0)
        close(ends[0]);
    if (rc)
        output_watch.fd = -1;
    if (ends[1] >= 0)
        close(ends[1]);
    if (input >= 0)
        close(input);
    return rc;
}

/* It is not needed any more, whether it knows or not. */
static void end_process(void)
{
    loop_remove(&output_watch);
    close(output_watch.fd);
    output_watch.fd = -1;
    close_replies();
    kill(process.pid, SIGKILL);
    process.dying = true;
    process.began = loop_now();
    if (waitpid(process.pid, NULL, WNOHANG) == process.pid)
        process.pid = 0;
}

/* --- its output ------------------------------------------------------------------------------- */

static void not_an_answer(const char *why)
{
    end_process();
    fail(-EIO, "%s gave an answer that is none: %s", config_->tpm_helper, why);
}

/* The job has come so far that it needs something of whoever asked for it. */
static void take_question(json_object *question)
{
    char *reply = jobs->question && jobs->done ? jobs->question(jobs->context, question) : NULL;
    size_t size = reply ? strlen(reply) : 0;
    bool sent = false;

    if (reply && size <= HELPER_MAX_REPLY) {
        reply[size] = '\n';
        sent = send(process.replies, reply, size + 1, MSG_NOSIGNAL | MSG_DONTWAIT) ==
               (ssize_t)(size + 1);
    }
    free(reply);
    if (!sent) {
        end_process();
        fail(-ECANCELED, "%s: the job was given up, its question has no answer", process.command);
    }
}

static void take_line(char *line, size_t size)
{
    json_object *answer, *ok;
    char why[200];

    if (!strncmp(line, "command ", 8)) {
        snprintf(process.command, sizeof(process.command), "%s", line + 8);
        process.began = loop_now();
        return;
    }
    if (json_read(line, size, &answer, why, sizeof(why))) {
        not_an_answer(why);
        return;
    }
    if (jobs->question && json_object_object_get_ex(answer, "question", &ok)) {
        process.began = loop_now();
        take_question(ok);
        json_object_put(answer);
        return;
    }
    if (!json_object_is_type(json_member(answer, "ok"), json_type_boolean)) {
        json_object_put(answer);
        not_an_answer("it does not say whether it is ok");
        return;
    }
    end_process();
    if (!json_member_true(answer, "ok") && !jobs->question) {
        const char *message = json_member_text(answer, "message");

        say_warning("the TPM's job failed: %s", message ? message : "");
    }
    finish(answer);
}

static void take_lines(void)
{
    while (output_watch.fd >= 0) {
        char *line = process.output + process.read;
        char *end = memchr(line, '\n', process.size - process.read);

        if (!end)
            return;
        *end = 0;
        process.read = (size_t)(end + 1 - process.output);
        take_line(line, (size_t)(end - line));
    }
}

static void output_ready(struct loop_watch *watch, uint32_t events)
{
    ssize_t size = read(watch->fd, process.output + process.size, HELPER_MAX_ANSWER - process.size);

    (void)events;
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size > 0) {
        process.size += (size_t)size;
        take_lines();
        if (output_watch.fd >= 0 && process.size == HELPER_MAX_ANSWER)
            not_an_answer("it is too long");
    } else {
        end_process();
        fail(-EIO, "%s ended in %s without an answer: see its messages in the journal",
             config_->tpm_helper, process.command);
    }
}

/* --- time ------------------------------------------------------------------------------------- */

static void tick(uint64_t now)
{
    if (process.pid && process.dying && waitpid(process.pid, NULL, WNOHANG) == process.pid)
        process.pid = 0;
    if (process.pid && !process.dying && now - process.began > 1000ull * config_->tpm_timeout) {
        end_process();
        fail(-ETIMEDOUT, "%s: the TPM did not answer within %u s (tpm-timeout in cloisterd.conf)",
             process.command, config_->tpm_timeout);
    }
}

static bool next_job(uint64_t now)
{
    (void)now;
    if (!jobs || (process.pid && !process.dying))
        return false;
    if (process.pid) {
        if (waitpid(process.pid, NULL, WNOHANG) == process.pid)
            process.pid = 0;
        else if (loop_now() - process.began > 1000ull * config_->tpm_timeout)
            fail(-EBUSY, "the TPM is still busy with %s, which was given up", process.command);
        return process.pid == 0 && jobs;
    }
    int rc = start(jobs->request);
    if (rc)
        fail(rc, "%s cannot be started: %s", config_->tpm_helper, strerror(-rc));
    return rc && jobs;
}

/* --- for others ------------------------------------------------------------------------------- */

void helper_initialise(const struct config *config)
{
    config_ = config;
    loop_on_tick(tick);
    loop_on_round(next_job);
}

void helper_finalise(void)
{
    if (process.pid && !process.dying)
        end_process();
    while (jobs) {
        jobs->done = NULL;
        finish(NULL);
    }
    free(process.output);
    process.output = NULL;
}

int helper_ask(json_object *request, helper_done *done, void *context)
{
    return helper_converse(request, NULL, done, context);
}

/* Those with questions before all others, but behind the one that is under way. */
static void queue_job(struct job *job)
{
    struct job **place = &jobs;

    if (jobs && process.pid && !process.dying)
        place = &jobs->next;
    while (*place && (!job->question || (*place)->question))
        place = &(*place)->next;
    job->next = *place;
    *place = job;
    job_count++;
}

int helper_converse(json_object *request, helper_question *question, helper_done *done,
                    void *context)
{
    const unsigned int places = HELPER_MAX_WAITING + (question ? HELPER_OWN_PLACES : 0);
    struct job *job = calloc(1, sizeof(*job));

    if (!process.output)
        process.output = malloc(HELPER_MAX_ANSWER);
    if (job_count >= places || !job || !process.output || !request) {
        int rc = job_count >= places ? -EBUSY : -ENOMEM;

        json_object_put(request);
        free(job);
        return rc;
    }
    *job = (struct job){.request = request, .done = done, .question = question, .context = context};
    queue_job(job);
    return 0;
}

void helper_forget(const void *context)
{
    for (struct job *job = jobs; job; job = job->next) {
        if (job->context == context)
            job->done = NULL;
    }
}
