/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    bool control, controlled;
    bool refused;
    bool final; /* `how` is of a try that was not refused */
    unsigned long tries;
    char how[256];
    char numbers[512];
} report = {.control = true, .refused = true};

void report_control(bool ok, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "control: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s\n", ok ? "" : "  <-- should have succeeded");
    report.control = report.control && ok;
    report.controlled = true;
}

void report_try(bool refused, const char *format, ...)
{
    char text[sizeof(report.how)];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    fprintf(stderr, "try: %s%s\n", text, refused ? "" : "  <-- NOT as it must be");
    if (!report.tries || (!refused && !report.final)) {
        memcpy(report.how, text, sizeof(text));
    }
    report.final = report.final || !refused;
    report.refused = report.refused && refused;
    report.tries++;
}

bool report_errno(long got, int wanted, const char *what)
{
    return report_errno2(got, wanted, wanted, what);
}

bool report_errno2(long got, int wanted, int also, const char *what)
{
    bool ok = got == -wanted || got == -also;

    report_try(ok, "%s: %s%s", what, got < 0 ? "-" : "", errno_name(got));
    return ok;
}

void report_number(const char *name, unsigned long value)
{
    size_t used = strlen(report.numbers);

    snprintf(report.numbers + used, sizeof(report.numbers) - used, ", \"%s\": %lu", name, value);
}

static void print_json_string(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            putchar('\\');
        }
        putchar(*text >= ' ' && *text <= '~' ? *text : ' ');
    }
    putchar('"');
}

int report_end(void)
{
    bool control = report.control && report.controlled;
    bool refused = report.refused && report.tries;

    printf("{\"control\": %s, \"refused\": %s, \"tries\": %lu%s, \"how\": ",
           control ? "true" : "false", refused ? "true" : "false", report.tries, report.numbers);
    print_json_string(report.how);
    printf("}\n");
    fflush(stdout);
    return control && refused ? 0 : 1;
}

void report_cannot(const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "cannot try: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    exit(2);
}

const char *errno_name(long error)
{
    static char number[24];
    const char *name = strerrorname_np(error < 0 ? -error : error);

    if (error && name) {
        return name;
    }
    snprintf(number, sizeof(number), "%ld", error);
    return number;
}
