/* SPDX-License-Identifier: MIT */
/*
 * What the daemon says to its operator: one line per message on standard error, with the priority
 * prefix that journald understands when it is the reader (sd-daemon(3)). Any thread may call say().
 */
#ifndef CLOISTER_BASE_SAY_H
#define CLOISTER_BASE_SAY_H

#include <stdbool.h>

enum say_level { SAY_ERROR = 3, SAY_WARNING = 4, SAY_INFO = 6, SAY_DEBUG = 7 };

/* `name` precedes each line when no journal reads them; messages above `level` are dropped. */
void say_initialise(const char *name, enum say_level level);
/* From now on to syslog: the daemon has left its terminal. */
void say_to_syslog(void);

__attribute__((format(printf, 2, 3))) void say(enum say_level level, const char *format, ...);

#define say_error(...) say(SAY_ERROR, __VA_ARGS__)
#define say_warning(...) say(SAY_WARNING, __VA_ARGS__)
#define say_info(...) say(SAY_INFO, __VA_ARGS__)
#define say_debug(...) say(SAY_DEBUG, __VA_ARGS__)

#endif
