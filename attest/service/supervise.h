/* SPDX-License-Identifier: MIT */
/*
 * What the first thread does while the others serve: it waits for signals, reads the operator's
 * files again on SIGHUP, warns of certificates that end soon, and tells systemd that the service is
 * ready, reloads, ends, or is alive (sd_notify(3), WatchdogSec=).
 */
#ifndef CLOISTER_SERVICE_SUPERVISE_H
#define CLOISTER_SERVICE_SUPERVISE_H

#include <signal.h>

#include "service/service.h"

struct http;
struct workers;
struct writer;

struct supervised {
    struct service *service;
    const char *config_path;
    struct http *http;
    struct workers *workers;
    struct writer *writer;
};

/* Until SIGTERM or SIGINT. `signals` are blocked in all threads. */
void supervise(const struct supervised *all, const sigset_t *signals);

#endif
