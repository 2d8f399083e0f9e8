/* SPDX-License-Identifier: MIT */
#include "service/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t service_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

int64_t service_nanoseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* OpenID Connect Discovery 1.0, 3: what there is of it here. */
static char *discovery(const char *issuer)
{
    char *text;

    return asprintf(&text,
                    "{\"issuer\":\"%s\",\"jwks_uri\":\"%s/v1/jwks.json\","
                    "\"response_types_supported\":[\"token\"],"
                    "\"subject_types_supported\":[\"public\"],"
                    "\"id_token_signing_alg_values_supported\":[\"ES256\"],"
                    "\"claims_supported\":[\"iss\",\"sub\",\"aud\",\"iat\",\"nbf\",\"exp\",\"jti\","
                    "\"ueid\",\"eat_nonce\",\"cloister\",\"submods\"]}",
                    issuer, issuer) < 0
               ? NULL
               : text;
}

static int load_signer(struct signer *signer, const char *key, const char *path, char *why,
                       size_t why_size)
{
    int rc = signer_load(signer, path);

    if (rc) {
        snprintf(why, why_size, "%s: %s: %s", key, path,
                 rc == -EINVAL ? "no private key on P-256 in PEM, without a passphrase"
                               : strerror(-rc));
    }
    return rc;
}

int service_load(struct service *service, char *why, size_t why_size)
{
    const struct config *config = &service->config;
    int rc = load_signer(&service->signer, "signing-key", config->signing_key, why, why_size);

    if (!rc && *config->next_signing_key) {
        rc = load_signer(&service->next_signer, "next-signing-key", config->next_signing_key, why,
                         why_size);
    }
    if (!rc && *config->ek_roots && !(service->ek_roots = ekcert_roots(config->ek_roots))) {
        snprintf(why, why_size, "ek-roots: %s: no certificates in PEM", config->ek_roots);
        rc = -EINVAL;
    }
    if (!rc && strpbrk(config->issuer, "\"\\")) {
        snprintf(why, why_size, "issuer: neither quotation marks nor backslashes are allowed");
        rc = -EINVAL;
    }
    if (!rc) {
        service->jwks =
            signer_jwks(&service->signer, service->next_signer.key ? &service->next_signer : NULL);
        service->discovery = discovery(config->issuer);
        service->policies = policies_new();
        if (!service->jwks || !service->discovery || !service->policies) {
            snprintf(why, why_size, "out of memory");
            rc = -ENOMEM;
        }
    }
    return rc;
}

void service_release(struct service *service)
{
    policies_free(service->policies);
    free(service->discovery);
    free(service->jwks);
    X509_STORE_free(service->ek_roots);
    signer_release(&service->next_signer);
    signer_release(&service->signer);
    OPENSSL_cleanse(service->sealing_key, sizeof(service->sealing_key));
}
