/* SPDX-License-Identifier: MIT */
/* What an agent is answered; for whoever serves its requests. */
#ifndef CLOISTER_HOST_REPLY_H
#define CLOISTER_HOST_REPLY_H

#include "agents/conversation.h"

/* Composes the reply; `body` only without an error, `head` only with one. */
void session_reply(struct session *session, int error, const struct cloister_head *head,
                   const void *body, size_t size);
/* The same for a refusal of our own: returns false. */
bool session_refuse(struct session *session, int error, enum cloister_reason reason, uint64_t found,
                    uint64_t allowed);

/* The enclave is no longer to end with the channel. */
void session_forget(struct session *session, uint32_t enclave);

#endif
