/* SPDX-License-Identifier: MIT */
#include "proof.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

void proof_sha256(const void *data, size_t size, uint8_t digest[32])
{
    EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL);
}

bool proof_signature(const uint8_t key[64], const void *data, size_t size,
                     const uint8_t signature[64])
{
    uint8_t point[65] = {4};
    char group[] = "prime256v1";
    EVP_PKEY *public = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    ECDSA_SIG *pair = ECDSA_SIG_new();
    unsigned char *der = NULL;
    bool valid = false;

    memcpy(point + 1, key, 64);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end(),
    };
    ECDSA_SIG_set0(pair, BN_bin2bn(signature, 32, NULL), BN_bin2bn(signature + 32, 32, NULL));
    int der_size = i2d_ECDSA_SIG(pair, &der);
    if (EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &public, EVP_PKEY_PUBLIC_KEY, parameters) == 1) {
        EVP_MD_CTX *hash = EVP_MD_CTX_new();
        valid = EVP_DigestVerifyInit(hash, NULL, EVP_sha256(), NULL, public) == 1 &&
                EVP_DigestVerify(hash, der, der_size, data, size) == 1;
        EVP_MD_CTX_free(hash);
    }
    OPENSSL_free(der);
    ECDSA_SIG_free(pair);
    EVP_PKEY_free(public);
    EVP_PKEY_CTX_free(context);
    return valid;
}

/* RFC 9052, 4.4, encoded by hand from its text and not from the header's constant. */
bool proof_report(const struct cloister_report *report,
                  const struct cloister_monitor_record *record)
{
    uint8_t structure[1024];
    uint8_t digest[32];
    size_t used = 0;
    /* array(4), text(10), {1: -7}, no external data, the payload's size. */
    /* clang-format off */
    const uint8_t head[] = {0x84, 0x6a, 'S', 'i', 'g', 'n', 'a', 't', 'u', 'r', 'e', '1', 0x43, 0xa1,
                            0x01, 0x26, 0x40, 0x59, (sizeof(*report) - 64) >> 8,
                            (sizeof(*report) - 64) & 0xff};
    /* clang-format on */

    memcpy(structure, head, sizeof(head));
    used += sizeof(head);
    memcpy(structure + used, report, sizeof(*report) - 64);
    used += sizeof(*report) - 64;
    proof_sha256(record, sizeof(*record), digest);
    return !memcmp(report->record, digest, sizeof(digest)) &&
           proof_signature(record->public_key, structure, used, report->signature);
}
