/* SPDX-License-Identifier: MIT */
/* The parts of the `cloister` command. */
#ifndef CLOISTER_COMMAND_H
#define CLOISTER_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/options.h"
#include "libcloister/cloister.h"

/* Exit codes: cloister(1). */
enum {
    EXIT_USAGE = 2,
    EXIT_FILE = 3,    /* a file cannot be read or written */
    EXIT_AGENT = 4,   /* no agent, or no link to the host */
    EXIT_REFUSED = 5, /* agent, host or monitor refused to load the image */
    EXIT_CALL = 6,    /* the call failed; the code inside is unharmed */
    EXIT_FAULT = 7,   /* the code inside faulted, or the enclave is gone */
};

/* Each runs one subcommand; words[0] is its name. They return an exit code. */
int command_run(int count, char **words);
int command_status(int count, char **words);
int command_list(int count, char **words);
int command_evidence(int count, char **words);

/* Says on standard error (json: as an object on standard output) what went wrong. */
int command_failed(const struct cloister_error *error, int exit_code, bool json);
/* Wrong usage, of a subcommand, or (NULL) of the command itself. */
__attribute__((format(printf, 2, 3))) int command_usage(const char *command, const char *format,
                                                        ...);
/* options_take() of a subcommand; the command's --help is that of all. */
int command_options(int count, char **words, const struct option *known, const char *letters,
                    bool arguments, int (*take)(char **words, int option, void *context),
                    void *context);

/* A text as a JSON string, with quotes. */
void json_text(FILE *file, const char *text);
void print_hex(FILE *file, const uint8_t *data, size_t size);
/* A number, decimal or, behind 0x, hexadecimal; false if it is none or more than `max`. */
bool parse_number(const char *text, uint64_t max, uint64_t *value);

/* Bytes to give to a call. */
struct bytes {
    uint8_t *data;
    size_t size;
};
/* 0 or a negative errno; "-" is standard input. */
__attribute__((warn_unused_result)) int read_file(const char *path, struct bytes *bytes);
__attribute__((warn_unused_result)) int write_file(const char *path, const uint8_t *data,
                                                   size_t size);
/* -EINVAL: an odd number of digits, or something else than digits, spaces and colons. */
__attribute__((warn_unused_result)) int read_hex(const char *text, struct bytes *bytes);

#endif
