/* SPDX-License-Identifier: MIT */
#include "server/tls.h"

#include <stdio.h>

#include <openssl/err.h>

static bool load(SSL_CTX *context, const struct config *config, const char **what)
{
    const char *ca = config->administrator_ca;

    *what = config->certificate;
    if (SSL_CTX_use_certificate_chain_file(context, config->certificate) != 1) {
        return false;
    }
    *what = config->certificate_key;
    if (SSL_CTX_use_PrivateKey_file(context, config->certificate_key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return false;
    }
    if (*ca) {
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(ca);

        *what = ca;
        if (!names || SSL_CTX_load_verify_file(context, ca) != 1) {
            return false;
        }
        SSL_CTX_set_client_CA_list(context, names);
        /* A client without a certificate is welcome, one with a wrong one is not. */
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    }
    return true;
}

SSL_CTX *tls_context(const struct config *config, char *why, size_t why_size)
{
    static const unsigned char session_id[] = "cloister-attestd";
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    const char *what = "TLS", *reason;

    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_session_id_context(context, session_id, sizeof(session_id) - 1) != 1 ||
        !load(context, config, &what)) {
        reason = ERR_reason_error_string(ERR_peek_last_error());
        snprintf(why, why_size, "%s: %s", what, reason ? reason : "it cannot be used");
        ERR_clear_error();
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    return context;
}

bool tls_administrator(const SSL *ssl, char *name, size_t size)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);

    name[0] = 0;
    if (!certificate || SSL_get_verify_result(ssl) != X509_V_OK) {
        return false;
    }
    X509_NAME_oneline(X509_get_subject_name(certificate), name, (int)size);
    for (char *c = name; *c; c++) {
        *c = *c >= 0x20 && *c <= 0x7e ? *c : '?';
    }
    return true;
}
