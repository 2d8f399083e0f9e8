/* SPDX-License-Identifier: MIT */
/*
 * What is read from the operator's files: the keys that sign tokens, the certificates of TLS, the
 * CAs. It is read as a whole, and replaced as a whole while the service runs; who uses one that was
 * replaced keeps it until it is done.
 */
#ifndef CLOISTER_SERVICE_MATERIAL_H
#define CLOISTER_SERVICE_MATERIAL_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "cloister/token.h"
#include "server/certificates.h"
#include "server/roles.h"
#include "service/config.h"
#include "service/signer.h"

struct material {
    _Atomic unsigned int users;
    struct signer signer, next_signer; /* next_signer.key may be NULL */
    char *jwks, *discovery;
    struct cloister_token_keys *keys; /* those of jwks */
    struct roles *roles;              /* or NULL: roles_of() */
    X509_STORE *ek_roots;             /* or NULL */
    SSL_CTX *tls;
    struct certificates_end end; /* what expires first */
};

/*
 * Reads all files that the configuration names. NULL after `why`: the setting, the file, and what
 * is wrong with it. Certificates that are not valid at `now` (s since 1970) are such an error, of
 * ek-roots only if none is valid.
 */
struct material *material_load(const struct config *config, int64_t now, char *why,
                               size_t why_size);
struct material *material_take(struct material *material);
void material_put(struct material *material);

#endif
