/* SPDX-License-Identifier: MIT */
/* A connection to the agent: one question, one answer. */
#ifndef CLOISTER_LIBRARY_CONNECTION_H
#define CLOISTER_LIBRARY_CONNECTION_H

#include "libcloister/app_protocol.h"
#include "libcloister/cloister.h"

struct connection {
    int socket; /* -1: none */
    uint32_t next_number;
    unsigned int timeout; /* seconds */
};

struct answer {
    uint8_t packet[APP_MAX_PACKET];
    const void *body; /* in packet */
    size_t size;
    int descriptor; /* -1: none; the caller's */
};

/* `path` NULL: the usual place. A failure is a negative errno, with *error filled. */
__attribute__((warn_unused_result)) int connection_open(struct connection *connection,
                                                        const char *path, unsigned int timeout,
                                                        struct cloister_error *error);
void connection_close(struct connection *connection);
/*
 * Sends a request (with `descriptor` unless it is -1) and waits for its answer. A refusal of the
 * agent comes back as its errno. After -ECONNRESET, -ETIMEDOUT and -EPROTO the connection is
 * closed.
 */
__attribute__((warn_unused_result)) int
connection_ask(struct connection *connection, enum app_type type, const void *body, size_t size,
               int descriptor, struct answer *answer, struct cloister_error *error);

#endif
