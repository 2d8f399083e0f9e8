/* SPDX-License-Identifier: MIT */
/*
 * A byte stream to the host daemon that can go and come back. hostlink.c is written against this;
 * vchan.c is the real one, the tests have another.
 */
#ifndef CLOISTER_AGENT_TRANSPORT_H
#define CLOISTER_AGENT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum transport_state {
    TRANSPORT_WAITING, /* offered, the other side has not come yet */
    TRANSPORT_OPEN,
    TRANSPORT_CLOSED, /* the other side has gone */
};

struct transport {
    void *context;
    /* Offers a new stream: 0 or a negative errno. Not called while one is open. */
    int (*open)(void *context);
    void (*close)(void *context);
    enum transport_state (*state)(void *context);
    /* Whether the host can still find what was offered. A guest that was restored or migrated has
     * its memory and no offer: nobody tells it, and nobody serves the stream. May take a moment. */
    bool (*offered)(void *context);
    /* How many bytes were taken or given, at once; 0: none now; negative: the stream is dead. */
    ssize_t (*write)(void *context, const void *data, size_t size);
    ssize_t (*read)(void *context, void *data, size_t size);
    int (*descriptor)(void *context); /* readable when the state or the buffers may have changed */
    void (*acknowledge)(void *context); /* called when the descriptor was readable */
};

#endif
