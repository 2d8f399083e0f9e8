/* SPDX-License-Identifier: MIT */
/*
 * Signatures in steps, beside the library's own and OpenSSL's. Verifications are asked for sums x*P + y*G of chosen x and
 * y: a signature (r, s) of a digest e means x = r/s and y = e/s.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* EC_POINT_mul() has no successor */
#include <bearssl_ec.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <signal.h>

/* The library's own, which the monitor has with another inverse. */
#include <int/i31_modpow.c>
#include <ec/ecdsa_i31_sign_raw.c>
#include <ec/ecdsa_i31_vrfy_raw.c>

#include "core/p256.h"
#include "fake_host.h"
#include "suite.h"

#define ROUNDS 60
/* First, one for each byte of the inverse; one, one for each byte of the sum; last. */
#define STEPS_OF_INVERSE 34
#define STEPS (STEPS_OF_INVERSE + 33)

static EC_GROUP *group;
static BN_CTX *context;
static BIGNUM *order, *private;
static uint8_t point[P256_POINT_SIZE], key[P256_KEY_SIZE];

static BIGNUM *random_number(void)
{
    BIGNUM *number = BN_new();

    do {
        ck_assert_int_eq(BN_rand_range(number, order), 1);
    } while (BN_is_zero(number));
    return number;
}

static void key_is(const BIGNUM *number)
{
    EC_POINT *public = EC_POINT_new(group);

    BN_copy(private, number);
    ck_assert_int_eq(EC_POINT_mul(group, public, private, NULL, NULL, context), 1);
    ck_assert_uint_eq(EC_POINT_point2oct(group, public, POINT_CONVERSION_UNCOMPRESSED, point,
                                         sizeof(point), context),
                      sizeof(point));
    ck_assert_int_eq(BN_bn2binpad(private, key, sizeof(key)), sizeof(key));
    EC_POINT_free(public);
}

static void start(void)
{
    fake_start(1);
    group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    context = BN_CTX_new();
    order = BN_dup(EC_GROUP_get0_order(group));
    private = BN_new();
    BIGNUM *number = random_number();
    key_is(number);
    BN_free(number);
}

static void end(void)
{
    EC_GROUP_free(group);
    BN_CTX_free(context);
    BN_free(order);
    BN_free(private);
}

static int verify(const uint8_t digest[32], const uint8_t signature[64])
{
    struct p256_job job = {.stage = P256_NEW};
    int rc, steps = 0;

    do {
        steps++;
        rc = p256_advance(&job) ? -EAGAIN : p256_verify(&job, digest, point, signature);
    } while (rc == -EAGAIN);
    ck_assert(steps == STEPS || (rc && (steps == 1 || steps == STEPS_OF_INVERSE)));
    for (size_t i = 0; i < sizeof(job); i++) {
        ck_assert_uint_eq(((uint8_t *)&job)[i] && rc == 0, 0);
    }
    return rc;
}

static bool library_verifies(const uint8_t digest[32], const uint8_t signature[64])
{
    br_ec_public_key public = {.curve = BR_EC_secp256r1, .q = point, .qlen = sizeof(point)};

    return br_ecdsa_i31_vrfy_raw(&br_ec_p256_m31, digest, 32, &public, signature, 64) == 1;
}

static void sign(const uint8_t digest[32], uint8_t signature[64])
{
    struct p256_job job = {.stage = P256_NEW};
    int rc;

    do {
        host_secret_begin();
        rc = p256_advance(&job) ? -EAGAIN : p256_sign(&job, digest, key, signature);
        host_secret_end();
    } while (rc == -EAGAIN);
    ck_assert_int_eq(rc, 0);
    ck_assert_uint_eq(job.stage, P256_NEW);
    ck_assert(!job.generator_times[0] && !job.generator_times[31] && !job.sum[0]);
    ck_assert(!job.inverse[1] && !job.power[1]);
}

