/* SPDX-License-Identifier: MIT */
/* What cloisterctl's commands share. */
#ifndef CLOISTER_CTL_H
#define CLOISTER_CTL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Exit statuses, as in cloisterctl(1). */
enum { CTL_OK = 0, CTL_PROBLEM = 1, CTL_USAGE = 2, CTL_NO_DAEMON = 3 };

#define CTL_MAX_REPORTS 15u

struct ctl_options {
    bool json;
    bool follow;         /* trace */
    long lines;          /* trace; -1: not given */
    const char *anchor;  /* verify-log */
    const char *monitor; /* verify-log */
    const char *nonce;   /* evidence, heartbeat; NULL: not given, as all that follow */
    const char *output;
    const char *reports[CTL_MAX_REPORTS]; /* evidence */
    unsigned int report_count;
    const char *socket;
    const char *ticket, *ca, *helper; /* enrol, attest */
    char **arguments;                 /* what is no option, behind the command */
    int count;
};

int command_status(const struct ctl_options *options);
int command_domains(const struct ctl_options *options);
int command_enclaves(const struct ctl_options *options);
int command_quota(const struct ctl_options *options);
int command_counters(const struct ctl_options *options);
int command_destroy(const struct ctl_options *options);
int command_trace(const struct ctl_options *options);
int command_audit(const struct ctl_options *options);
int command_lockdown(const struct ctl_options *options);
int command_boot(const struct ctl_options *options);
int command_verify_log(const struct ctl_options *options);
int command_evidence(const struct ctl_options *options);
int command_heartbeat(const struct ctl_options *options);
int command_tpm(const struct ctl_options *options);
int command_activate(const struct ctl_options *options);
int command_enrol(const struct ctl_options *options);
int command_attest(const struct ctl_options *options);

/* {"command": name} */
json_object *ctl_request(const char *name);

/*
 * Asks the daemon; the answer is to be released. NULL: refused or not reachable; *status is then the
 * exit status, and what is wrong was printed (with --json: as an object on standard output).
 */
json_object *ctl_ask(const struct ctl_options *options, json_object *request, int *status);

/* Says what is wrong, in the form that --json or people want; returns `status`. */
__attribute__((format(printf, 4, 5))) int ctl_fail(const struct ctl_options *options, int status,
                                                   const char *error, const char *format, ...);
int ctl_no_daemon(const struct ctl_options *options);

/* The object on a line of its own. */
void ctl_print_json(json_object *object);

/* Members; "" and 0 where there is none. */
const char *ctl_text(json_object *object, const char *key);
/*
 * The same for what others have named: as a shell takes it, so that it can be given to a command again: plain, 'with
 * blanks', or $'with \n and \033'. Four of them may be in use at a time.
 */
const char *ctl_name(json_object *object, const char *key);
uint64_t ctl_number(json_object *object, const char *key);
bool ctl_flag(json_object *object, const char *key);
json_object *ctl_member(json_object *object, const char *key);

/* Number of frames as "64 MiB"; the buffer is one of eight that take turns. */
const char *ctl_size(uint64_t frames);
const char *ctl_decimal(uint64_t number);

#endif
