/* SPDX-License-Identifier: MIT */
/* Endorsement certificates: who made the TPM says so (TCG EK Credential Profile 2.5). */
#ifndef CLOISTER_SERVICE_EKCERT_H
#define CLOISTER_SERVICE_EKCERT_H

#include <stdbool.h>

#include <openssl/x509.h>

#include "cloister/evidence.h"

#define EKCERT_MAX 8192u /* bytes, with those of CAs behind it */

/*
 * The CA certificates in a PEM file. Each that is listed is trusted, whether it signs itself or
 * not. NULL: the file has none, or cannot be read.
 */
X509_STORE *ekcert_roots(const char *path);

/*
 * Is this the certificate of that key, by one of the roots? `stored`: as a TPM keeps it
 * (cloister/certificate.h), with those of CAs between it and a root behind it, in any order.
 * `roots` may be NULL: there are none. False after why[why_size], printable.
 */
__attribute__((warn_unused_result)) bool ekcert_check(X509_STORE *roots,
                                                      struct cloister_bytes stored, EVP_PKEY *ek,
                                                      char *why, size_t why_size);

#endif
