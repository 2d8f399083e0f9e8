/* SPDX-License-Identifier: MIT */
/*
 * libxenvchan's client side towards one untrusted domain, without blocking. libxenvchan checks ring
 * sizes and indices on every use and copies out of the shared pages; what it yields is only bytes.
 */
#ifndef CLOISTER_HOST_CHANNEL_H
#define CLOISTER_HOST_CHANNEL_H

#include "agents/session.h"

struct channel;

/* Connects to what the domain offers at `path`. NULL: nothing is there, or it is no channel. */
struct channel *channel_open(uint16_t domain, const char *path);
void channel_close(struct channel *channel);

/* Readable when something has happened; then call channel_acknowledge before reading or writing. */
int channel_descriptor(const struct channel *channel);
void channel_acknowledge(struct channel *channel);

struct session_stream channel_stream(struct channel *channel);

#endif
