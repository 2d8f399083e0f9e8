/* SPDX-License-Identifier: MIT */
/* What the subcommands say, and how. */
#include "command/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

void json_text(FILE *file, const char *text)
{
    putc('"', file);
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at == '"' || *at == '\\')
            fprintf(file, "\\%c", *at);
        else if (*at < ' ' || *at == 0x7f)
            fprintf(file, "\\u%04x", *at);
        else
            putc(*at, file);
    }
    putc('"', file);
}

void print_hex(FILE *file, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        fprintf(file, "%02x", data[i]);
}

static const char *origin_name(unsigned int origin)
{
    switch (origin) {
    case CLOISTER_ORIGIN_AGENT:
        return "agent";
    case CLOISTER_ORIGIN_HOST:
        return "host";
    case CLOISTER_ORIGIN_ENCLAVE:
        return "enclave";
    default:
        return "library";
    }
}

int command_failed(const struct cloister_error *error, int exit_code, bool json)
{
    if (json) {
        printf("{\"ok\": false, \"origin\": \"%s\", \"errno\": %d, \"error\": ",
               origin_name(error->origin), error->code);
        json_text(stdout, error->text);
        if (error->reason)
            printf(", \"reason\": \"%s\"", cloister_reason_name(error->reason));
        printf(", \"found\": %" PRIu64 ", \"allowed\": %" PRIu64 "}\n", error->found,
               error->allowed);
    }
    fprintf(stderr, "cloister: %s\n", error->text);
    return exit_code;
}

int command_usage(const char *command, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    options_complain_list("cloister", command, format, arguments);
    va_end(arguments);
    return EXIT_USAGE;
}

int command_options(int count, char **words, const struct option *known, const char *letters,
                    bool arguments, int (*take)(char **words, int option, void *context),
                    void *context)
{
    const struct options options = {.program = "cloister",
                                    .command = words[0],
                                    .letters = letters,
                                    .list = known,
                                    .arguments = arguments,
                                    .take = take};

    return options_take(&options, count, words, context);
}
