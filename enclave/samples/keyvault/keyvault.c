/* SPDX-License-Identifier: MIT */
#include "keyvault.h"

#include <cloister/enclave.h>

#include <errno.h>
#include <string.h>

#include <bearssl_ec.h>
#include <bearssl_hash.h>
#include <bearssl_rand.h>

#include "streams.h"

#define SEED_SIZE 48 /* more than the 256 bits of strength that HMAC_DRBG can have (SP 800-90A, 10.1) */
#define POINT_SIZE 65
#define POINT_UNCOMPRESSED 0x04 /* SEC 1, 2.3.3 */

/* Written once, under the lock, before `ready` is set; only read after that. */
static struct {
    struct cloister_lock lock;
    uint32_t ready;
    br_ec_private_key key;
    uint8_t scalar[BR_EC_KBUF_PRIV_MAX_SIZE];
    uint8_t point[BR_EC_KBUF_PUB_MAX_SIZE];
} vault;

static bool have_key(void)
{
    return __atomic_load_n(&vault.ready, __ATOMIC_ACQUIRE);
}

/* Under the lock. */
static int make_key(void)
{
    uint8_t seed[SEED_SIZE];
    br_hmac_drbg_context random;
    br_ec_public_key public;
    int result = cloister_seed(seed, sizeof(seed));

    if (result) {
        return result;
    }
    br_hmac_drbg_init(&random, &br_sha256_vtable, seed, sizeof(seed));
    if (br_ec_keygen(&random.vtable, &br_ec_p256_m31, &vault.key, vault.scalar, BR_EC_secp256r1) ==
            0 ||
        br_ec_compute_pub(&br_ec_p256_m31, &public, vault.point, &vault.key) != POINT_SIZE ||
        vault.point[0] != POINT_UNCOMPRESSED) {
        result = -EIO;
    }
    cloister_wipe(seed, sizeof(seed));
    cloister_wipe(&random, sizeof(random));
    return result;
}

static int give_public(void *out, size_t out_capacity, size_t *out_size)
{
    if (out_capacity < KEYVAULT_PUBLIC_SIZE) {
        return -EMSGSIZE;
    }
    memcpy(out, vault.point + 1, KEYVAULT_PUBLIC_SIZE);
    *out_size = KEYVAULT_PUBLIC_SIZE;
    return 0;
}

static int generate(const void *in, size_t in_size, void *out, size_t out_capacity,
                    size_t *out_size)
{
    int result = -EEXIST;

    (void)in;
    (void)in_size;
    if (out_capacity < KEYVAULT_PUBLIC_SIZE) {
        return -EMSGSIZE;
    }
    cloister_lock_take(&vault.lock);
    if (!vault.ready) {
        result = make_key();
        __atomic_store_n(&vault.ready, !result, __ATOMIC_RELEASE);
    }
    cloister_lock_release(&vault.lock);
    return result ? result : give_public(out, out_capacity, out_size);
}

static int public(const void *in, size_t in_size, void *out, size_t out_capacity, size_t *out_size)
{
    (void)in;
    (void)in_size;
    return have_key() ? give_public(out, out_capacity, out_size) : -ENOENT;
}

/* The nonce is derived from key and digest (RFC 6979): no randomness is needed, or can fail. */
static int sign(const uint8_t digest[KEYVAULT_DIGEST_SIZE], void *out, size_t out_capacity,
                size_t *out_size)
{
    if (!have_key()) {
        return -ENOENT;
    }
    if (out_capacity < KEYVAULT_SIGNATURE_SIZE) {
        return -EMSGSIZE;
    }
    *out_size = br_ecdsa_i31_sign_asn1(&br_ec_p256_m31, &br_sha256_vtable, digest, &vault.key, out);
    return *out_size ? 0 : -EIO;
}

static int sign_digest(const void *in, size_t in_size, void *out, size_t out_capacity,
                       size_t *out_size)
{
    return in_size == KEYVAULT_DIGEST_SIZE ? sign(in, out, out_capacity, out_size) : -EINVAL;
}

static int sign_message(const void *in, size_t in_size, void *out, size_t out_capacity,
                        size_t *out_size)
{
    uint8_t digest[KEYVAULT_DIGEST_SIZE];
    br_sha256_context hash;

    br_sha256_init(&hash);
    br_sha256_update(&hash, in, in_size);
    br_sha256_out(&hash, digest);
    return sign(digest, out, out_capacity, out_size);
}

/* --- messages in pieces ---------------------------------------------------------------------------- */

static int begin(const void *in, size_t in_size, void *out, size_t out_capacity, size_t *out_size)
{
    uint64_t number;
    int result;

    (void)in;
    (void)in_size;
    if (!have_key()) {
        return -ENOENT;
    }
    if (out_capacity < sizeof(number)) {
        return -EMSGSIZE;
    }
    result = stream_open(&number);
    if (!result) {
        memcpy(out, &number, sizeof(number));
        *out_size = sizeof(number);
    }
    return result;
}

static struct stream *claim(const void *in)
{
    uint64_t number;

    memcpy(&number, in, sizeof(number));
    return stream_claim(number);
}

static int update(const void *in, size_t in_size, void *out, size_t out_capacity, size_t *out_size)
{
    struct stream *stream;

    (void)out;
    (void)out_capacity;
    (void)out_size;
    if (in_size < KEYVAULT_STREAM_SIZE) {
        return -EINVAL;
    }
    stream = claim(in);
    if (!stream) {
        return -EBADMSG;
    }
    br_sha256_update(&stream->hash, (const uint8_t *)in + KEYVAULT_STREAM_SIZE,
                     in_size - KEYVAULT_STREAM_SIZE);
    stream_release(stream);
    return 0;
}

static int end(const void *in, size_t in_size, void *out, size_t out_capacity, size_t *out_size)
{
    uint8_t digest[KEYVAULT_DIGEST_SIZE];
    struct stream *stream;

    if (in_size != KEYVAULT_STREAM_SIZE) {
        return -EINVAL;
    }
    stream = claim(in);
    if (!stream) {
        return -EBADMSG;
    }
    br_sha256_out(&stream->hash, digest);
    stream_close(stream);
    return sign(digest, out, out_capacity, out_size);
}

static int cancel(const void *in, size_t in_size, void *out, size_t out_capacity, size_t *out_size)
{
    struct stream *stream;

    (void)out;
    (void)out_capacity;
    (void)out_size;
    if (in_size != KEYVAULT_STREAM_SIZE) {
        return -EINVAL;
    }
    stream = claim(in);
    if (!stream) {
        return -EBADMSG;
    }
    stream_close(stream);
    return 0;
}

CLOISTER_ECALLS([KEYVAULT_GENERATE] = {generate, 0, KEYVAULT_PUBLIC_SIZE},
                [KEYVAULT_PUBLIC] = {public, 0, KEYVAULT_PUBLIC_SIZE},
                [KEYVAULT_SIGN_DIGEST] = {sign_digest, KEYVAULT_DIGEST_SIZE,
                                          KEYVAULT_SIGNATURE_SIZE},
                [KEYVAULT_SIGN_MESSAGE] = {sign_message, SIZE_MAX, KEYVAULT_SIGNATURE_SIZE},
                [KEYVAULT_BEGIN] = {begin, 0, KEYVAULT_STREAM_SIZE},
                [KEYVAULT_UPDATE] = {update, SIZE_MAX, 0},
                [KEYVAULT_END] = {end, KEYVAULT_STREAM_SIZE, KEYVAULT_SIGNATURE_SIZE},
                [KEYVAULT_CANCEL] = {cancel, KEYVAULT_STREAM_SIZE, 0});
