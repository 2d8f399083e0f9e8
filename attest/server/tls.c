/* SPDX-License-Identifier: MIT */
#include "server/tls.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509err.h>

/* The service has nobody to ask for it. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

/* Their CA, and the list of those of its certificates that it has revoked (RFC 5280, 5). */
static const char *load_administrators(SSL_CTX *context, const struct tls_files *files,
                                       const char **what)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    X509_LOOKUP *lookup;
    STACK_OF(X509_NAME) * names;

    *what = files->administrator_ca;
    if (!*files->administrator_ca) {
        return *files->administrator_crl     ? "administrator-crl: there is no administrator-ca"
               : *files->administrator_roles ? "administrator-roles: there is no administrator-ca"
                                             : NULL;
    }
    names = SSL_load_client_CA_file(files->administrator_ca);
    if (!names || SSL_CTX_load_verify_file(context, files->administrator_ca) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return "administrator-ca: %s: no certificates in PEM";
    }
    SSL_CTX_set_client_CA_list(context, names);
    /* A client without a certificate is welcome, one with a wrong one is not. */
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (!*files->administrator_crl) {
        return NULL;
    }
    *what = files->administrator_crl;
    lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    return lookup && X509_load_crl_file(lookup, files->administrator_crl, X509_FILETYPE_PEM) > 0 &&
                   X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) == 1
               ? NULL
               : "administrator-crl: %s: no revocation lists in PEM";
}

/* NULL, or what is wrong with the file in *what. */
static const char *load(SSL_CTX *context, const struct tls_files *files, const char **what)
{
    *what = files->certificate;
    if (SSL_CTX_use_certificate_chain_file(context, files->certificate) != 1) {
        return "certificate: %s: no certificate in PEM that TLS can use, its issuers behind it";
    }
    *what = files->certificate_key;
    if (SSL_CTX_use_PrivateKey_file(context, files->certificate_key, SSL_FILETYPE_PEM) != 1) {
        return ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH
                   ? "certificate-key: %s: it is not the key of the certificate"
                   : "certificate-key: %s: no private key in PEM, without a passphrase";
    }
    if (SSL_CTX_check_private_key(context) != 1) {
        return "certificate-key: %s: it is not the key of the certificate";
    }
    return load_administrators(context, files, what);
}

SSL_CTX *tls_context(const struct tls_files *files, char *why, size_t why_size)
{
    static const unsigned char session_id[] = "cloister-attestd";
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    const char *what = "", *wrong;

    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_session_id_context(context, session_id, sizeof(session_id) - 1) != 1) {
        snprintf(why, why_size, "TLS cannot be used: out of memory");
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    wrong = load(context, files, &what);
    ERR_clear_error();
    if (wrong) {
        const char *hole = strstr(wrong, "%s");

        if (hole) {
            snprintf(why, why_size, "%.*s%s%s", (int)(hole - wrong), wrong, what, hole + 2);
        } else {
            snprintf(why, why_size, "%s", wrong);
        }
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    return context;
}

/* RFC 4514; nothing is cut off, for what is left might be another's. */
static void write_subject(X509 *certificate, char *name, size_t size)
{
    BIO *memory = BIO_new(BIO_s_mem());
    char *text = NULL;
    long length = 0;

    if (memory &&
        X509_NAME_print_ex(memory, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0) {
        length = BIO_get_mem_data(memory, &text);
    }
    if (length > 0 && (size_t)length < size) {
        memcpy(name, text, (size_t)length);
        name[length] = 0;
    } else {
        snprintf(name, size, "?(a subject of %ld characters)", length);
    }
    BIO_free(memory);
}

bool tls_administrator(const SSL *ssl, char *name, size_t size)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);

    name[0] = 0;
    if (!certificate || SSL_get_verify_result(ssl) != X509_V_OK) {
        return false;
    }
    write_subject(certificate, name, size);
    return true;
}
