/* SPDX-License-Identifier: MIT */
/*
 * Sealed contexts: what the service would have to remember between two requests of a host travels
 * with the host instead, encrypted and authenticated (AES-256-GCM, NIST SP 800-38D) with a key that
 * only the service's instances share. A text of Base64 for URLs:
 *
 *   version (1 byte, 1) || purpose (1) || nonce (12, random) || ciphertext || tag (16)
 *
 * Version and purpose are authenticated, so a context for one purpose is none for another. With
 * random nonces one key may seal 2^32 contexts (SP 800-38D, 8.3).
 */
#ifndef CLOISTER_SERVICE_SEAL_H
#define CLOISTER_SERVICE_SEAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SEAL_KEY_SIZE 32u
#define SEAL_MAX_CONTENT 1536u
#define SEAL_OVERHEAD 30u
#define SEAL_MAX_TEXT ((SEAL_MAX_CONTENT + SEAL_OVERHEAD + 2u) / 3u * 4u) /* without its zero */

enum seal_purpose { SEAL_CHALLENGE = 1, SEAL_ENROLMENT = 2 };

/* Writes text[SEAL_MAX_TEXT + 1]. 0; -EINVAL: `size` is above SEAL_MAX_CONTENT; -EIO: OpenSSL. */
__attribute__((warn_unused_result)) int seal(const uint8_t key[SEAL_KEY_SIZE],
                                             enum seal_purpose purpose, const void *content,
                                             size_t size, char *text);
/* The content's size, or -EBADMSG: not sealed by this key for this purpose; -EIO: OpenSSL. */
__attribute__((warn_unused_result)) ssize_t unseal(const uint8_t key[SEAL_KEY_SIZE],
                                                   enum seal_purpose purpose, const char *text,
                                                   size_t length,
                                                   uint8_t content[SEAL_MAX_CONTENT]);

#endif
