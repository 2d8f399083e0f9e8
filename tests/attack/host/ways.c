/* SPDX-License-Identifier: MIT */
#include "ways.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

#define MAX_WAYS 64
#define SECONDS 20

static char said[160];
static sigjmp_buf fault;
static char **frame_words;
static int frame_count;

void way_says(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(said, sizeof(said), format, arguments);
    va_end(arguments);
}

bool way_outcome(long outcome)
{
    way_says("%s%s", outcome < 0 ? "-" : "", outcome < 0 ? errno_name(outcome) : "done");
    return outcome >= 0;
}

bool way_asked(long outcome)
{
    way_outcome(outcome);
    return outcome != -EPERM && outcome != -EACCES;
}

unsigned int ways_frames(uint64_t *frames, unsigned int capacity)
{
    unsigned int found = 0;

    for (int i = 0; i < frame_count && found < capacity; i++) {
        frames[found++] = strtoull(frame_words[i], NULL, 0);
    }
    return found;
}

static void on_fault(int signal)
{
    siglongjmp(fault, signal);
}

static bool works(bool (*work)(void))
{
    snprintf(said, sizeof(said), "done");
    int signal = sigsetjmp(fault, 1);
    if (signal) {
        way_says(signal == SIGALRM ? "no end" : "a fault");
        return false;
    }
    alarm(SECONDS);
    bool done = work();
    alarm(0);
    return done;
}

static bool wanted(const struct way *way, int count, char **names)
{
    for (int i = 0; i < count; i++) {
        if (!strcmp(names[i], way->name)) {
            return true;
        }
    }
    return !count && !way->ends;
}

static void print_names(const char *key, const char **names, unsigned int count)
{
    printf("\"%s\": [", key);
    for (unsigned int i = 0; i < count; i++) {
        printf("%s\"%s\"", i ? ", " : "", names[i]);
    }
    printf("]");
}

static int print_worked(const struct way *ways, int count, char **names, bool needs_met)
{
    const char *worked[MAX_WAYS], *refused[MAX_WAYS];
    unsigned int done = 0, not_done = 0;

    for (const struct way *way = ways; way->name; way++) {
        if (!wanted(way, count, names)) {
            continue;
        }
        fprintf(stderr, "%s: ", way->name);
        fflush(stderr);
        bool ok = works(way->work);
        fprintf(stderr, "%s, %s\n", ok ? "worked" : "did not work", said);
        if (ok && done < MAX_WAYS) {
            worked[done++] = way->name;
        } else if (!ok && not_done < MAX_WAYS) {
            refused[not_done++] = way->name;
        }
    }
    printf("{\"control\": %s, ", needs_met ? "true" : "false");
    print_names("worked", worked, done);
    printf(", ");
    print_names("refused", refused, not_done);
    printf("}\n");
    return 0;
}

int ways_main(int count, char **arguments, const struct way *ways, const struct need *needs)
{
    bool needs_met = true;

    for (int i = 2; i < count; i++) {
        if (!strcmp(arguments[i], "--")) {
            frame_words = arguments + i + 1;
            frame_count = count - i - 1;
            count = i;
        }
    }
    if (count < 2 || (strcmp(arguments[1], "try") && strcmp(arguments[1], "do"))) {
        fprintf(stderr, "usage: %s try|do [NAME...] [-- FRAME...]\n", arguments[0]);
        return 2;
    }
    signal(SIGSEGV, on_fault);
    signal(SIGBUS, on_fault);
    signal(SIGALRM, on_fault);
    for (const struct need *need = needs; need->name; need++) {
        bool ok = works(need->work);
        needs_met = needs_met && ok;
        report_control(ok, "%s: %s", need->name, said);
    }
    if (!strcmp(arguments[1], "do")) {
        return print_worked(ways, count - 2, arguments + 2, needs_met);
    }
    for (const struct way *way = ways; way->name; way++) {
        if (wanted(way, count - 2, arguments + 2)) {
            bool ok = works(way->work);
            report_try(!ok, "%s: %s", way->name, said);
        }
    }
    return report_end();
}
