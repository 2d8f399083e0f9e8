/* SPDX-License-Identifier: MIT */
/* The smallest useful enclave: a total that lives as long as the enclave does. */
#ifndef CLOISTER_SAMPLE_COUNTER_H
#define CLOISTER_SAMPLE_COUNTER_H

/* Functions; numbers are uint64_t, little-endian. */
enum {
    COUNTER_ADD = 1, /* in: what to add, or nothing: 1. out: the new total. -EOVERFLOW: it would not
                        fit, and stays as it was. -EINVAL: neither 8 bytes nor none */
    COUNTER_GET = 2, /* out: the total */
};

#endif
