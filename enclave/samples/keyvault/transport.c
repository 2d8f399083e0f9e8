/* SPDX-License-Identifier: MIT */
#include "transport.h"

#include <cloister/enclave.h>

#include <errno.h>
#include <string.h>

#include <bearssl_aead.h>
#include <bearssl_block.h>
#include <bearssl_ec.h>
#include <bearssl_hash.h>
#include <bearssl_kdf.h>

#define POINT_SIZE (1 + KEYVAULT_PUBLIC_SIZE)
#define POINT_UNCOMPRESSED 0x04 /* SEC 1, 2.3.3 */
#define KEY_SIZE 32             /* AES-256 */
#define IV_SIZE 12

/* The linker (binutils 2.40) does not turn the address of this function into a direct one by itself, and an
   enclave has no global offset table. */
extern __typeof__(br_ghash_ctmul64) br_ghash_ctmul64 __attribute__((visibility("hidden")));

static const uint8_t zero_iv[IV_SIZE];

int transport_make(struct transport *transport, const br_prng_class **random,
                   const uint8_t challenge[KEYVAULT_CHALLENGE_SIZE])
{
    uint8_t scalar[BR_EC_KBUF_PRIV_MAX_SIZE], point[BR_EC_KBUF_PUB_MAX_SIZE];
    br_ec_private_key key;
    br_ec_public_key public;
    int result = -EIO;

    cloister_wipe(transport, sizeof(*transport));
    if (br_ec_keygen(random, &br_ec_p256_m31, &key, scalar, BR_EC_secp256r1) ==
            KEYVAULT_PRIVATE_SIZE &&
        br_ec_compute_pub(&br_ec_p256_m31, &public, point, &key) == POINT_SIZE) {
        memcpy(transport->challenge, challenge, sizeof(transport->challenge));
        memcpy(transport->scalar, scalar, sizeof(transport->scalar));
        memcpy(transport->public, point + 1, sizeof(transport->public));
        transport->ready = true;
        result = 0;
    }
    cloister_wipe(scalar, sizeof(scalar));
    return result;
}

void transport_report_data(const struct transport *transport, uint8_t data[64])
{
    br_sha256_context hash;

    memset(data, 0, 64);
    br_sha256_init(&hash);
    br_sha256_update(&hash, KEYVAULT_TRANSPORT_LABEL, sizeof(KEYVAULT_TRANSPORT_LABEL) - 1);
    br_sha256_update(&hash, transport->challenge, sizeof(transport->challenge));
    br_sha256_update(&hash, transport->public, sizeof(transport->public));
    br_sha256_out(&hash, data);
}

/* -EBADMSG: the ephemeral key is no point of the curve. */
static int derive(const struct transport *transport, const uint8_t ephemeral[KEYVAULT_PUBLIC_SIZE],
                  uint8_t key[KEY_SIZE])
{
    static const char label[] = KEYVAULT_WRAP_LABEL;
    uint8_t info[sizeof(label) - 1 + 2 * KEYVAULT_PUBLIC_SIZE],
        point[POINT_SIZE] = {POINT_UNCOMPRESSED};
    br_hkdf_context hkdf;
    int result = -EBADMSG;

    memcpy(point + 1, ephemeral, KEYVAULT_PUBLIC_SIZE);
    if (br_ec_p256_m31.mul(point, sizeof(point), transport->scalar, sizeof(transport->scalar),
                           BR_EC_secp256r1)) {
        memcpy(info, label, sizeof(label) - 1);
        memcpy(info + sizeof(label) - 1, transport->public, KEYVAULT_PUBLIC_SIZE);
        memcpy(info + sizeof(label) - 1 + KEYVAULT_PUBLIC_SIZE, ephemeral, KEYVAULT_PUBLIC_SIZE);
        br_hkdf_init(&hkdf, &br_sha256_vtable, transport->challenge, sizeof(transport->challenge));
        br_hkdf_inject(&hkdf, point + 1, KEYVAULT_PUBLIC_SIZE / 2);
        br_hkdf_flip(&hkdf);
        br_hkdf_produce(&hkdf, info, sizeof(info), key, KEY_SIZE);
        cloister_wipe(&hkdf, sizeof(hkdf));
        result = 0;
    }
    cloister_wipe(point, sizeof(point));
    return result;
}

/* 1 .. n - 1, in a time that does not depend on it. */
static bool is_private_key(const uint8_t scalar[KEYVAULT_PRIVATE_SIZE])
{
    size_t size;
    const uint8_t *order = br_ec_p256_m31.order(BR_EC_secp256r1, &size);
    uint32_t borrow = 0, any = 0;

    for (size_t i = KEYVAULT_PRIVATE_SIZE; i-- > 0;) {
        borrow = ((uint32_t)scalar[i] - order[i] - borrow) >> 31;
        any |= scalar[i];
    }
    return borrow && any;
}

int transport_unwrap(const struct transport *transport,
                     const uint8_t wrapped[KEYVAULT_WRAPPED_SIZE],
                     uint8_t scalar[KEYVAULT_PRIVATE_SIZE])
{
    const uint8_t *sealed = wrapped + KEYVAULT_PUBLIC_SIZE;
    uint8_t key[KEY_SIZE];
    br_aes_ct64_ctr_keys aes;
    br_gcm_context gcm;
    int result;

    memset(scalar, 0, KEYVAULT_PRIVATE_SIZE);
    if (!transport->ready) {
        return -ENOENT;
    }
    result = derive(transport, wrapped, key);
    if (result) {
        return result;
    }
    br_aes_ct64_ctr_init(&aes, key, sizeof(key));
    br_gcm_init(&gcm, &aes.vtable, br_ghash_ctmul64);
    br_gcm_reset(&gcm, zero_iv, sizeof(zero_iv));
    br_gcm_flip(&gcm);
    memcpy(scalar, sealed, KEYVAULT_PRIVATE_SIZE);
    br_gcm_run(&gcm, 0, scalar, KEYVAULT_PRIVATE_SIZE);
    if (!br_gcm_check_tag(&gcm, sealed + KEYVAULT_PRIVATE_SIZE) || !is_private_key(scalar)) {
        cloister_wipe(scalar, KEYVAULT_PRIVATE_SIZE);
        result = -EBADMSG;
    }
    cloister_wipe(key, sizeof(key));
    cloister_wipe(&aes, sizeof(aes));
    cloister_wipe(&gcm, sizeof(gcm));
    return result;
}
