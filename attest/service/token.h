/* SPDX-License-Identifier: MIT */
/*
 * Claims as signed tokens:
 * Their "typ" says eat+jwt and eat+cwt (RFC 9782).
 *   JWT  JWS compact serialisation, ES256 (RFC 7515, 7.1; RFC 7518, 3.4)
 *   CWT  COSE_Sign1 with its tag, ES256 (RFC 8392; RFC 9052, 4.2). Claims have their registered
 *        numbers; eat_nonce, ueid and cti are bytes; the private claim keeps its name.
 */
#ifndef CLOISTER_SERVICE_TOKEN_H
#define CLOISTER_SERVICE_TOKEN_H

#include <json-c/json.h>

#include "service/signer.h"

enum token_format { TOKEN_JWT, TOKEN_CWT };

/*
 * The token as text, a CWT in standard Base64; to be freed. NULL: no memory, OpenSSL failed, or a
 * CWT has more than 64 KiB.
 */
char *token_make(enum token_format format, json_object *claims, const struct signer *signer,
                 EVP_PKEY_CTX *context);

#endif
