/* SPDX-License-Identifier: MIT */
/* EVIDENCE and COLLECT of an agent (cloister/protocol.h); for serve.c and session.c. */
#ifndef CLOISTER_HOST_PROVING_H
#define CLOISTER_HOST_PROVING_H

#include "agents/conversation.h"

/* As the functions behind session_serve(). */
bool proving_evidence(struct session *session, uint64_t now);
bool proving_collect(struct session *session, uint64_t now);

/* The session ends: what is being made is for nobody. */
void proving_end(struct session *session);

#endif
