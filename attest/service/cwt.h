/* SPDX-License-Identifier: MIT */
/* Claims as a CWT: see token.h. */
#ifndef CLOISTER_SERVICE_CWT_H
#define CLOISTER_SERVICE_CWT_H

#include <json-c/json.h>

#include "service/signer.h"

#define CWT_MAX (64u * 1024u)

/* The size of what was written to bytes[CWT_MAX]; 0: too large, or OpenSSL failed. */
size_t cwt_encode(json_object *claims, const struct signer *signer, EVP_PKEY_CTX *context,
                  uint8_t *bytes);

#endif
