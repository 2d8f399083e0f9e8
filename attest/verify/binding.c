/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "cloister/evidence.h"

int cloister_challenge_binding(struct cloister_bytes nonce,
                               const struct cloister_monitor_record *record, uint8_t binding[32])
{
    uint8_t text[CLOISTER_NONCE_MAX + 32];

    if (nonce.size < CLOISTER_NONCE_MIN || nonce.size > CLOISTER_NONCE_MAX) {
        return -EINVAL;
    }
    memcpy(text, nonce.data, nonce.size);
    if (EVP_Digest(record, sizeof(*record), text + nonce.size, NULL, EVP_sha256(), NULL) != 1 ||
        EVP_Digest(text, nonce.size + 32, binding, NULL, EVP_sha256(), NULL) != 1) {
        return -EIO;
    }
    return 0;
}
