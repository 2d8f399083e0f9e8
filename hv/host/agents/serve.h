/* SPDX-License-Identifier: MIT */
/* What each request of an agent does; for session.c. */
#ifndef CLOISTER_HOST_SERVE_H
#define CLOISTER_HOST_SERVE_H

#include "agents/session.h"

/*
 * Serves the request in session->head and session->body and composes its reply. True: it moved an
 * enclave forward; false: refused, or a question (those are counted against the rate limit).
 */
bool session_serve(struct session *session, uint64_t now);

/* Composes the reply; `body` only without an error, `head` only with one. */
void session_reply(struct session *session, int error, const struct cloister_head *head,
                   const void *body, size_t size);
/* The same for a refusal of our own: returns false. */
bool session_refuse(struct session *session, int error, enum cloister_reason reason, uint64_t found,
                    uint64_t allowed);

/* The enclave is no longer to end with the channel. */
void session_forget(struct session *session, uint32_t enclave);

#endif
