/* SPDX-License-Identifier: MIT */
/*
 * What the service says to its operator: one line per message on standard error, with the priority
 * prefix that journald understands (sd-daemon(3)) where no terminal reads it. Any thread may call.
 */
#ifndef CLOISTER_SERVICE_SAY_H
#define CLOISTER_SERVICE_SAY_H

enum say_level { SAY_ERROR = 3, SAY_WARNING = 4, SAY_INFO = 6 };

__attribute__((format(printf, 2, 3))) void say(enum say_level level, const char *format, ...);

#define say_error(...) say(SAY_ERROR, __VA_ARGS__)
#define say_warning(...) say(SAY_WARNING, __VA_ARGS__)
#define say_info(...) say(SAY_INFO, __VA_ARGS__)

#endif
