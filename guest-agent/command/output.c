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

int command_usage(const char *format, ...)
{
    va_list arguments;

    fputs("cloister: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs("\nTry 'cloister --help'.\n", stderr);
    return EXIT_USAGE;
}
