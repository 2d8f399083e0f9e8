/* SPDX-License-Identifier: MIT */
/* Jobs of the TPM's with pretended programs that answer, hang, lie and die. Each test is a process.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proof/helper.h"
#include "base/loop.h"
#include "base/say.h"
#include "../../suite.h"

#define MAX_ANSWERS 80

static struct config config;
static char folder[64];
static json_object *answers[MAX_ANSWERS];
static void *contexts[MAX_ANSWERS];
static unsigned int count, wanted;
static uint64_t deadline, longest, last_round;

/* Looks at how long the loop was held up, too. */
static bool watch_round(uint64_t now)
{
    if (last_round && now - last_round > longest)
        longest = now - last_round;
    last_round = now;
    if (count >= wanted || now > deadline)
        loop_stop();
    return false;
}

static void program(const char *script)
{
    FILE *file;

    snprintf(config.tpm_helper, sizeof(config.tpm_helper), "%s/helper", folder);
    file = fopen(config.tpm_helper, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "#!/bin/sh\n%s\n", script);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(config.tpm_helper, 0755), 0);
}

static void setup(void)
{
    strcpy(folder, "/tmp/cloister-helper-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    say_initialise("test", SAY_ERROR);
    config_initialise(&config);
    config.tpm_timeout = 1;
    ck_assert_int_eq(loop_initialise(), 0);
    helper_initialise(&config);
    loop_on_round(watch_round);
}

static void teardown(void)
{
    char command[128];

    helper_finalise();
    loop_finalise();
    for (unsigned int i = 0; i < count; i++)
        json_object_put(answers[i]);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static void take(void *context, json_object *answer)
{
    contexts[count] = context;
    answers[count++] = answer;
}

static int ask(const char *text, void *context)
{
    return helper_ask(json_tokener_parse(text), take, context);
}

static void run(unsigned int until)
{
    wanted = until;
    deadline = loop_now() + 8000;
    loop_run();
    ck_assert_uint_eq(count, until);
}

static const char *text_of(unsigned int i, const char *key)
{
    json_object *member;

    ck_assert(json_object_object_get_ex(answers[i], key, &member));
    return json_object_get_string(member);
}

static void failed(unsigned int i, const char *error, const char *message)
{
    ck_assert_str_eq(text_of(i, "ok"), "false");
    ck_assert_str_eq(text_of(i, "error"), error);
    ck_assert_msg(strstr(text_of(i, "message"), message) != NULL, "%s", text_of(i, "message"));
}

START_TEST(answers_with_the_request)
{
    program("echo command TPM2_One; echo command TPM2_Two\n"
            "printf '{\"ok\":true,\"got\":%s}\\n' \"$(cat)\"");
    ck_assert_int_eq(ask("{\"command\":\"evidence\"}", &count), 0);
    run(1);
    ck_assert_str_eq(text_of(0, "ok"), "true");
    ck_assert_str_eq(text_of(0, "got"), "{ \"command\": \"evidence\" }");
    ck_assert_ptr_eq(contexts[0], &count);
}
END_TEST

START_TEST(in_their_order)
{
    char text[16];

    program("printf '{\"ok\":true,\"got\":%s}\\n' \"$(cat)\"");
    for (int i = 0; i < 5; i++) {
        snprintf(text, sizeof(text), "[%d]", i);
        ck_assert_int_eq(ask(text, NULL), 0);
    }
    run(5);
    for (unsigned int i = 0; i < 5; i++) {
        snprintf(text, sizeof(text), "[ %u ]", i);
        ck_assert_str_eq(text_of(i, "got"), text);
    }
}
END_TEST

/* The whole of what can come: evidence of the largest size; and the request is larger than a pipe.
 */
START_TEST(large)
{
    json_object *request = json_object_new_object();
    char *text = calloc(1, 100001);

    program(
        "test $(wc -c) -gt 100000 && head -c 360000 /dev/zero | tr '\\0' A >$0.out\n"
        "printf '{\"ok\":true,\"evidence\":\"%s\"}\\n' \"$(cat $0.out)\" | dd bs=3000 2>/dev/null");
    memset(text, 'x', 100000);
    json_object_object_add(request, "x", json_object_new_string(text));
    free(text);
    ck_assert_int_eq(helper_ask(request, take, NULL), 0);
    run(1);
    ck_assert_uint_eq(strlen(text_of(0, "evidence")), 360000);
}
END_TEST

static const struct {
    const char *script, *error, *message;
} wrong[] = {
    {"exit 3", "EIO", "ended in start without an answer"},
    {"echo command TPM2_Quote; kill -9 $$", "EIO", "ended in TPM2_Quote without an answer"},
    {"echo command TPM2_Quote; exec >&-; sleep 5", "EIO", "ended in TPM2_Quote without an answer"},
    {"echo nonsense", "EIO", "an answer that is none"},
    {"echo '{\"ko\":true}'", "EIO", "an answer that is none"},
    {"echo '[1]'", "EIO", "an answer that is none"},
    {"printf '{\"ok\":true}\\0\\n'", "EIO", "an answer that is none: something follows"},
    {"echo '{\"ok\":true} {\"ok\":false}'", "EIO", "an answer that is none"},
    {"printf '{\"ok\":true,\"evidence\":\"QQ==\\\\u0000\"}\\n'", "EIO", "evidence: a zero byte"},
    {"echo '{\"ok\":true,\"n\":18446744073709551616}'", "EIO", "n: a whole number beyond 64 bits"},
    {"echo '{\"ok\":\"yes\"}'", "EIO", "an answer that is none"},
    {"echo '{\"ok\":null}'", "EIO", "an answer that is none"},
    {"echo '{\"ok\":tr'", "EIO", "an answer that is none"},
    {"printf '{\"ok\":true}'", "EIO", "without an answer"}, /* no end of the line */
    {"head -c 600000 /dev/zero | tr '\\0' x; sleep 5", "EIO", "an answer that is none"},
    {"head -c 524288 /dev/zero | tr '\\0' x; sleep 5", "EIO", "an answer that is none"},
    {"sleep 9", "ETIMEDOUT", "start: the TPM did not answer within 1 s"},
    {"trap '' TERM INT; echo command TPM2_Quote; sleep 9", "ETIMEDOUT",
     "TPM2_Quote: the TPM did not"},
};

START_TEST(goes_wrong)
{
    char script[256];

    /* The second time all is well. */
    snprintf(script, sizeof(script),
             "[ -e $0.again ] && echo '{\"ok\":true}' && exit; >$0.again; %s", wrong[_i].script);
    program(script);
    ck_assert_int_eq(ask("{}", NULL), 0);
    ck_assert_int_eq(ask("{}", NULL), 0);
    run(2);
    failed(0, wrong[_i].error, wrong[_i].message);
    ck_assert_str_eq(text_of(1, "ok"), "true");
}
END_TEST

START_TEST(each_command_has_its_own_time)
{
    program("for i in 1 2 3; do echo command TPM2_$i; sleep 0.6; done; echo '{\"ok\":true}'");
    ck_assert_int_eq(ask("{}", NULL), 0);
    run(1);
    ck_assert_str_eq(text_of(0, "ok"), "true");
}
END_TEST

START_TEST(no_program)
{
    strcpy(config.tpm_helper, "/nonexistent/helper");
    ck_assert_int_eq(ask("{}", NULL), 0);
    ck_assert_int_eq(ask("{}", NULL), 0);
    run(2);
    failed(0, "ENOENT", "/nonexistent/helper cannot be started");
    failed(1, "ENOENT", "/nonexistent/helper cannot be started");
}
END_TEST

START_TEST(nobody_waits_any_more)
{
    int other;

    program("sleep 0.2; echo '{\"ok\":true}'");
    ck_assert_int_eq(ask("{}", &other), 0);
    ck_assert_int_eq(ask("{}", &count), 0);
    ck_assert_int_eq(ask("{}", &other), 0);
    ck_assert_int_eq(ask("{}", &config), 0);
    helper_forget(&other);
    run(2);
    ck_assert_ptr_eq(contexts[0], &count);
    ck_assert_ptr_eq(contexts[1], &config);
}
END_TEST

START_TEST(too_many)
{
    program("echo '{\"ok\":true}'");
    for (unsigned int i = 0; i < HELPER_MAX_WAITING; i++)
        ck_assert_int_eq(ask("{}", NULL), 0);
    ck_assert_int_eq(ask("{}", NULL), -EBUSY);
    run(1); /* the rest ends in teardown, unanswered */
}
END_TEST

/* While a TPM hangs, nothing else waits. */
START_TEST(the_loop_goes_on)
{
    program("echo command TPM2_CreatePrimary; sleep 9");
    ck_assert_int_eq(ask("{}", NULL), 0);
    run(1);
    failed(0, "ETIMEDOUT", "TPM2_CreatePrimary");
    ck_assert_uint_lt(longest, 900); /* ticks come each 250 ms; much is left for a busy machine */
}
END_TEST

/* --- jobs that ask back ----------------------------------------------------------------------- */

static const char *reply_with; /* NULL: none */
static char *shorten;          /* where the reply ends the second time */
static char asked[64];

static char *reply(void *context, json_object *question)
{
    ck_assert_ptr_eq(context, &count);
    snprintf(asked, sizeof(asked), "%s", json_object_get_string(question));
    char *copy = reply_with ? strdup(reply_with) : NULL;
    if (shorten)
        *shorten = 0;
    return copy;
}

static int converse_as(void *context)
{
    return helper_converse(json_tokener_parse("{}"), reply, take, context);
}

static int converse(void)
{
    return converse_as(&count);
}

#define ASK "echo command TPM2_One; printf '{\"question\":{\"n\":1}}\\n'; "
#define ANSWER "printf '{\"ok\":true,\"got\":\"%s\"}\\n' \"$line\""

START_TEST(asks_back)
{
    program(ASK "read line <&3; " ANSWER);
    reply_with = "a word";
    ck_assert_int_eq(converse(), 0);
    run(1);
    ck_assert_str_eq(text_of(0, "got"), "a word");
    ck_assert_str_eq(asked, "{ \"n\": 1 }");
}
END_TEST

START_TEST(a_place_for_those_with_questions)
{
    program("printf '{\"ok\":true}\\n'");
    for (unsigned int i = 0; i < HELPER_MAX_WAITING; i++)
        ck_assert_int_eq(ask("{}", NULL), 0);
    ck_assert_int_eq(ask("{}", NULL), -EBUSY);
    for (unsigned int i = 0; i < HELPER_OWN_PLACES; i++)
        ck_assert_int_eq(converse(), 0);
    ck_assert_int_eq(converse(), -EBUSY);
    ck_assert_int_eq(ask("{}", NULL), -EBUSY);
}
END_TEST

/* Behind the one under way, and in their order. */
START_TEST(those_with_questions_first)
{
    program("sleep 0.3; printf '{\"ok\":true}\\n'");
    ck_assert_int_eq(ask("{}", (void *)1), 0);
    ck_assert_int_eq(ask("{}", (void *)2), 0);
    wanted = 1;
    deadline = loop_now() + 100;
    loop_run(); /* the first is under way */
    ck_assert_uint_eq(count, 0);
    ck_assert_int_eq(converse_as((void *)3), 0);
    ck_assert_int_eq(converse_as((void *)4), 0);
    ck_assert_int_eq(ask("{}", (void *)5), 0);
    run(5);
    static const uintptr_t order[] = {1, 3, 4, 2, 5};
    for (unsigned int i = 0; i < 5; i++)
        ck_assert_uint_eq((uintptr_t)contexts[i], order[i]);
}
END_TEST

/* Each question has its own time, as each command has. */
START_TEST(asks_back_often)
{
    program("for i in 1 2 3; do sleep 0.6; " ASK "read line <&3; done; " ANSWER);
    reply_with = "word";
    ck_assert_int_eq(converse(), 0);
    run(1);
    ck_assert_str_eq(text_of(0, "got"), "word");
}
END_TEST

static const struct {
    const char *script, *error, *message;
    bool silent; /* there is no reply */
} badly[] = {
    {ASK "read line <&3; " ANSWER, "ECANCELED", "TPM2_One: the job was given up", true},
    {ASK "exec 3<&-; sleep 5", "EIO", "ended in TPM2_One without an answer", false},
    {ASK "exit", "EIO", "ended in TPM2_One without an answer", false},
    {ASK "read line <&3; sleep 9", "ETIMEDOUT", "TPM2_One: the TPM did not answer", false},
    {ASK "sleep 9", "ETIMEDOUT", "TPM2_One: the TPM did not answer", false},
    /* More questions than replies fit: it does not read them. */
    {"while :; do " ASK "done", "ECANCELED", "TPM2_One: the job was given up", false},
};

START_TEST(asks_back_badly)
{
    char script[512], closed[64] = "";

    snprintf(script, sizeof(script),
             "[ -e $0.again ] && echo '{\"ok\":true}' && exit; >$0.again; %s", badly[_i].script);
    program(script);
    reply_with = badly[_i].silent ? NULL : "word";
    ck_assert_int_eq(converse(), 0);
    ck_assert_int_eq(ask("{}", NULL), 0);
    run(2);
    snprintf(closed, sizeof(closed), "%s", text_of(0, "error"));
    /* Whoever closes its end is found out there, or by its end. */
    if (_i != 1 && _i != 2)
        failed(0, badly[_i].error, badly[_i].message);
    else
        ck_assert_msg(!strcmp(closed, "EIO") || !strcmp(closed, "ECANCELED") ||
                          !strcmp(closed, "ETIMEDOUT"),
                      "%s", closed);
    ck_assert_str_eq(text_of(1, "ok"), "true");
}
END_TEST

START_TEST(a_question_of_a_job_that_has_none)
{
    program(ASK "sleep 5");
    ck_assert_int_eq(ask("{}", NULL), 0);
    run(1);
    failed(0, "EIO", "an answer that is none");
}
END_TEST

START_TEST(a_reply_too_long)
{
    char text[HELPER_MAX_REPLY + 2];

    memset(text, 'x', sizeof(text));
    text[HELPER_MAX_REPLY + 1] = 0;
    reply_with = text;
    program(ASK "read line <&3; " ANSWER);
    ck_assert_int_eq(converse(), 0);
    ck_assert_int_eq(converse(), 0);
    shorten = text + HELPER_MAX_REPLY;
    run(2);
    failed(0, "ECANCELED", "TPM2_One");
    ck_assert_str_eq(text_of(1, "got"), text);
}
END_TEST

START_TEST(its_process_goes_with_us)
{
    char line[32] = "";
    pid_t pid;

    program("echo $$ >$0.pid; echo command TPM2_Quote; exec sleep 60");
    ck_assert_int_eq(ask("{}", NULL), 0);
    wanted = 1;
    deadline = loop_now() + 600;
    loop_run();
    strcat(config.tpm_helper, ".pid");
    FILE *file = fopen(config.tpm_helper, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    fclose(file);
    pid = (pid_t)atoi(line);
    ck_assert_int_eq(kill(pid, 0), 0);
    helper_finalise();
    for (int i = 0; i < 200 && !kill(pid, 0); i++) {
        waitpid(pid, NULL, WNOHANG);
        usleep(10000);
    }
    ck_assert_int_eq(kill(pid, 0), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("helper");
    TCase *tests = tcase_create("jobs");

    tcase_set_timeout(tests, 30);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, answers_with_the_request);
    tcase_add_test(tests, in_their_order);
    tcase_add_test(tests, large);
    tcase_add_loop_test(tests, goes_wrong, 0, sizeof(wrong) / sizeof(wrong[0]));
    tcase_add_test(tests, each_command_has_its_own_time);
    tcase_add_test(tests, no_program);
    tcase_add_test(tests, nobody_waits_any_more);
    tcase_add_test(tests, too_many);
    tcase_add_test(tests, the_loop_goes_on);
    tcase_add_test(tests, a_place_for_those_with_questions);
    tcase_add_test(tests, those_with_questions_first);
    tcase_add_test(tests, asks_back);
    tcase_add_test(tests, asks_back_often);
    tcase_add_loop_test(tests, asks_back_badly, 0, sizeof(badly) / sizeof(badly[0]));
    tcase_add_test(tests, a_question_of_a_job_that_has_none);
    tcase_add_test(tests, a_reply_too_long);
    tcase_add_test(tests, its_process_goes_with_us);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
