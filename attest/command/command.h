/* SPDX-License-Identifier: MIT */
/* What the subcommands of cloister-verify share. */
#ifndef CLOISTER_VERIFY_COMMAND_H
#define CLOISTER_VERIFY_COMMAND_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "cloister/evidence.h"
#include "cloister/predict.h"
#include "cloister/tracelog.h"
#include "cloister/verify.h"

/* Exit status. */
enum {
    STATUS_ACCEPTED = 0,
    STATUS_REFUSED = 1, /* the evidence is refused, or is none; the machine is not as planned */
    STATUS_USAGE = 2,
    STATUS_INPUT = 3, /* a file cannot be read, or a policy or plan is not valid */
};

/* Each takes the arguments after the subcommand's name, argv[0] being that name. */
int command_verify(int argc, char **argv);
int command_show(int argc, char **argv);
int command_predict(int argc, char **argv);
int command_token(int argc, char **argv);
int command_heartbeat(int argc, char **argv);
int command_authorize(int argc, char **argv);

/* Says what is wrong on standard error, as one line. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Complains, points to the subcommand's --help, returns STATUS_USAGE. */
int complain_usage(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* options_take() of a subcommand that has options alone; OPTIONS_DONE after --help. */
int command_options(int argc, char **argv, const struct option *options, const char *help,
                    int (*take)(char **argv, int option, void *inputs), void *inputs);
/* The value of an option: `least` to `most` bytes in hexadecimal; a decimal number in that range.
 * 0, or STATUS_USAGE after having complained. */
int option_hex(const char *command, const char *option, uint8_t *bytes, size_t least, size_t most,
               size_t *size);
int option_number(const char *command, const char *option, uint64_t least, uint64_t most,
                  uint64_t *number);

/* A whole file, which the caller frees, with a zero behind it. STATUS_INPUT after having
 * complained; a file larger than `limit` is such a failure. */
int file_read(const char *path, size_t limit, uint8_t **data, size_t *size);
/* A policy, which the caller frees. The same. */
int policy_read(const char *path, struct cloister_policy **policy);

/*
 * Adds the events of a plan file (cloister-verify(1)), and those of `boot` where it says so, else at its
 * end. 0 or STATUS_INPUT after having complained.
 */
int plan_read(struct cloister_plan *plan, const char *path, const struct cloister_grub_xen *boot);
/* Adds the values of the PCRs 0 .. 7 that the plan has nothing about. The same. */
int plan_reference(struct cloister_plan *plan, const char *path);
/*
 * PCR values as tpm2_pcrread or `cloister-verify predict` prints them, or "INDEX VALUE" in each line; room
 * for CLOISTER_EVIDENCE_PCRS.
 * The same.
 */
int pcrs_read(const char *path, struct cloister_pcr *pcrs, size_t *count);
/*
 * Compares the files of a trace log, in order, with a verified heartbeat of that host. 0: its records are those that
 * the heartbeat signs; -EACCES: *refusal says why not; STATUS_INPUT after having complained.
 */
int logs_compare(const char *const *paths, size_t count, const struct cloister_claims *host,
                 const struct cloister_report *heartbeat, struct cloister_tracelog_summary *summary,
                 struct cloister_refusal *refusal);
/* Complains about an error of cloister_plan_*() with this file or text; returns STATUS_INPUT. */
int plan_failed(int rc, const char *what);

/*
 * Compares a plan with the PCR values and the event log in evidence, or in files (`log` NULL: none).
 * What is wrong with a log, and why it was not used, is said. 0 or 1 as cloister_plan_compare(), or a
 * negative errno after having complained.
 */
int predict_compare_evidence(const struct cloister_plan *plan, const char *path,
                             struct cloister_difference *difference);
int predict_compare_values(const struct cloister_plan *plan, const char *path, const char *log,
                           struct cloister_difference *difference);
/* A difference as JSON; as text, on standard output. */
json_object *predict_difference(const struct cloister_difference *difference);
void predict_print_difference(const struct cloister_plan *plan,
                              const struct cloister_difference *difference);

/* Members of a JSON object. Running out of memory ends the program. */
json_object *out_new(void);
json_object *out_list(void);
void out_add(json_object *object, const char *key, json_object *value);
void out_text(json_object *object, const char *key, const char *text);
void out_hex(json_object *object, const char *key, const uint8_t *bytes, size_t size);
void out_count(json_object *object, const char *key, uint64_t number);
void out_truth(json_object *object, const char *key, bool truth);
/* The names of the flags, as a list. */
void out_flags(json_object *object, const char *key, uint32_t flags);
/* Its "refusal": step, code and what was found. */
void out_refusal(json_object *object, const struct cloister_refusal *refusal);
/* The same as text, on standard output. */
void refusal_print(const struct cloister_refusal *refusal);
/* Prints it on standard output and releases it. */
void out_print(json_object *object);

#endif
