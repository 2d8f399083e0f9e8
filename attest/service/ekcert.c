/* SPDX-License-Identifier: MIT */
#include "service/ekcert.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "cloister/certificate.h"

#define EK_USAGE "2.23.133.8.1" /* tcg-kp-EKCertificate: profile, 3.2.16 */
#define MAX_CERTIFICATES 9      /* the endorsement key's, and what is between it and a root */
#define NAME_ROOM 200

X509_STORE *ekcert_roots(const char *path)
{
    X509_STORE *store = X509_STORE_new();

    /* What is listed is trusted, whether it signs itself or not. */
    if (store && (X509_STORE_load_file(store, path) != 1 ||
                  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) != 1)) {
        X509_STORE_free(store);
        store = NULL;
    }
    return store;
}

__attribute__((format(printf, 3, 4))) static bool say(char *why, size_t why_size,
                                                      const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, why_size, format, arguments);
    va_end(arguments);
    return false;
}

/* --- what was handed over --- */

/*
 * X.690, 8.3.2: an INTEGER has no superfluous zeros in front. Some manufacturers' serial numbers
 * have, and OpenSSL takes no such certificate.
 */
static bool has_long_serial(struct cloister_bytes der)
{
    const uint8_t *at = der.data, *end = der.data + der.size;
    int tag, class;
    long size;

    for (int depth = 0; depth < 2; depth++) { /* Certificate, TBSCertificate */
        if (ASN1_get_object(&at, &size, &tag, &class, end - at) & 0x80) {
            return false;
        }
    }
    if (at < end && *at == 0xa0) { /* [0] version */
        if (ASN1_get_object(&at, &size, &tag, &class, end - at) & 0x80) {
            return false;
        }
        at += size;
    }
    return !(ASN1_get_object(&at, &size, &tag, &class, end - at) & 0x80) && tag == V_ASN1_INTEGER &&
           size > 1 && at[0] == 0 && !(at[1] & 0x80);
}

static X509 *read_one(struct cloister_bytes der, char *why, size_t why_size)
{
    const uint8_t *cursor = der.data;
    X509 *certificate = d2i_X509(NULL, &cursor, (long)der.size);

    if (!certificate) {
        say(why, why_size, "%s",
            has_long_serial(der)
                ? "its serial number begins with zeros that DER does not have, and OpenSSL does "
                  "not "
                  "read it: enrol this host by a ticket that names its endorsement key (ek_sha256)"
                : "no certificate in DER that OpenSSL reads");
    }
    return certificate;
}

/* All certificates, the endorsement key's first. NULL after `why`. */
static STACK_OF(X509) * read_all(struct cloister_bytes stored, char *why, size_t why_size)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    const char *wrong = "OpenSSL failed";
    struct cloister_bytes der;
    int more = all ? 1 : -1;

    while (more == 1 && (more = cloister_certificate_next(&stored, &der, &wrong)) == 1) {
        X509 *one = sk_X509_num(all) < MAX_CERTIFICATES ? read_one(der, why, why_size) : NULL;

        if (!one && sk_X509_num(all) == MAX_CERTIFICATES) {
            say(why, why_size, "more than %d certificates", MAX_CERTIFICATES);
        }
        if (!one || !sk_X509_push(all, one)) {
            sk_X509_pop_free(all, X509_free);
            return NULL;
        }
    }
    if (more < 0 || sk_X509_num(all) < 1) {
        say(why, why_size, "%s%s", sk_X509_num(all) > 0 ? "behind its certificate: " : "",
            more < 0 ? wrong : "no certificate");
        sk_X509_pop_free(all, X509_free);
        return NULL;
    }
    return all;
}

/* --- whether it is to be believed --- */

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

/* As printable ASCII, RFC 2253. */
static const char *name_text(const X509_NAME *name, char text[NAME_ROOM])
{
    BIO *memory = BIO_new(BIO_s_mem());
    int size = 0;

    if (memory && X509_NAME_print_ex(memory, name, 0, XN_FLAG_RFC2253) >= 0) {
        size = BIO_read(memory, text, NAME_ROOM - 1);
    }
    text[size > 0 ? size : 0] = 0;
    BIO_free(memory);
    return *text ? text : "a nameless one";
}

/* What the chain's end lacks, in words that say what to do. */
static bool explain(const X509_STORE_CTX *context, char *why, size_t why_size)
{
    const int error = X509_STORE_CTX_get_error(context);
    X509 *certificate = X509_STORE_CTX_get_current_cert(context);
    char name[NAME_ROOM];

    switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return say(
            why, why_size,
            "its issuer's certificate is missing, '%s': hand it over behind this one, or list "
            "it in ek-roots",
            certificate ? name_text(X509_get_issuer_name(certificate), name) : "?");
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return say(why, why_size, "its root '%s' is none of ek-roots",
                   certificate ? name_text(X509_get_subject_name(certificate), name) : "?");
    default:
        return say(why, why_size, "%s, in the certificate of '%s'",
                   X509_verify_cert_error_string(error),
                   certificate ? name_text(X509_get_subject_name(certificate), name) : "?");
    }
}

/* `all`: the endorsement key's first; the others are believed by their signatures alone. */
static bool chain(X509_STORE *roots, STACK_OF(X509) * all, char *why, size_t why_size)
{
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    bool good = false;

    if (!context || X509_STORE_CTX_init(context, roots, sk_X509_value(all, 0), all) != 1) {
        say(why, why_size, "OpenSSL failed");
    } else {
        good = X509_verify_cert(context) == 1 || explain(context, why, why_size);
    }
    X509_STORE_CTX_free(context);
    return good;
}

static bool check_all(X509_STORE *roots, STACK_OF(X509) * all, EVP_PKEY *ek, char *why,
                      size_t why_size)
{
    X509 *certificate = sk_X509_value(all, 0);

    if (!roots) {
        return say(why, why_size, "no roots are configured (ek-roots)");
    }
    if (!X509_get0_pubkey(certificate)) {
        return say(why, why_size, "its public key is of a kind that OpenSSL does not read");
    }
    if (EVP_PKEY_eq(X509_get0_pubkey(certificate), ek) != 1) {
        return say(why, why_size, "it is the certificate of another key");
    }
    if (X509_get_extension_flags(certificate) & EXFLAG_CA) {
        return say(why, why_size, "it is the certificate of a CA");
    }
    if (!is_for_ek(certificate)) {
        return say(why, why_size, "its extended key usage is not tcg-kp-EKCertificate");
    }
    return chain(roots, all, why, why_size);
}

bool ekcert_check(X509_STORE *roots, struct cloister_bytes stored, EVP_PKEY *ek, char *why,
                  size_t why_size)
{
    STACK_OF(X509) * all;
    bool good;

    ERR_set_mark();
    all = read_all(stored, why, why_size);
    good = all && check_all(roots, all, ek, why, why_size);
    sk_X509_pop_free(all, X509_free);
    ERR_pop_to_mark();
    return good;
}
