/* SPDX-License-Identifier: MIT */
/* An enclave whose only function does nothing: what is left is what a call costs. */
#include <cloister/enclave.h>

static int nothing(const void *in, size_t in_size, void *out, size_t out_capacity, size_t *out_size)
{
    (void)in;
    (void)in_size;
    (void)out;
    (void)out_capacity;
    (void)out_size;
    return 0;
}

CLOISTER_ECALLS([0] = {nothing, 0, 0});
