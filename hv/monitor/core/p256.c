/* SPDX-License-Identifier: MIT */
#include "core/p256.h"

/* The library's arithmetic of points, which it keeps to itself, and br_ec_p256_m31. */
#include <ec/ec_p256_m31.c>

/* Its signatures, with an inverse that is made in steps. */
static void invert(uint32_t *x, const unsigned char *exponent, size_t size, const uint32_t *order,
                   uint32_t order0i, uint32_t *t1, uint32_t *t2);
#define br_i31_modpow invert
#define br_ecdsa_i31_sign_raw sign_in_steps
#define br_ecdsa_i31_vrfy_raw verify_in_steps
#include <ec/ecdsa_i31_sign_raw.c>
#include <ec/ecdsa_i31_vrfy_raw.c>

#include "core/wipe.h"

_Static_assert(sizeof(p256_jacobian) == P256_COORDINATES * sizeof(uint32_t),
               "a point of the library's");

/* What each CPU works at, from the library's call on: its functions take no context. */
static struct p256_job **jobs;

int p256_init(void)
{
    jobs = host_alloc(host_cpu_count() * sizeof(*jobs));
    return jobs ? 0 : -ENOMEM;
}

/* --- the inverse ------------------------------------------------------------------------------ */

/* To the order less 2, which is public, from its last byte on (Fermat; as br_i31_modpow() does it). */
static void invert_byte(struct p256_job *job)
{
    const unsigned char *order = br_secp256r1.order;
    const int byte = order[br_secp256r1.order_len - 1 - job->bytes] - (job->bytes ? 0 : 2);
    uint32_t n[P256_NUMBER], product[P256_NUMBER];

    br_i31_decode(n, order, br_secp256r1.order_len);
    const uint32_t n0i = br_i31_ninv31(n[1]);
    for (int bit = 0; bit < 8; bit++) {
        br_i31_montymul(product, job->inverse, job->power, n, n0i);
        CCOPY((uint32_t)(byte >> bit) & 1, job->inverse, product, sizeof(product));
        br_i31_montymul(product, job->power, job->power, n, n0i);
        memcpy(job->power, product, sizeof(product));
    }
    job->bytes++;
    if (job->bytes == br_secp256r1.order_len) {
        job->bytes = 0;
        job->stage = P256_INVERTED;
    }
}

/* --- the sum ---------------------------------------------------------------------------------- */

/* Adds a point to the sum, unless `some` is 0. */
static void add(struct p256_job *job, p256_jacobian *sum, const p256_jacobian *point, uint32_t some)
{
    p256_jacobian both = *sum;

    p256_add(&both, point);
    CCOPY(some & job->empty, sum, point, sizeof(*sum));
    CCOPY(some & (job->empty ^ 1), sum, &both, sizeof(*sum));
    job->empty &= some ^ 1;
}

/* By two bits of x, which is public, and by four of y. */
static void add_byte(struct p256_job *job)
{
    const uint32_t x = job->point_times[job->bytes], y = job->generator_times[job->bytes];
    p256_jacobian sum, point;

    memcpy(&sum, job->sum, sizeof(sum));
    for (int shift = 6; shift >= 0; shift -= 2) {
        p256_double(&sum);
        p256_double(&sum);
        if (job->of_point && (x >> shift) % 4) {
            memcpy(&point, job->multiples[(x >> shift) % 4 - 1], sizeof(point));
            add(job, &sum, &point, 1);
        }
        if (shift % 4 == 0) {
            lookup_Gwin(&point, (y >> shift) % 16);
            add(job, &sum, &point, NEQ((y >> shift) % 16, 0));
        }
    }
    memcpy(job->sum, &sum, sizeof(sum));
    job->bytes++;
    job->stage = job->bytes == sizeof(job->point_times) ? P256_ADDED : P256_ADDING;
}

/* False: the point at infinity. */
static bool sum_encode(const struct p256_job *job, uint8_t point[P256_POINT_SIZE])
{
    p256_jacobian sum;
    uint32_t z = 0;

    memcpy(&sum, job->sum, sizeof(sum));
    reduce_final_f256(sum.z);
    for (size_t i = 0; i < sizeof(sum.z) / sizeof(sum.z[0]); i++) {
        z |= sum.z[i];
    }
    p256_to_affine(&sum);
    p256_encode(point, &sum);
    return z != 0;
}

/* --- what the library calls ----------------------------------------------------------------------- */

