/* SPDX-License-Identifier: MIT */
/* Once, or on a schedule; and what became of it. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "attest/client.h"
#include "base/say.h"

#define LEAST_PAUSE 5.0 /* s */

static void date_text(int64_t seconds, char text[32])
{
    time_t moment = (time_t)seconds;
    struct tm broken;

    gmtime_r(&moment, &broken);
    strftime(text, 32, "%Y-%m-%d %H:%M:%S UTC", &broken);
}

static int exit_status(const struct client_attempt *attempt)
{
    return attempt->result == WEB_DONE ? CLIENT_OK
           : attempt->no_daemon        ? CLIENT_NO_DAEMON
                                       : CLIENT_PROBLEM;
}

int client_once(const struct client *client)
{
    struct client_attempt attempt;
    char date[32];

    client_attest(client, &attempt);
    if (attempt.result != WEB_DONE)
        return client_fail(client, exit_status(&attempt), "%s", attempt.why);
    date_text(attempt.expires, date);
    if (client->json)
        printf("{\"ok\":true,\"expires\":%" PRId64 "}\n", attempt.expires);
    else
        printf("accepted: the token is good until %s\n", date);
    return CLIENT_OK;
}

/* --- on a schedule ---------------------------------------------------------------------------- */

/* Until the next attempt, s. */
static double pause_after(const struct client *client, const struct client_attempt *attempt,
                          unsigned int failures)
{
    struct client_settings settings;
    char why[STATE_WHY];
    double pause;

    if (attempt->result != WEB_DONE)
        return client_backoff(failures, attempt->retry_after);
    pause = (double)(attempt->expires - client_now()) / 2;
    if (client_settings(client, &settings, why) && settings.interval)
        pause = settings.interval;
    pause = client_jitter(pause);
    return pause < LEAST_PAUSE ? LEAST_PAUSE : pause;
}

/* A trouble is said when it begins, when it is another one, and after 2, 4, 8... attempts. */
static void say_outcome(const struct client_attempt *attempt, unsigned int failures,
                        char before[STATE_WHY])
{
    if (attempt->result == WEB_DONE) {
        if (*before)
            say_info("attested again, after: %s", before);
        before[0] = 0;
        return;
    }
    if (strcmp(before, attempt->why) || (failures & (failures - 1)) == 0)
        say_warning("attempt %u: %s", failures, attempt->why);
    memcpy(before, attempt->why, STATE_WHY);
}

int client_run(const struct client *client)
{
    char before[STATE_WHY] = "not yet";
    unsigned int failures = 0;
    struct client_attempt attempt;
    int signal = 0;

    say_initialise("cloister-attest", SAY_INFO);
    while (signal != SIGTERM && signal != SIGINT) {
        client_attest(client, &attempt);
        failures = attempt.result == WEB_DONE ? 0 : failures + 1;
        if (!web_is_ending())
            say_outcome(&attempt, failures, before);
        signal = client_sleep(pause_after(client, &attempt, failures));
    }
    return CLIENT_OK;
}

/* --- what became of it ------------------------------------------------------------------------ */

static json_object *describe(json_object *enrolment, json_object *last, bool valid)
{
    static const char *const numbers[] = {"attempt", "success", "expires", "failures"};
    json_object *object = json_object_new_object();

    json_object_object_add(object, "ok", json_object_new_boolean(valid));
    state_add(object, "url", state_text(enrolment, "url"));
    state_add(object, "host", state_text(enrolment, "host"));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const int64_t number = state_number(last, numbers[i]);

        json_object_object_add(object, numbers[i],
                               number || i == 3 ? json_object_new_int64(number) : NULL);
    }
    state_add(object, "problem", *state_text(last, "problem") ? state_text(last, "problem") : NULL);
    return object;
}

static void print_status(json_object *enrolment, json_object *last, bool valid)
{
    char date[32];

    printf("service      %s\nhost         %s\n", state_text(enrolment, "url"),
           state_text(enrolment, "host"));
    if (state_number(last, "success")) {
        date_text(state_number(last, "success"), date);
        printf("attested     %s\n", date);
        date_text(state_number(last, "expires"), date);
        printf("token        %s %s\n", valid ? "good until" : "ended at", date);
    } else {
        puts("attested     not yet");
    }
    if (*state_text(last, "problem"))
        printf("problem      %s (%" PRId64 " times)\n", state_text(last, "problem"),
               state_number(last, "failures"));
}

int client_status(const struct client *client)
{
    char why[STATE_WHY], ignored[STATE_WHY];
    json_object *enrolment = state_read(STATE_ENROLMENT, why), *last, *object;
    bool valid;

    if (!enrolment)
        return client_fail(client, CLIENT_PROBLEM, "%s",
                           *why ? why
                                : "this host is not enrolled: 'cloisterctl enrol URL --ticket "
                                  "TICKET'");
    last = state_read(STATE_LAST, ignored);
    valid = last && state_number(last, "expires") > client_now();
    if (client->json) {
        object = describe(enrolment, last, valid);
        puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                        JSON_C_TO_STRING_NOSLASHESCAPE));
        json_object_put(object);
    } else {
        print_status(enrolment, last, valid);
    }
    json_object_put(last);
    json_object_put(enrolment);
    return valid ? CLIENT_OK : CLIENT_PROBLEM;
}
