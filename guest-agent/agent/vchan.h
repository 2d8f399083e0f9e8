/* SPDX-License-Identifier: MIT */
/* The transport over libxenvchan: shared rings with domain 0, found by it through xenstore. */
#ifndef CLOISTER_AGENT_VCHAN_H
#define CLOISTER_AGENT_VCHAN_H

#include "agent/transport.h"

/* Fills *transport. There is one in a process. */
void vchan_transport(struct transport *transport);

#endif