/* With the job NEW: keeps the number. What is given before there is an inverse is of no use to anybody. */
static void invert(uint32_t *x, const unsigned char *exponent, size_t size, const uint32_t *order,
                   uint32_t order0i, uint32_t *t1, uint32_t *t2)
{
    struct p256_job *job = jobs[host_cpu()];

    (void)exponent, (void)size, (void)order0i, (void)t1, (void)t2;
    if (job->stage == P256_NEW) {
        memcpy(job->power, x, sizeof(job->power));
        br_i31_to_monty(job->power, order);
        br_i31_zero(job->inverse, order[0]);
        job->inverse[1] = 1;
        job->stage = P256_INVERTING;
    }
    memcpy(x, job->inverse, sizeof(job->inverse));
}

/* With the job INVERTED: keeps x and y. */
static void numbers_take(struct p256_job *job, const uint8_t *x, const uint8_t *y)
{
    job->of_point = x != NULL;
    if (x) {
        memcpy(job->point_times, x, sizeof(job->point_times));
    }
    memcpy(job->generator_times, y, sizeof(job->generator_times));
    job->empty = 1;
    job->stage = P256_ADDING;
}

static uint32_t muladd(uint8_t *point, const uint8_t *other, size_t size, const uint8_t *x,
                       size_t x_size, const uint8_t *y, size_t y_size, int curve)
{
    struct p256_job *job = jobs[host_cpu()];
    p256_jacobian first, multiple;

    (void)other, (void)x_size, (void)y_size, (void)curve;
    if (job->stage == P256_ADDED) {
        return sum_encode(job, point);
    }
    if (job->stage == P256_INVERTED && p256_decode(&first, point, size)) {
        numbers_take(job, x, y);
        multiple = first;
        memcpy(job->multiples[0], &multiple, sizeof(multiple));
        p256_double(&multiple);
        memcpy(job->multiples[1], &multiple, sizeof(multiple));
        p256_add(&multiple, &first);
        memcpy(job->multiples[2], &multiple, sizeof(multiple));
    }
    return 0;
}

static size_t mulgen(uint8_t *point, const uint8_t *y, size_t size, int curve)
{
    struct p256_job *job = jobs[host_cpu()];

    (void)size, (void)curve;
    if (job->stage == P256_ADDED) {
        (void)sum_encode(job, point);
        return P256_POINT_SIZE;
    }
    if (job->stage == P256_INVERTED) {
        numbers_take(job, NULL, y);
    }
    memcpy(point, P256_G, sizeof(P256_G));
    return P256_POINT_SIZE;
}

static const br_ec_impl in_steps = {
    .supported_curves = 1u << BR_EC_secp256r1, .mulgen = mulgen, .muladd = muladd};

/* --- steps ------------------------------------------------------------------------------------ */

static bool is_working(const struct p256_job *job)
{
    return job->stage == P256_INVERTING || job->stage == P256_ADDING;
}

bool p256_advance(struct p256_job *job)
{
    switch (job->stage) {
    case P256_INVERTING:
        invert_byte(job);
        return true;
    case P256_ADDING:
        add_byte(job);
        return true;
    default:
        return false;
    }
}

int p256_verify(struct p256_job *job, const uint8_t digest[P256_DIGEST_SIZE],
                const uint8_t point[P256_POINT_SIZE], const uint8_t signature[P256_SIGNATURE_SIZE])
{
    const br_ec_public_key key = {
        .curve = BR_EC_secp256r1, .q = (uint8_t *)(uintptr_t)point, .qlen = P256_POINT_SIZE};

    jobs[host_cpu()] = job;
    bool valid = verify_in_steps(&in_steps, digest, P256_DIGEST_SIZE, &key, signature,
                                 P256_SIGNATURE_SIZE) == 1;
    if (is_working(job)) {
        return -EAGAIN;
    }
    wipe(job, sizeof(*job));
    return valid ? 0 : -EACCES;
}

int p256_sign(struct p256_job *job, const uint8_t digest[P256_DIGEST_SIZE],
              const uint8_t key[P256_KEY_SIZE], uint8_t signature[P256_SIGNATURE_SIZE])
{
    const br_ec_private_key private = {
        .curve = BR_EC_secp256r1, .x = (uint8_t *)(uintptr_t)key, .xlen = P256_KEY_SIZE};
    uint8_t made[P256_SIGNATURE_SIZE];

    host_secret_expect();
    jobs[host_cpu()] = job;
    if (sign_in_steps(&in_steps, &br_sha256_vtable, digest, &private, made) != sizeof(made)) {
        host_panic("no signature can be made");
    }
    if (is_working(job)) {
        return -EAGAIN; /* what was made is no signature: with its nonce it would give away the key */
    }
    memcpy(signature, made, sizeof(made));
    wipe(job, sizeof(*job));
    return 0;
}
