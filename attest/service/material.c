/* SPDX-License-Identifier: MIT */
#include "service/material.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/tls.h"
#include "service/ekcert.h"

/* OpenID Connect Discovery 1.0, 3: what there is of it here. */
static char *discovery(const char *issuer)
{
    char *text;

    return asprintf(
               &text,
               "{\"issuer\":\"%s\",\"jwks_uri\":\"%s/v1/jwks.json\","
               "\"response_types_supported\":[\"token\"],"
               "\"subject_types_supported\":[\"public\"],"
               "\"id_token_signing_alg_values_supported\":[\"ES256\"],"
               "\"claims_supported\":[\"iss\",\"sub\",\"aud\",\"iat\",\"nbf\",\"exp\",\"jti\","
               "\"ueid\",\"eat_nonce\",\"eat_profile\",\"bootcount\",\"cloister\",\"submods\"]}",
               issuer, issuer) < 0
               ? NULL
               : text;
}

static bool load_signer(struct signer *signer, const char *setting, const char *path, char *why,
                        size_t why_size)
{
    int rc;

    if (!certificates_private(setting, path, why, why_size)) {
        return false;
    }
    rc = signer_load(signer, path);
    if (rc) {
        snprintf(why, why_size, "%s: %s: %s", setting, path,
                 rc == -EINVAL ? "no private key on P-256 in PEM, without a passphrase"
                               : strerror(-rc));
    }
    return !rc;
}

static bool load_signers(struct material *material, const struct config *config, char *why,
                         size_t why_size)
{
    return load_signer(&material->signer, "signing-key", config->signing_key, why, why_size) &&
           (!*config->next_signing_key || load_signer(&material->next_signer, "next-signing-key",
                                                      config->next_signing_key, why, why_size));
}

static bool load_certificates(struct material *material, const struct config *config, int64_t now,
                              char *why, size_t why_size)
{
    struct certificates_end *end = &material->end;

    if (!certificates_check("certificate", config->certificate, now, false, end, why, why_size) ||
        !certificates_private("certificate-key", config->certificate_key, why, why_size) ||
        (*config->administrator_ca &&
         !certificates_check("administrator-ca", config->administrator_ca, now, false, end, why,
                             why_size)) ||
        (*config->administrator_crl &&
         !certificates_check_crl("administrator-crl", config->administrator_crl, now, end, why,
                                 why_size)) ||
        (*config->ek_roots &&
         !certificates_check("ek-roots", config->ek_roots, now, true, end, why, why_size))) {
        return false;
    }
    if (*config->ek_roots && !(material->ek_roots = ekcert_roots(config->ek_roots))) {
        snprintf(why, why_size, "ek-roots: %s: no certificates in PEM", config->ek_roots);
        return false;
    }
    if (*config->administrator_roles &&
        !(material->roles = roles_load(config->administrator_roles, why, why_size))) {
        return false;
    }
    material->tls =
        tls_context(&(struct tls_files){.certificate = config->certificate,
                                        .certificate_key = config->certificate_key,
                                        .administrator_ca = config->administrator_ca,
                                        .administrator_crl = config->administrator_crl,
                                        .administrator_roles = config->administrator_roles},
                    why, why_size);
    return material->tls != NULL;
}

struct material *material_load(const struct config *config, int64_t now, char *why, size_t why_size)
{
    struct material *material = calloc(1, sizeof(*material));

    snprintf(why, why_size, "out of memory");
    if (!material) {
        return NULL;
    }
    material->users = 1;
    if (strpbrk(config->issuer, "\"\\")) {
        snprintf(why, why_size, "issuer: neither quotation marks nor backslashes are allowed");
    } else if (load_signers(material, config, why, why_size) &&
               load_certificates(material, config, now, why, why_size)) {
        material->jwks = signer_jwks(&material->signer,
                                     material->next_signer.key ? &material->next_signer : NULL);
        material->discovery = discovery(config->issuer);
        if (material->jwks && material->discovery &&
            !cloister_token_keys_parse(material->jwks, strlen(material->jwks), &material->keys,
                                       NULL, 0)) {
            return material;
        }
        snprintf(why, why_size, "out of memory");
    }
    material_put(material);
    return NULL;
}

struct material *material_take(struct material *material)
{
    atomic_fetch_add(&material->users, 1);
    return material;
}

void material_put(struct material *material)
{
    if (material && atomic_fetch_sub(&material->users, 1) == 1) {
        SSL_CTX_free(material->tls);
        X509_STORE_free(material->ek_roots);
        cloister_token_keys_free(material->keys);
        roles_free(material->roles);
        free(material->discovery);
        free(material->jwks);
        signer_release(&material->next_signer);
        signer_release(&material->signer);
        free(material);
    }
}
