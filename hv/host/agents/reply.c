/* SPDX-License-Identifier: MIT */
#include "agents/reply.h"

#include <string.h>

void session_reply(struct session *session, int error, const struct cloister_head *head,
                   const void *body, size_t size)
{
    struct cloister_msg_reply answer = {.error = error};

    if (error) {
        answer.reason = head->reason;
        answer.found = head->found;
        answer.allowed = head->allowed;
        size = 0;
        session->refused++;
    }
    struct cloister_message message = {
        .magic = CLOISTER_MESSAGE_MAGIC,
        .type = CLOISTER_MSG_REPLY,
        .number = session->head.number,
        .size = (uint32_t)(sizeof(answer) + size),
    };
    memcpy(session->reply, &message, sizeof(message));
    memcpy(session->reply + sizeof(message), &answer, sizeof(answer));
    if (size)
        memcpy(session->reply + sizeof(message) + sizeof(answer), body, size);
    session->reply_size = sizeof(message) + sizeof(answer) + size;
    session->reply_sent = 0;
}

bool session_refuse(struct session *session, int error, enum cloister_reason reason, uint64_t found,
                    uint64_t allowed)
{
    struct cloister_head head = {.reason = (uint16_t)reason, .found = found, .allowed = allowed};

    session_reply(session, error, &head, NULL, 0);
    return false;
}

void session_forget(struct session *session, uint32_t enclave)
{
    for (unsigned int i = 0; i < session->building_count; i++) {
        if (session->building[i] == enclave) {
            session->building[i] = session->building[--session->building_count];
            return;
        }
    }
}