/* The signature whose verification asks for x*P + y*G. False: there is none. */
static bool signature_for(const BIGNUM *x, const BIGNUM *y, uint8_t digest[32],
                          uint8_t signature[64])
{
    EC_POINT *sum = EC_POINT_new(group), *public = EC_POINT_new(group);
    BIGNUM *r = BN_new(), *s = BN_new(), *e = BN_new();

    ck_assert_int_eq(EC_POINT_oct2point(group, public, point, sizeof(point), context), 1);
    ck_assert_int_eq(EC_POINT_mul(group, sum, y, public, x, context), 1);
    bool some = !EC_POINT_is_at_infinity(group, sum) && !BN_is_zero(x) &&
                EC_POINT_get_affine_coordinates(group, sum, r, NULL, context) &&
                BN_nnmod(r, r, order, context) && !BN_is_zero(r);
    if (some) {
        BN_mod_inverse(s, x, order, context);
        BN_mod_mul(s, s, r, order, context);
        BN_mod_mul(e, y, s, order, context);
        BN_bn2binpad(r, signature, 32);
        BN_bn2binpad(s, signature + 32, 32);
        BN_bn2binpad(e, digest, 32);
    }
    EC_POINT_free(sum);
    EC_POINT_free(public);
    BN_free(r);
    BN_free(s);
    BN_free(e);
    return some;
}

/* Numbers of which parts are empty, or carry as far as they can. */
static const char *const special[] = {
    "00",
    "01",
    "02",
    "03",
    "0f",
    "10",
    "ff",
    "0100",
    "8000000000000000000000000000000000000000000000000000000000000000",
    "ff00000000000000000000000000000000000000000000000000000000000000",
    "00000000000000000000000000000000ffffffffffffffffffffffffffffffff",
    "0101010101010101010101010101010101010101010101010101010101010101",
    "7fffffff80000000800000007fffffff5555555555555555aaaaaaaaaaaaaaaa",
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550", /* the order less 1 */
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63254f"};
#define SPECIAL (sizeof(special) / sizeof(special[0]))

START_TEST(sums_of_special_numbers)
{
    unsigned int made = 0;

    for (size_t i = 0; i < SPECIAL * SPECIAL; i++) {
        BIGNUM *x = NULL, *y = NULL;
        uint8_t digest[32], signature[64];

        BN_hex2bn(&x, special[i / SPECIAL]);
        BN_hex2bn(&y, special[i % SPECIAL]);
        if (signature_for(x, y, digest, signature)) {
            made++;
            /* It cannot add infinity. */
            ck_assert_int_eq(library_verifies(digest, signature), !BN_is_zero(y));
            ck_assert_msg(!verify(digest, signature), "%s %s", special[i / SPECIAL],
                          special[i % SPECIAL]);
            signature[i % 64] ^= 1u << i % 8;
            ck_assert_int_eq(verify(digest, signature), -EACCES);
        }
        BN_free(x);
        BN_free(y);
    }
    ck_assert_uint_eq(made, (SPECIAL - 1) * SPECIAL);
}
END_TEST

START_TEST(sums_of_random_numbers)
{
    for (int i = 0; i < ROUNDS; i++) {
        BIGNUM *x = random_number(), *y = random_number(), *other = random_number();
        uint8_t digest[32], signature[64];

        key_is(other);
        ck_assert(signature_for(x, y, digest, signature));
        ck_assert_int_eq(verify(digest, signature), 0);
        digest[i % 32] ^= 1u << i % 8;
        ck_assert_int_eq(verify(digest, signature), -EACCES);
        BN_free(x);
        BN_free(y);
        BN_free(other);
    }
}
END_TEST

/* Not on the curve, not in the field, not uncompressed, infinity: none has a sum. */
START_TEST(points_of_no_curve)
{
    uint8_t digest[32] = {7}, signature[64], good[P256_POINT_SIZE];

    sign(digest, signature);
    ck_assert_int_eq(verify(digest, signature), 0);
    memcpy(good, point, sizeof(good));
    for (int i = 0; i < 5; i++) {
        memcpy(point, good, sizeof(point));
        switch (i) {
        case 0:
            point[64] ^= 1;
            break;
        case 1:
            memset(point + 1, 0xff, 32);
            break;
        case 2:
            point[0] = 2;
            break;
        case 3:
            memset(point, 0, sizeof(point));
            break;
        case 4:
            memset(point + 1, 0, 64);
            break;
        }
        ck_assert_msg(verify(digest, signature) == -EACCES, "point %d is taken", i);
    }
}
END_TEST

/* Whoever has the key can make a sum that comes to infinity on its way, or in the end: that is no signature. */
START_TEST(sums_that_come_to_infinity)
{
    static const char *const keys[] = {
        "01", "02", "03",
        "0f", "10", "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"};
    uint8_t digest[32], signature[64];
    unsigned int refused = 0;

    for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
        BIGNUM *number = NULL;

        BN_hex2bn(&number, keys[k]);
        key_is(number);
        BN_free(number);
        for (size_t i = 0; i < SPECIAL * SPECIAL; i++) {
            BIGNUM *x = NULL, *y = NULL;

            BN_hex2bn(&x, special[i / SPECIAL]);
            BN_hex2bn(&y, special[i % SPECIAL]);
            if (signature_for(x, y, digest, signature)) {
                refused += verify(digest, signature) == -EACCES;
                signature[i % 64] ^= 1u << i % 8;
                ck_assert_int_eq(verify(digest, signature), -EACCES);
            }
            BN_free(x);
            BN_free(y);
        }
    }
    ck_assert_uint_gt(refused, 0);
}
END_TEST

