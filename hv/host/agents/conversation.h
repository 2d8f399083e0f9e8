/* SPDX-License-Identifier: MIT */
/* What is known of the conversation with the agent of one domain: for session.h, and those that it calls. */
#ifndef CLOISTER_HOST_CONVERSATION_H
#define CLOISTER_HOST_CONVERSATION_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "agents/admission.h"
#include "cloister/protocol.h"
#include "monitor/hypercall.h"

#define SESSION_MAX_BUILDING 256u
#define SESSION_LIST 16u        /* enclaves per LIST reply */
#define SESSION_PATIENCE 30000u /* milliseconds */
#define SESSION_GREETING 10000u /* milliseconds until HELLO must be here */
#define SESSION_RATE 100u
#define SESSION_BURST 200u

struct session_stream {
    void *context;
    /* Bytes taken or given, 0: none now, negative: the stream has ended. */
    ssize_t (*read)(void *context, void *data, size_t size);
    ssize_t (*write)(void *context, const void *data, size_t size);
};

struct session_host {
    struct hypercalls *monitor;
    const struct admission *admission;
    /* attestation_answer() and helper_forget(); NULL: there is no evidence here. */
    json_object *(*attest)(const char *command, json_object *request,
                           void (*done)(void *context, json_object *answer), void *context);
    void (*forget)(const void *context);
};

/* The evidence that the agent asked for last (proving.c). */
struct session_evidence {
    uint32_t ticket; /* 0: none yet */
    bool making;
    int error;     /* 0, or why it was not made */
    bool wanted;   /* somebody still collects it ... */
    uint64_t used; /* ... and asked last: ms */
    uint8_t *data;
    size_t size;
};

struct session {
    const struct session_host *host;
    struct session_stream stream;
    uint16_t domain;
    uint64_t opened; /* milliseconds, monotonic */
    bool greeted;
    bool ending;       /* after the reply */
    const char *fault; /* why it ended; NULL: the agent went */
    /* the message being read */
    struct cloister_message head;
    size_t head_used, body_used;
    uint8_t *body;
    uint64_t busy_since; /* of the message or the reply under way */
    /* the reply being written */
    uint8_t reply[sizeof(struct cloister_message) + sizeof(struct cloister_msg_reply) +
                  SESSION_LIST * sizeof(struct cloister_enclave_info)];
    size_t reply_size, reply_sent;
    uint32_t announced; /* enclave whose handle is in the reply; 0 none */
    /* enclaves of this channel whose handle the agent does not have */
    uint32_t building[SESSION_MAX_BUILDING];
    unsigned int building_count;
    struct session_evidence evidence;
    /* rate limit */
    double tokens;
    uint64_t refilled;
    /* for people */
    struct cloister_msg_hello hello;
    struct cloister_msg_status status;
    uint64_t status_time; /* 0: none yet */
    uint64_t requests, refused;
};

#endif
