/* SPDX-License-Identifier: MIT */
/* Endorsement certificates: who made the TPM says so (TCG EK Credential Profile 2.5). */
#ifndef CLOISTER_SERVICE_EKCERT_H
#define CLOISTER_SERVICE_EKCERT_H

#include <openssl/x509.h>

#include "cloister/evidence.h"

#define EKCERT_MAX 4096u /* bytes of DER */

/*
 * The CA certificates in a PEM file: roots, which sign themselves, and what is between. NULL: the
 * file has none, or cannot be read.
 */
X509_STORE *ekcert_roots(const char *path);

/*
 * Is this the certificate, in DER, of that key, by one of the roots? NULL if so, else why not.
 * `roots` may be NULL: there are none.
 */
const char *ekcert_check(X509_STORE *roots, struct cloister_bytes der, EVP_PKEY *ek);

#endif
