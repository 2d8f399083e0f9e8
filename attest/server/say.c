/* SPDX-License-Identifier: MIT */
#include "server/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void say(enum say_level level, const char *format, ...)
{
    va_list arguments;
    char text[512];

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "cloister-attestd: %s\n", text);
    } else {
        fprintf(stderr, "<%d>%s\n", level, text);
    }
}
