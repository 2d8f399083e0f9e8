/* SPDX-License-Identifier: MIT */
#include "service/signer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>

#include "verify/base64.h"

#define COORDINATE 32u

/* JSON without spaces, members by name: RFC 7638, 3. */
static int thumbprint(struct signer *signer)
{
    uint8_t point[1 + 2 * COORDINATE], digest[32];
    char text[256];
    size_t size;

    if (EVP_PKEY_get_octet_string_param(signer->key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
                                        &size) != 1 ||
        size != sizeof(point) || point[0] != 0x04) {
        return -EINVAL;
    }
    base64_encode(BASE64_URL, point + 1, COORDINATE, signer->x);
    base64_encode(BASE64_URL, point + 1 + COORDINATE, COORDINATE, signer->y);
    snprintf(text, sizeof(text), "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
             signer->x, signer->y);
    if (EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL) != 1) {
        return -EIO;
    }
    base64_encode(BASE64_URL, digest, sizeof(digest), signer->kid);
    return 0;
}

static int no_passphrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

int signer_load(struct signer *signer, const char *path)
{
    FILE *file = fopen(path, "re");
    char group[32] = "";
    int rc = -EINVAL;

    memset(signer, 0, sizeof(*signer));
    if (!file) {
        return -errno;
    }
    signer->key = PEM_read_PrivateKey(file, NULL, no_passphrase, NULL);
    fclose(file);
    if (signer->key &&
        EVP_PKEY_get_utf8_string_param(signer->key, OSSL_PKEY_PARAM_GROUP_NAME, group,
                                       sizeof(group), NULL) == 1 &&
        !strcmp(group, "prime256v1")) {
        rc = thumbprint(signer);
    }
    if (rc) {
        signer_release(signer);
    }
    return rc;
}

void signer_release(struct signer *signer)
{
    EVP_PKEY_free(signer->key);
    signer->key = NULL;
}

EVP_PKEY_CTX *signer_context(const struct signer *signer)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, signer->key, NULL);

    if (!context || EVP_PKEY_sign_init(context) != 1) {
        EVP_PKEY_CTX_free(context);
        return NULL;
    }
    return context;
}

int signer_sign(EVP_PKEY_CTX *context, const void *data, size_t size,
                uint8_t signature[SIGNER_SIGNATURE])
{
    uint8_t digest[32], der[80];
    const uint8_t *cursor = der;
    size_t der_size = sizeof(der);
    ECDSA_SIG *pair = NULL;
    int rc = -EIO;

    if (EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL) == 1 &&
        EVP_PKEY_sign(context, der, &der_size, digest, sizeof(digest)) == 1) {
        pair = d2i_ECDSA_SIG(NULL, &cursor, (long)der_size);
    }
    if (pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, 32) == 32 &&
        BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + 32, 32) == 32) {
        rc = 0;
    }
    ECDSA_SIG_free(pair);
    return rc;
}

char *signer_jwks(const struct signer *current, const struct signer *next)
{
    const struct signer *signers[] = {current, next};
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    if (!stream) {
        return NULL;
    }
    fputs("{\"keys\":[", stream);
    for (int i = 0; i < 2 && signers[i]; i++) {
        fprintf(stream,
                "%s{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\",\"kid\":\"%s\","
                "\"use\":\"sig\",\"alg\":\"ES256\"}",
                i ? "," : "", signers[i]->x, signers[i]->y, signers[i]->kid);
    }
    fputs("]}", stream);
    if (fclose(stream)) {
        free(text);
        return NULL;
    }
    return text;
}
