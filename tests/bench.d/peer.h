/* SPDX-License-Identifier: MIT */
/* What alternatives.c asks of peer.c, in another tenant. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stddef.h>
#include <stdint.h>

#define PEER_PATH "data/bench" /* of the peer's vchan, in its home in xenstore */
#define PEER_MESSAGE 64u       /* bytes of a request, and of its answer */
#define PEER_RING 1024u

static inline void peer_answer(uint8_t message[PEER_MESSAGE])
{
    for (size_t i = 0; i < PEER_MESSAGE; i++)
        message[i] ^= 0x5a;
}

#endif
