/* SPDX-License-Identifier: MIT */
/*
 * The chunked transfer coding (RFC 9112, 7.1), exactly: sizes of 1 to 8 hexadecimal digits, CRLF
 * and nothing else at the ends of lines. Extensions and trailers are looked through and forgotten.
 */
#ifndef CLOISTER_SERVER_CHUNKS_H
#define CLOISTER_SERVER_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

/* Zeros: nothing was read yet. */
struct chunks {
    int state;
    unsigned int digits;
    uint64_t left;  /* bytes of the chunk that are still to come, or its size so far */
    uint64_t data;  /* bytes so far */
    uint64_t other; /* bytes that were no data so far */
};

enum chunks_result {
    CHUNKS_MORE, /* all was taken, and more is needed */
    CHUNKS_DATA, /* what was taken ends with *data bytes of the body */
    CHUNKS_END,  /* the body is complete */
    CHUNKS_BAD,  /* it is not as the RFC has it, or it is mostly not data */
};

/* Takes what there is, up to the end of a piece of data: *taken bytes. */
enum chunks_result chunks_next(struct chunks *chunks, const char *text, size_t size, size_t *taken,
                               size_t *data);

#endif
