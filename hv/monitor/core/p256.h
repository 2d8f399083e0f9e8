/* SPDX-License-Identifier: MIT */
/*
 * ECDSA on P-256 (FIPS 186-5) in steps, because a whole verification or signature is more than a millisecond in
 * which nobody else gets this CPU.
 *
 * The library computes all but two things, which take nearly all of the time: the inverse of a number modulo the order
 * (1/s of a verification, 1/k of a signature), and the sum x*P + y*G. It is asked three times: the first time it hands over
 * the number, the second time it is given the inverse and hands over x and y, the third time it is given the sum, too. In
 * between each is made a byte at a time, with the library's own arithmetic.
 *
 *   NEW --the number--> INVERTING --32 bytes--> INVERTED --x, y--> ADDING --32 bytes--> ADDED --the answer--> NEW
 *
 * A job of zeros is NEW. It belongs to one caller at a time, who gives it the same input until the answer is
 * there. A job that signs is as secret as the key: with its numbers a signature gives away the key.
 */
#ifndef CLOISTER_MONITOR_P256_H
#define CLOISTER_MONITOR_P256_H

#include "core/host.h"

#define P256_KEY_SIZE 32u
#define P256_POINT_SIZE 65u /* uncompressed: 4, x, y (SEC 1, 2.3.3) */
#define P256_SIGNATURE_SIZE 64u
#define P256_DIGEST_SIZE 32u
#define P256_COORDINATES 27u /* of a point (Jacobian), in words of the library's */

#define P256_NUMBER 10u /* modulo the order, in words of the library's */

enum p256_stage { P256_NEW, P256_INVERTING, P256_INVERTED, P256_ADDING, P256_ADDED };

struct p256_job {
    uint8_t stage;  /* enum p256_stage */
    uint8_t bytes;  /* of the exponent, then of x and y, that are done */
    bool of_point;  /* x*P is part of the sum */
    uint32_t empty; /* 1: the sum is the point at infinity */
    uint8_t point_times[32], generator_times[32]; /* x, y: big-endian */
    uint32_t inverse[P256_NUMBER];                /* to the power of those bytes so far */
    uint32_t power[P256_NUMBER];                  /* for the next bit of them */
    uint32_t sum[P256_COORDINATES];
    uint32_t multiples[3][P256_COORDINATES]; /* P, 2P, 3P */
};

/* Once, before any job. -ENOMEM. */
MUST_USE int p256_init(void);

/* The next byte of the inverse or of the sum, if the job is at that. False: p256_verify() or p256_sign() has the next step. */
bool p256_advance(struct p256_job *job);

/*
 * The other steps of a verification. 0: the signature is valid; -EACCES: it is not, or the point is none of the curve;
 * -EAGAIN: p256_advance() first. A sum that comes to infinity on its way counts as invalid: that needs a relation of
 * key and signature that only whoever has the key can make.
 */
MUST_USE int p256_verify(struct p256_job *job, const uint8_t digest[P256_DIGEST_SIZE],
                         const uint8_t point[P256_POINT_SIZE],
                         const uint8_t signature[P256_SIGNATURE_SIZE]);

/*
 * The same of a signature, with RFC 6979's nonce. 0: it is in `signature`. Secret (host.h), and p256_advance() with it.
 * The time that it takes does not depend on the key.
 */
MUST_USE int p256_sign(struct p256_job *job, const uint8_t digest[P256_DIGEST_SIZE],
                       const uint8_t key[P256_KEY_SIZE], uint8_t signature[P256_SIGNATURE_SIZE]);

#endif
