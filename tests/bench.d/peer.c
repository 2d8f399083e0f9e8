/* SPDX-License-Identifier: MIT */
/*
 * A tenant that answers another one.
 *
 *   bench-peer port DOMAIN COUNT    by event channel; says "port N" first
 *   bench-peer vchan DOMAIN COUNT   by libxenvchan; says "ready" first
 *
 * Ends after COUNT requests with "served COUNT".
 */
#include <err.h>
#include <libxenvchan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenevtchn.h>

#include "peer.h"

static void serve_port(uint32_t domain, unsigned long count)
{
    xenevtchn_handle *events = xenevtchn_open(NULL, 0);
    xenevtchn_port_or_error_t port;

    if (!events || (port = xenevtchn_bind_unbound_port(events, domain)) < 0)
        err(1, "event channel");
    printf("port %d\n", port);
    fflush(stdout);
    for (unsigned long i = 0; i < count; i++)
        if (xenevtchn_pending(events) != port || xenevtchn_unmask(events, (evtchn_port_t)port) ||
            xenevtchn_notify(events, (evtchn_port_t)port))
            err(1, "event channel");
}

static void serve_vchan(int domain, unsigned long count)
{
    struct libxenvchan *vchan =
        libxenvchan_server_init(NULL, domain, PEER_PATH, PEER_RING, PEER_RING);
    uint8_t message[PEER_MESSAGE];

    if (!vchan)
        err(1, "vchan");
    vchan->blocking = 1;
    puts("ready");
    fflush(stdout);
    for (unsigned long i = 0; i < count; i++) {
        if (libxenvchan_recv(vchan, message, sizeof(message)) != sizeof(message))
            errx(1, "request %lu did not come", i);
        peer_answer(message);
        if (libxenvchan_send(vchan, message, sizeof(message)) != sizeof(message))
            errx(1, "answer %lu cannot be sent", i);
    }
    while (libxenvchan_is_open(vchan) == 1)
        libxenvchan_wait(vchan); /* the other side takes the last answer */
    libxenvchan_close(vchan);
}

int main(int argc, char **argv)
{
    unsigned long count = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;

    if (count && !strcmp(argv[1], "port"))
        serve_port((uint32_t)strtoul(argv[2], NULL, 10), count);
    else if (count && !strcmp(argv[1], "vchan"))
        serve_vchan(atoi(argv[2]), count);
    else
        errx(2, "unknown command");
    printf("served %lu\n", count);
    return 0;
}
