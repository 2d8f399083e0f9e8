/* SPDX-License-Identifier: MIT */
/*
 * A private key on its way into a keyvault enclave; the formats stand in keyvault.h
 * (enclave/samples/keyvault). By OpenSSL.
 */
#ifndef CLOISTER_KEYSERVICE_WRAP_H
#define CLOISTER_KEYSERVICE_WRAP_H

#include <openssl/evp.h>
#include <stdint.h>

#include "keyvault.h"

/* What the enclave's report carries. 0 or -EIO. */
__attribute__((warn_unused_result)) int
wrap_report_data(const uint8_t challenge[KEYVAULT_CHALLENGE_SIZE],
                 const uint8_t transport[KEYVAULT_PUBLIC_SIZE], uint8_t data[64]);

/* 0; -EINVAL: `transport` is no point of the curve; -EIO: OpenSSL failed, `wrapped` is zeros. */
__attribute__((warn_unused_result)) int wrap_key(const uint8_t scalar[KEYVAULT_PRIVATE_SIZE],
                                                 const uint8_t challenge[KEYVAULT_CHALLENGE_SIZE],
                                                 const uint8_t transport[KEYVAULT_PUBLIC_SIZE],
                                                 uint8_t wrapped[KEYVAULT_WRAPPED_SIZE]);

/* The private key in a PEM file without a passphrase. 0; -EINVAL: it is not on P-256; -errno. */
__attribute__((warn_unused_result)) int wrap_load(const char *path,
                                                  uint8_t scalar[KEYVAULT_PRIVATE_SIZE]);

#endif
