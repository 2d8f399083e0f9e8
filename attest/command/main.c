/* SPDX-License-Identifier: MIT */
/* cloister-verify: judges evidence, heartbeats and tokens, shows evidence, predicts and authorizes PCR values. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/number.h"
#include "base/output.h"
#include "command/command.h"

#define PROGRAM "cloister-verify"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"verify", command_verify, "judge evidence by a policy"},
    {"heartbeat", command_heartbeat, "judge a heartbeat between two quotes"},
    {"show", command_show, "show what evidence says, without believing it"},
    {"token", command_token, "check a token of an attestation service"},
    {"predict", command_predict, "compute PCR values from files, or say which file differs"},
    {"authorize", command_authorize, "sign a boot configuration for hosts with an update key"},
};

static void help(FILE *stream)
{
    fprintf(stream, "usage: cloister-verify COMMAND [OPTION...]\n\n"
                    "Verifies attestation evidence of Cloister hosts and enclaves.\n\n");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        fprintf(stream, "  %-9s %s\n", commands[i].name, commands[i].summary);
    }
    fprintf(stream, "\n  --help, --version\n\n"
                    "`cloister-verify COMMAND --help` explains a command; cloister-verify(1) "
                    "explains all.\nExit status: 0 accepted; 1 refused; 2 usage; 3 an input cannot "
                    "be read or is not valid,\nor the output cannot be written.\n");
}

void complain(const char *format, ...)
{
    va_list arguments;

    fputs("cloister-verify: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

int complain_usage(const char *command, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    options_complain_list(PROGRAM, command, format, arguments);
    va_end(arguments);
    return STATUS_USAGE;
}

int command_options(int argc, char **argv, const struct option *options, const char *help,
                    int (*take)(char **argv, int option, void *inputs), void *inputs)
{
    const struct options known = {
        .program = PROGRAM, .command = argv[0], .list = options, .help = help, .take = take};

    return options_take(&known, argc, argv, inputs);
}

int option_hex(const char *command, const char *option, uint8_t *bytes, size_t least, size_t most,
               size_t *size)
{
    int found = hex_read(optarg, bytes, most);
    char wanted[40];

    if (found < 0 || (size_t)found < least) {
        snprintf(wanted, sizeof(wanted), least == most ? "%zu bytes" : "%zu to %zu bytes", least,
                 most);
        return complain_usage(command, "%s: %s in hexadecimal expected, not '%.140s'", option,
                              wanted, optarg);
    }
    *size = (size_t)found;
    return 0;
}

int option_number(const char *command, const char *option, uint64_t least, uint64_t most,
                  uint64_t *number)
{
    char wanted[48];

    if (number_read(optarg, 10, least, most, number)) {
        return 0;
    }
    snprintf(wanted, sizeof(wanted),
             most == UINT64_MAX ? "%" PRIu64 " or more" : "%" PRIu64 " to %" PRIu64, least, most);
    return complain_usage(command, "%s: %s expected, not '%.40s'", option, wanted, optarg);
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return STATUS_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        help(stdout);
        return STATUS_ACCEPTED;
    }
    if (!strcmp(argv[1], "--version")) {
        puts(PROGRAM " " CLOISTER_VERSION);
        return STATUS_ACCEPTED;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (!strcmp(argv[1], commands[i].name)) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    complain("no command '%s' (see cloister-verify --help)", argv[1]);
    return STATUS_USAGE;
}

int main(int argc, char **argv)
{
    if (output_begin()) {
        return STATUS_INPUT;
    }
    return output_end(PROGRAM, run(argc, argv), STATUS_INPUT);
}
