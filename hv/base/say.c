/* SPDX-License-Identifier: MIT */
#include "base/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>

static const char *program = "cloister";
static enum say_level threshold = SAY_INFO;
static bool journal, to_syslog;

/* $JOURNAL_STREAM names the device and inode of the pipe to journald (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat status;

    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(2, &status) == 0 &&
           status.st_dev == device && status.st_ino == inode;
}

void say_initialise(const char *name, enum say_level level)
{
    program = name;
    threshold = level;
    journal = stderr_is_journal();
}

void say_to_syslog(void)
{
    openlog(program, LOG_PID, LOG_DAEMON);
    to_syslog = true;
}

void say(enum say_level level, const char *format, ...)
{
    char text[1024];
    va_list arguments;

    if (level > threshold)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    /* A line is one write: threads do not mix. Control characters come from guests: not through. */
    for (char *c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    }
    if (to_syslog)
        syslog((int)level, "%s", text); /* the levels are syslog's */
    else if (journal)
        fprintf(stderr, "<%d>%s\n", level, text);
    else
        fprintf(stderr, "%s: %s\n", program, text);
}
