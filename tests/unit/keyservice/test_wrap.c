/* SPDX-License-Identifier: MIT */
/* A key's way from the key service (OpenSSL) into the keyvault enclave (BearSSL): the two agree, or refuse. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <bearssl_rand.h>

#include "../suite.h"
#include "transport.h"
#include "keyservice/wrap.h"

/* What the enclave's runtime gives. */
void cloister_wipe(void *memory, size_t size);
void cloister_wipe(void *memory, size_t size)
{
    explicit_bzero(memory, size);
}

static struct transport transport;
static br_hmac_drbg_context drbg;
static uint8_t challenge[KEYVAULT_CHALLENGE_SIZE], scalar[KEYVAULT_PRIVATE_SIZE];
static uint8_t wrapped[KEYVAULT_WRAPPED_SIZE], got[KEYVAULT_PRIVATE_SIZE];

static void setup(void)
{
    uint8_t seed[48];

    ck_assert_int_eq(getrandom(seed, sizeof(seed), 0), sizeof(seed));
    ck_assert_int_eq(getrandom(challenge, sizeof(challenge), 0), sizeof(challenge));
    ck_assert_int_eq(getrandom(scalar, sizeof(scalar), 0), sizeof(scalar));
    scalar[0] = 0x7f; /* below the curve's order */
    memset(&transport, 0, sizeof(transport));
    br_hmac_drbg_init(&drbg, &br_sha256_vtable, seed, sizeof(seed));
    ck_assert_int_eq(transport_make(&transport, &drbg.vtable, challenge), 0);
    ck_assert_int_eq(wrap_key(scalar, challenge, transport.public, wrapped), 0);
}

static void refused(int error)
{
    static const uint8_t zeros[KEYVAULT_PRIVATE_SIZE];

    memset(got, 1, sizeof(got));
    ck_assert_int_eq(transport_unwrap(&transport, wrapped, got), error);
    ck_assert_mem_eq(got, zeros, sizeof(zeros));
}

START_TEST(test_round)
{
    ck_assert_int_eq(transport_unwrap(&transport, wrapped, got), 0);
    ck_assert_mem_eq(got, scalar, sizeof(scalar));
    ck_assert_ptr_null(memmem(wrapped, sizeof(wrapped), scalar, sizeof(scalar)));
}
END_TEST

START_TEST(test_each_byte_counts)
{
    for (size_t i = 0; i < sizeof(wrapped); i++) {
        wrapped[i] ^= 1;
        refused(-EBADMSG);
        wrapped[i] ^= 1;
    }
    ck_assert_int_eq(transport_unwrap(&transport, wrapped, got), 0);
}
END_TEST

START_TEST(test_another_challenge)
{
    transport.challenge[5] ^= 0x80;
    refused(-EBADMSG);
}
END_TEST

START_TEST(test_another_transport_key)
{
    ck_assert_int_eq(transport_make(&transport, &drbg.vtable, challenge), 0);
    refused(-EBADMSG);
}
END_TEST

START_TEST(test_no_transport_key)
{
    memset(&transport, 0, sizeof(transport));
    refused(-ENOENT);
}
END_TEST

START_TEST(test_no_private_key)
{
    /* The order of P-256 (SP 800-186, 3.2.1.3). */
    static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0,    0,    0,    0,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                      0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    static const struct {
        int last;
        bool good;
    } cases[] = {{-1, true}, {0, false}, {1, false}, {14, false}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memcpy(scalar, order, sizeof(scalar));
        scalar[31] = (uint8_t)(scalar[31] + cases[i].last);
        ck_assert_int_eq(wrap_key(scalar, challenge, transport.public, wrapped), 0);
        if (cases[i].good) {
            ck_assert_int_eq(transport_unwrap(&transport, wrapped, got), 0);
        } else {
            refused(-EBADMSG);
        }
    }
    memset(scalar, 0, sizeof(scalar));
    ck_assert_int_eq(wrap_key(scalar, challenge, transport.public, wrapped), 0);
    refused(-EBADMSG);
}
END_TEST

START_TEST(test_points_off_the_curve)
{
    uint8_t point[KEYVAULT_PUBLIC_SIZE];

    memcpy(point, transport.public, sizeof(point));
    point[63] ^= 1;
    ck_assert_int_eq(wrap_key(scalar, challenge, point, wrapped), -EINVAL);
    memset(point, 0, sizeof(point));
    ck_assert_int_eq(wrap_key(scalar, challenge, point, wrapped), -EINVAL);
    memset(point, 0xff, sizeof(point));
    ck_assert_int_eq(wrap_key(scalar, challenge, point, wrapped), -EINVAL);
    for (size_t i = 0; i < sizeof(wrapped); i++) {
        ck_assert_int_eq(wrapped[i], 0);
    }
    refused(-EBADMSG);
}
END_TEST

START_TEST(test_report_data)
{
    uint8_t inside[64], outside[64];

    transport_report_data(&transport, inside);
    ck_assert_int_eq(wrap_report_data(challenge, transport.public, outside), 0);
    ck_assert_mem_eq(inside, outside, sizeof(inside));
    challenge[0] ^= 1;
    ck_assert_int_eq(wrap_report_data(challenge, transport.public, outside), 0);
    ck_assert_mem_ne(inside, outside, 32);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keyservice wrap");
    TCase *tests = tcase_create("wrap");

    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, test_round);
    tcase_add_test(tests, test_each_byte_counts);
    tcase_add_test(tests, test_another_challenge);
    tcase_add_test(tests, test_another_transport_key);
    tcase_add_test(tests, test_no_transport_key);
    tcase_add_test(tests, test_no_private_key);
    tcase_add_test(tests, test_points_off_the_curve);
    tcase_add_test(tests, test_report_data);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
