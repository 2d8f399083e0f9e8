/* SPDX-License-Identifier: MIT */
/* Passes APP_EVIDENCE and APP_COLLECT on to the host, and the replies back. */
#ifndef CLOISTER_AGENT_RELAY_H
#define CLOISTER_AGENT_RELAY_H

#include "libcloister/app_protocol.h"

struct agent;
struct owner;

/* Answers later, or returns a negative errno: -EHOSTDOWN, -ENOMEM, -ENOBUFS. */
__attribute__((warn_unused_result)) int relay_begin(struct agent *agent, const struct owner *from,
                                                    const struct app_request *request);

#endif
