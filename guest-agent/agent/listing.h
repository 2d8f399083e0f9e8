/* SPDX-License-Identifier: MIT */
/* Answers APP_LIST: the host's list of this domain's enclaves, as far as the user may see it. */
#ifndef CLOISTER_AGENT_LISTING_H
#define CLOISTER_AGENT_LISTING_H

#include <stdint.h>
#include <sys/types.h>

struct agent;
struct owner;

/* Answers later, or returns a negative errno: -EHOSTDOWN, -ENOMEM, -ENOBUFS. */
__attribute__((warn_unused_result)) int listing_begin(struct agent *agent, const struct owner *from,
                                                      uint32_t number, uint32_t start);

#endif
