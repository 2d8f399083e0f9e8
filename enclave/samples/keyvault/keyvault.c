/* SPDX-License-Identifier: MIT */
#include "keyvault.h"

#include <cloister/enclave.h>
#include <cloister/report.h>

#include <errno.h>
#include <string.h>

#include <bearssl_ec.h>
#include <bearssl_hash.h>
#include <bearssl_rand.h>

#include "streams.h"
#include "transport.h"

#define SEED_SIZE                                                                                  \
    48 /* more than the 256 bits of strength that HMAC_DRBG can have (SP 800-90A, 10.1) */
#define POINT_SIZE 65
#define POINT_UNCOMPRESSED 0x04 /* SEC 1, 2.3.3 */

/* The key is written once, under the lock, before `ready` is set, and only read after that. */
static struct {
    struct cloister_lock lock;
    uint32_t ready;
    br_ec_private_key key;
    uint8_t scalar[BR_EC_KBUF_PRIV_MAX_SIZE];
    uint8_t point[BR_EC_KBUF_PUB_MAX_SIZE];
    struct transport transport; /* under the lock */
} vault;

static bool have_key(void)
{
    return __atomic_load_n(&vault.ready, __ATOMIC_ACQUIRE);
}

static int start_random(br_hmac_drbg_context *random)
{
    uint8_t seed[SEED_SIZE];
    int result = cloister_seed(seed, sizeof(seed));

    if (!result) {
        br_hmac_drbg_init(random, &br_sha256_vtable, seed, sizeof(seed));
    }
    cloister_wipe(seed, sizeof(seed));
    return result;
}

/* Under the lock: vault.key is complete, its public half is not. */
static int publish_key(void)
{
    br_ec_public_key public;

    if (br_ec_compute_pub(&br_ec_p256_m31, &public, vault.point, &vault.key) != POINT_SIZE ||
        vault.point[0] != POINT_UNCOMPRESSED) {
        return -EIO;
    }
    __atomic_store_n(&vault.ready, 1, __ATOMIC_RELEASE);
    return 0;
}

/* Under the lock. */
static int make_key(void)
{
    br_hmac_drbg_context random;
    int result = start_random(&random);

    if (!result) {
        result =
            br_ec_keygen(&random.vtable, &br_ec_p256_m31, &vault.key, vault.scalar, BR_EC_secp256r1)
                ? publish_key()
                : -EIO;
    }
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
    int result;

    (void)in;
    (void)in_size;
    if (out_capacity < KEYVAULT_PUBLIC_SIZE) {
        return -EMSGSIZE;
    }
    cloister_lock_take(&vault.lock);
    result = vault.ready ? -EEXIST : make_key();
    cloister_lock_release(&vault.lock);
    return result ? result : give_public(out, out_capacity, out_size);
}

static int public(const void *in, size_t in_size, void *out, size_t out_capacity, size_t *out_size)
{
    (void)in;
    (void)in_size;
    return have_key() ? give_public(out, out_capacity, out_size) : -ENOENT;
}

/* --- a key from a key service -------------------------------------------------------------------- */

/* Under the lock. */
static int make_request(const uint8_t *challenge, uint8_t *out)
{
    br_hmac_drbg_context random;
    struct cloister_report report;
    uint8_t data[64];
    int result = start_random(&random);

    if (!result) {
        result = transport_make(&vault.transport, &random.vtable, challenge);
    }
    if (!result) {
        transport_report_data(&vault.transport, data);
        result = cloister_report(data, &report);
    }
    if (!result) {
        memcpy(out, vault.transport.public, KEYVAULT_PUBLIC_SIZE);
        memcpy(out + KEYVAULT_PUBLIC_SIZE, &report, sizeof(report));
    } else {
        cloister_wipe(&vault.transport, sizeof(vault.transport));
    }
    cloister_wipe(&random, sizeof(random));
    return result;
}

static int request(const void *in, size_t in_size, void *out, size_t out_capacity, size_t *out_size)
{
    int result;

    if (in_size != KEYVAULT_CHALLENGE_SIZE) {
        return -EINVAL;
    }
    if (out_capacity < KEYVAULT_REQUEST_SIZE) {
        return -EMSGSIZE;
    }
    cloister_lock_take(&vault.lock);
    result = vault.ready ? -EEXIST : make_request(in, out);
    cloister_lock_release(&vault.lock);
    *out_size = result ? 0 : KEYVAULT_REQUEST_SIZE;
    return result;
}

/* Under the lock. */
static int import_key(const uint8_t *wrapped)
{
    int result = transport_unwrap(&vault.transport, wrapped, vault.scalar);

    if (result) {
        return result;
    }
    vault.key = (br_ec_private_key){
        .curve = BR_EC_secp256r1, .x = vault.scalar, .xlen = KEYVAULT_PRIVATE_SIZE};
    result = publish_key();
    if (!result) {
        cloister_wipe(&vault.transport, sizeof(vault.transport));
    }
    return result;
}

static int import(const void *in, size_t in_size, void *out, size_t out_capacity, size_t *out_size)
{
    int result;

    if (in_size != KEYVAULT_WRAPPED_SIZE) {
        return -EINVAL;
    }
    if (out_capacity < KEYVAULT_PUBLIC_SIZE) {
        return -EMSGSIZE;
    }
    cloister_lock_take(&vault.lock);
    result = vault.ready ? -EEXIST : import_key(in);
    cloister_lock_release(&vault.lock);
    return result ? result : give_public(out, out_capacity, out_size);
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

CLOISTER_ECALLS(
    [KEYVAULT_GENERATE] = {generate, 0, KEYVAULT_PUBLIC_SIZE},
    [KEYVAULT_PUBLIC] = {public, 0, KEYVAULT_PUBLIC_SIZE},
    [KEYVAULT_SIGN_DIGEST] = {sign_digest, KEYVAULT_DIGEST_SIZE, KEYVAULT_SIGNATURE_SIZE},
    [KEYVAULT_SIGN_MESSAGE] = {sign_message, SIZE_MAX, KEYVAULT_SIGNATURE_SIZE},
    [KEYVAULT_BEGIN] = {begin, 0, KEYVAULT_STREAM_SIZE}, [KEYVAULT_UPDATE] = {update, SIZE_MAX, 0},
    [KEYVAULT_END] = {end, KEYVAULT_STREAM_SIZE, KEYVAULT_SIGNATURE_SIZE},
    [KEYVAULT_CANCEL] = {cancel, KEYVAULT_STREAM_SIZE, 0},
    [KEYVAULT_REQUEST] = {request, KEYVAULT_CHALLENGE_SIZE, KEYVAULT_REQUEST_SIZE},
    [KEYVAULT_IMPORT] = {import, KEYVAULT_WRAPPED_SIZE, KEYVAULT_PUBLIC_SIZE});
