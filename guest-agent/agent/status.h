/* SPDX-License-Identifier: MIT */
/* How the agent is doing: told to the host every CLOISTER_STATUS_PERIOD seconds, and to
 * applications when they ask. */
#ifndef CLOISTER_AGENT_STATUS_H
#define CLOISTER_AGENT_STATUS_H

#include <stdint.h>
#include <sys/types.h>

struct agent;
struct owner;

/* Sends STATUS if it is due. */
void status_tick(struct agent *agent);
/* Answers APP_STATUS, now or when the host has told the quota. A negative errno: no memory. */
__attribute__((warn_unused_result)) int status_begin(struct agent *agent, const struct owner *from,
                                                     uint32_t number);

#endif
