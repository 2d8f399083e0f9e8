/* SPDX-License-Identifier: MIT */
#include "agent/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static enum log_level limit = LOG_LEVEL_INFO;
static bool journal;

void log_start(enum log_level threshold)
{
    limit = threshold;
    journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_write(enum log_level level, const char *format, ...)
{
    char line[512];
    va_list arguments;

    if (level > limit)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    /* Names in images are anybody's: no line breaks, no terminal codes. */
    for (char *at = line; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    if (journal)
        fprintf(stderr, "<%d>%s\n", (int)level, line);
    else
        fprintf(stderr, "cloister-agent: %s%s\n",
                level == LOG_LEVEL_ERROR     ? "error: "
                : level == LOG_LEVEL_WARNING ? "warning: "
                                             : "",
                line);
}