START_TEST(signs_as_the_library_does)
{
    br_ec_private_key library = {.curve = BR_EC_secp256r1, .x = key, .xlen = sizeof(key)};

    for (int i = 0; i < ROUNDS; i++) {
        uint8_t digest[32], signature[64], expected[64];
        BIGNUM *number = random_number();

        key_is(number);
        BN_free(number);
        ck_assert_int_eq(host_random(digest, sizeof(digest)), 0);
        memset(digest, 0, i % 33);
        sign(digest, signature);
        ck_assert_uint_eq(
            br_ecdsa_i31_sign_raw(&br_ec_p256_m31, &br_sha256_vtable, digest, &library, expected),
            sizeof(expected));
        ck_assert_mem_eq(signature, expected, sizeof(expected));
        ck_assert_int_eq(verify(digest, signature), 0);
    }
}
END_TEST

/* RFC 6979, A.2.5: the key, SHA-256 of "sample" and of "test", and what is signed. */
START_TEST(signs_as_the_rfc_says)
{
    static const char *const cases[][2] = {
        {"af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf",
         "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
         "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
        {"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
         "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
         "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"}};

    BN_hex2bn(&private, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    key_is(private);
    for (size_t i = 0; i < 2; i++) {
        uint8_t digest[32], signature[64], expected[64];
        BIGNUM *number = NULL;

        BN_hex2bn(&number, cases[i][0]);
        BN_bn2binpad(number, digest, sizeof(digest));
        BN_hex2bn(&number, cases[i][1]);
        BN_bn2binpad(number, expected, sizeof(expected));
        BN_free(number);
        sign(digest, signature);
        ck_assert_mem_eq(signature, expected, sizeof(expected));
        ck_assert_int_eq(verify(digest, signature), 0);
    }
}
END_TEST

/* What is under way on one CPU goes on on another, beside another job there. */
START_TEST(jobs_do_not_meet)
{
    struct p256_job jobs[3] = {{.stage = P256_NEW}};
    uint8_t digests[3][32], signatures[3][64];
    int done[3] = {-EAGAIN, -EAGAIN, -EAGAIN};

    for (int i = 0; i < 3; i++) {
        memset(digests[i], 0x11 * (i + 1), 32);
        sign(digests[i], signatures[i]);
    }
    signatures[1][40] ^= 4;
    for (unsigned int step = 0; step < 3 * STEPS; step++) {
        unsigned int i = step % 3;

        fake_set_cpu(step % FAKE_CPUS);
        done[i] = p256_advance(&jobs[i]) ? -EAGAIN
                                         : p256_verify(&jobs[i], digests[i], point, signatures[i]);
    }
    ck_assert_int_eq(done[0], 0);
    ck_assert_int_eq(done[1], -EACCES);
    ck_assert_int_eq(done[2], 0);
}
END_TEST

START_TEST(signing_needs_the_mark)
{
    struct p256_job job = {.stage = P256_NEW};
    uint8_t digest[32] = {1}, signature[64];

    ck_assert_int_eq(p256_sign(&job, digest, key, signature), -EAGAIN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("p256");
    TCase *cases = suite_case(suite, "verification", 300);

    tcase_add_checked_fixture(cases, start, end);
    tcase_add_test(cases, sums_of_special_numbers);
    tcase_add_test(cases, sums_of_random_numbers);
    tcase_add_test(cases, points_of_no_curve);
    tcase_add_test(cases, sums_that_come_to_infinity);
    tcase_add_test(cases, jobs_do_not_meet);

    cases = suite_case(suite, "signatures", 120);
    tcase_add_checked_fixture(cases, start, end);
    tcase_add_test(cases, signs_as_the_library_does);
    tcase_add_test(cases, signs_as_the_rfc_says);
    tcase_add_test_raise_signal(cases, signing_needs_the_mark, SIGABRT);
    return suite_run(suite);
}
