/* SPDX-License-Identifier: MIT */
/* cloister-image: makes and examines enclave images. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/output.h"
#include "command.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"build", command_build, "make and sign an image of a program"},
    {"info", command_info, "show what an image says about itself"},
    {"measure", command_measure, "compute an image's measurement from its pages"},
    {"verify", command_verify, "check an image's signature and measurement"},
    {"keygen", command_keygen, "make an author's key"},
};

static void help(FILE *stream)
{
    fprintf(stream, "usage: cloister-image COMMAND [OPTION...] FILE\n\n"
                    "Makes and examines Cloister enclave images.\n\n");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        fprintf(stream, "  %-8s %s\n", commands[i].name, commands[i].summary);
    }
    fprintf(stream,
            "\n  --help, --version\n\n"
            "`cloister-image COMMAND --help` explains a command; cloister-image(1) explains "
            "all.\nExit status: 0 good; 1 refused: not valid, or does not verify; 2 usage; "
            "3 a file cannot be\nread or written.\n");
}

void complain(const char *format, ...)
{
    va_list arguments;

    fputs("cloister-image: ", stderr);
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

static int run(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return STATUS_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        help(stdout);
        return STATUS_GOOD;
    }
    if (!strcmp(argv[1], "--version")) {
        puts("cloister-image " CLOISTER_VERSION);
        return STATUS_GOOD;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (!strcmp(argv[1], commands[i].name)) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    complain("unknown command '%s' (see cloister-image --help)", argv[1]);
    return STATUS_USAGE;
}

int main(int argc, char **argv)
{
    if (output_begin()) {
        return STATUS_FILE;
    }
    return output_end("cloister-image", run(argc, argv), STATUS_FILE);
}
