/* SPDX-License-Identifier: MIT */
/* TLS 1.2 and 1.3 with the service's certificate; clients may show one of an administrator. */
#ifndef CLOISTER_SERVICE_TLS_H
#define CLOISTER_SERVICE_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>

/* What it is made of: paths, "" where there is none. */
struct tls_files {
    const char *certificate, *certificate_key;
    const char *administrator_ca, *administrator_crl, *administrator_roles;
};

/* NULL after `why`. */
SSL_CTX *tls_context(const struct tls_files *files, char *why, size_t why_size);
/*
 * Did the client show an administrator's certificate? Then `name` gets its subject as RFC 4514 writes
 * it, in printable ASCII; one that is empty or has no room becomes a text that begins with '?', which
 * is nobody's subject. Else "".
 */
bool tls_administrator(const SSL *ssl, char *name, size_t size);

#endif
