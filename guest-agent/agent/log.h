/* SPDX-License-Identifier: MIT */
/*
 * The agent's own log: one line per event on standard error, with the priority prefixes that the
 * journal understands (sd-daemon(3)) when it listens.
 */
#ifndef CLOISTER_AGENT_LOG_H
#define CLOISTER_AGENT_LOG_H

#include <stdbool.h>

enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

void log_start(enum log_level threshold);
__attribute__((format(printf, 2, 3))) void log_write(enum log_level level, const char *format, ...);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
