/* SPDX-License-Identifier: MIT */
/* What each request of an agent does; for session.c. */
#ifndef CLOISTER_HOST_SERVE_H
#define CLOISTER_HOST_SERVE_H

#include "agents/conversation.h"

/*
 * Serves the request in session->head and session->body and composes its reply. True: it moved an
 * enclave forward; false: refused, or a question (those are counted against the rate limit).
 */
bool session_serve(struct session *session, uint64_t now);

#endif
