/* SPDX-License-Identifier: MIT */
/* What the parts of cloister-attest share: its settings, its jobs, and how it asks cloisterd. */
#ifndef CLOISTER_ATTEST_CLIENT_H
#define CLOISTER_ATTEST_CLIENT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "attest/state.h"
#include "attest/web.h"

#define CLIENT_CONFIG CLOISTER_ETC "/attest.conf"
#define CLIENT_POLICY 65u
#define CLIENT_AUDIENCE 257u

struct client_settings {
    char policy[CLIENT_POLICY];     /* what the service shall judge by */
    char audience[CLIENT_AUDIENCE]; /* whom the token is for; "": nobody in particular */
    char format[8];                 /* jwt, cwt or ear */
    uint32_t interval;              /* seconds between attestations; 0: half of the token's time */
};

struct client {
    const char *config; /* the file of the settings; NULL: CLIENT_CONFIG, which may be missing */
    const char *socket; /* of cloisterd */
    bool json;
};

/* Exit statuses: those of cloisterctl(1). */
enum { CLIENT_OK = 0, CLIENT_PROBLEM = 1, CLIENT_USAGE = 2, CLIENT_NO_DAEMON = 3 };

/* False after `why`, which names the file and the line. */
__attribute__((warn_unused_result)) bool
client_settings(const struct client *client, struct client_settings *settings, char why[STATE_WHY]);

/*
 * cloisterd's answer to a request, which is released. NULL after `why`; *absent then: it does not
 * answer at all.
 */
json_object *client_host(const struct client *client, json_object *request, bool *absent,
                         char why[STATE_WHY]);

/* Seconds since 1970, and a pause, which SIGTERM and SIGHUP end where they are blocked. */
int64_t client_now(void);
/* The signal that has ended the pause, or 0. */
int client_sleep(double seconds);
/* Before attempt number `failures` + 1, 1 and more: exponential, at most 300 s, half of it by chance. */
double client_backoff(unsigned int failures, long retry_after);
/* `seconds`, a tenth more or less by chance: hosts that were started together part. */
double client_jitter(double seconds);

/* What became of one attempt to attest. */
struct client_attempt {
    enum web_result result;
    bool no_daemon;      /* cloisterd does not answer */
    long retry_after;    /* s, as the service wants it; 0: it does not say */
    int64_t expires;     /* of the token, where the result is WEB_DONE */
    char why[STATE_WHY]; /* else */
};
/* Attests once, keeps the token, notes what became of it. */
void client_attest(const struct client *client, struct client_attempt *attempt);

/* The commands; exit statuses. */
int client_enrol(const struct client *client, const char *url, const char *ticket, const char *ca);
int client_once(const struct client *client);
int client_run(const struct client *client);
int client_status(const struct client *client);

/* Says what is wrong, as people or, with --json, programs want it; returns `status`. */
__attribute__((format(printf, 3, 4))) int client_fail(const struct client *client, int status,
                                                      const char *format, ...);

#endif
