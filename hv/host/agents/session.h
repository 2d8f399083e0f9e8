/* SPDX-License-Identifier: MIT */
/*
 * The conversation with the agent of one domain: a state machine over a byte stream that never
 * blocks.
 *
 *   GREETING ──HELLO──> SERVING ──broken message, silence, end of stream──> ended
 *
 * One request at a time: the next one is read when the reply to the last one is on its way, so
 * a session holds at most one message and one reply, whatever the agent does. What it may cost:
 *   - a message, or a reply that nobody reads, must be through within SESSION_PATIENCE,
 *   - requests that build nothing (refused ones, too) are limited to SESSION_RATE per second; above
 *     that they wait in the agent's ring.
 *
 * An enclave that was created on this channel and whose handle did not reach the agent ends with the
 * channel (session_close). All others are the monitor's to remember, not ours.
 */
#ifndef CLOISTER_HOST_SESSION_H
#define CLOISTER_HOST_SESSION_H

#include "agents/conversation.h"

enum session_answer {
    SESSION_IDLE, /* nothing to do until the stream or the clock moves */
    SESSION_MORE, /* did something; may have more to do at once */
    SESSION_END,  /* close the channel, then session_close */
};

void session_open(struct session *session, const struct session_host *host,
                  const struct session_stream *stream, uint16_t domain, uint64_t now);

/* Does one thing that can be done now. */
enum session_answer session_step(struct session *session, uint64_t now);

/* Destroys what is half-built and frees what the session holds. Once, after the last step. */
void session_close(struct session *session);

#endif
