/* SPDX-License-Identifier: MIT */
/*
 * The transport key, under which one private key comes in; the formats stand in keyvault.h.
 */
#ifndef CLOISTER_SAMPLE_TRANSPORT_H
#define CLOISTER_SAMPLE_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <bearssl_rand.h>

#include "keyvault.h"

/* All zeros: there is none. */
struct transport {
    bool ready;
    uint8_t challenge[KEYVAULT_CHALLENGE_SIZE];
    uint8_t scalar[KEYVAULT_PRIVATE_SIZE];
    uint8_t public[KEYVAULT_PUBLIC_SIZE];
};

/* A new one for this challenge. -EIO: the curve's code failed; there is none then. */
__attribute__((warn_unused_result)) int
transport_make(struct transport *transport, const br_prng_class **random,
               const uint8_t challenge[KEYVAULT_CHALLENGE_SIZE]);
/* What the report carries. */
void transport_report_data(const struct transport *transport, uint8_t data[64]);
/*
 * The private key in `wrapped`. -ENOENT: no transport key; -EBADMSG: not wrapped for it, changed, or no private
 * key of the curve. The transport key stays; with an error `scalar` is zeros.
 */
__attribute__((warn_unused_result)) int
transport_unwrap(const struct transport *transport, const uint8_t wrapped[KEYVAULT_WRAPPED_SIZE],
                 uint8_t scalar[KEYVAULT_PRIVATE_SIZE]);

#endif
