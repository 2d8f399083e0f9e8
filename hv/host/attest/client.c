/* SPDX-License-Identifier: MIT */
#include "attest/client.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/settings.h"
#include "ctl/client.h"

#define BACKOFF_MOST 300.0

static bool read_format(const struct setting *setting, void *field, const char *value,
                        char expected[SETTINGS_EXPECTED])
{
    if (strcmp(value, "jwt") && strcmp(value, "cwt") && strcmp(value, "ear")) {
        snprintf(expected, SETTINGS_EXPECTED, "jwt, cwt or ear");
        return false;
    }
    return setting_text(setting, field, value, expected);
}

static const struct setting list[] = {
    {"policy", setting_text, SETTING_FIELD(struct client_settings, policy), .fallback = "default"},
    {"audience", setting_text, SETTING_FIELD(struct client_settings, audience), .nothing = "none",
     .fallback = "none"},
    {"format", read_format, SETTING_FIELD(struct client_settings, format), .fallback = "jwt"},
    {"interval", setting_number, SETTING_FIELD(struct client_settings, interval), .fallback = "0",
     .most = 86400},
};

bool client_settings(const struct client *client, struct client_settings *settings,
                     char why[STATE_WHY])
{
    static const struct settings table = {.list = list,
                                          .count = sizeof(list) / sizeof(list[0]),
                                          .size = sizeof(struct client_settings)};

    settings_initialise(&table, settings);
    if (!client->config && access(CLIENT_CONFIG, F_OK) && errno == ENOENT)
        return true;
    return !settings_load(&table, settings, client->config ? client->config : CLIENT_CONFIG, why,
                          STATE_WHY);
}

json_object *client_host(const struct client *client, json_object *request, bool *absent,
                         char why[STATE_WHY])
{
    FILE *daemon = client_connect(client->socket);
    json_object *answer = NULL, *ok;

    *absent = true;
    if (daemon) {
        answer = client_ask(daemon, request);
        fclose(daemon);
    } else {
        json_object_put(request);
    }
    if (!answer) {
        snprintf(why, STATE_WHY,
                 errno == EACCES ? "%s is for root only (%s): use sudo"
                                 : "cloisterd does not answer at %s (%s): start it with "
                                   "'systemctl start cloisterd'",
                 client->socket, strerror(errno));
        return NULL;
    }
    *absent = false;
    if (json_object_object_get_ex(answer, "ok", &ok) && json_object_get_boolean(ok))
        return answer;
    snprintf(why, STATE_WHY, "cloisterd: %.400s", state_text(answer, "message"));
    json_object_put(answer);
    return NULL;
}

int64_t client_now(void)
{
    return time(NULL);
}

int client_sleep(double seconds)
{
    struct timespec pause = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    sigset_t wanted;
    int signal;

    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGHUP);
    signal = sigtimedwait(&wanted, NULL, &pause);
    return signal > 0 ? signal : 0;
}

/* 0 to 1. */
static double chance(void)
{
    uint32_t number = 0;

    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        number = UINT32_MAX / 2;
    return number / 4294967296.0;
}

double client_backoff(unsigned int failures, long retry_after)
{
    double most = failures > 8 ? BACKOFF_MOST : (double)(1u << failures);

    if (most > BACKOFF_MOST)
        most = BACKOFF_MOST;
    most *= 0.5 + chance() / 2;
    return most < (double)retry_after ? (double)retry_after + chance() : most;
}

double client_jitter(double seconds)
{
    return seconds * (0.9 + chance() / 5);
}

int client_fail(const struct client *client, int status, const char *format, ...)
{
    json_object *object;
    char text[STATE_WHY];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (!client->json) {
        fprintf(stderr, "cloisterctl: %s\n", text);
        return status;
    }
    object = json_object_new_object();
    json_object_object_add(object, "ok", json_object_new_boolean(false));
    state_add(object, "message", text);
    puts(json_object_to_json_string_ext(object,
                                        JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(object);
    return status;
}
