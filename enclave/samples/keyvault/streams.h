/* SPDX-License-Identifier: MIT */
/*
 * Messages that arrive in pieces, from any thread. A stream that is claimed belongs to one thread; the
 * lock is held only to claim and to release, never while hashing.
 */
#ifndef CLOISTER_SAMPLE_STREAMS_H
#define CLOISTER_SAMPLE_STREAMS_H

#include <stdint.h>

#include <bearssl_hash.h>

struct stream {
    uint64_t number; /* 0: unused. Never used again for another stream */
    uint32_t claimed;
    br_sha256_context hash;
};

/* -EBUSY: KEYVAULT_STREAMS are open. */
__attribute__((warn_unused_result)) int stream_open(uint64_t *number);
/* NULL: no such stream, or claimed by another thread. */
struct stream *stream_claim(uint64_t number);
void stream_release(struct stream *stream);
/* Wipes it. */
void stream_close(struct stream *stream);

#endif
