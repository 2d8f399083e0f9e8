/* SPDX-License-Identifier: MIT */
#include "service/ekcert.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/x509v3.h>

#define EK_USAGE "2.23.133.8.1" /* tcg-kp-EKCertificate: profile, 3.2.16 */

X509_STORE *ekcert_roots(const char *path)
{
    X509_STORE *store = X509_STORE_new();

    if (store && X509_STORE_load_file(store, path) != 1) {
        X509_STORE_free(store);
        store = NULL;
    }
    return store;
}

/* The extended key usage may be absent. */
static bool is_for_ek(X509 *certificate)
{
    EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
    char text[64];
    bool found = !usages;

    for (int i = 0; i < sk_ASN1_OBJECT_num(usages) && !found; i++) {
        OBJ_obj2txt(text, sizeof(text), sk_ASN1_OBJECT_value(usages, i), 1);
        found = !strcmp(text, EK_USAGE);
    }
    EXTENDED_KEY_USAGE_free(usages);
    return found;
}

static const char *chain(X509_STORE *roots, X509 *certificate)
{
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    const char *why = "OpenSSL failed";

    if (context && X509_STORE_CTX_init(context, roots, certificate, NULL) == 1) {
        why = X509_verify_cert(context) == 1
                  ? NULL
                  : X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
    }
    X509_STORE_CTX_free(context);
    return why;
}

const char *ekcert_check(X509_STORE *roots, struct cloister_bytes der, EVP_PKEY *ek)
{
    const uint8_t *cursor = der.data;
    X509 *certificate = d2i_X509(NULL, &cursor, (long)der.size);
    const char *why = NULL;

    /* TPMs keep certificates in areas of a fixed size: zeros may follow. */
    for (const uint8_t *rest = cursor; certificate && rest < der.data + der.size && !why; rest++) {
        why = *rest ? "bytes follow the certificate" : NULL;
    }
    if (!certificate) {
        why = "no certificate in DER";
    } else if (!why && !roots) {
        why = "no roots are configured (ek-roots)";
    } else if (!why && EVP_PKEY_eq(X509_get0_pubkey(certificate), ek) != 1) {
        why = "it is the certificate of another key";
    } else if (!why && X509_get_extension_flags(certificate) & EXFLAG_CA) {
        why = "it is the certificate of a CA";
    } else if (!why && !is_for_ek(certificate)) {
        why = "its extended key usage is not tcg-kp-EKCertificate";
    } else if (!why) {
        why = chain(roots, certificate);
    }
    X509_free(certificate);
    return why;
}
