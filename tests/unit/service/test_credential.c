/* SPDX-License-Identifier: MIT */
/*
 * Public areas that are truncated and changed anywhere; EK certificates. What a credential means is
 * tried with a real TPM and with Python by tests/attest/suite.
 */
#include <stdlib.h>
#include <string.h>

#include "service/credential.h"
#include "service/ekcert.h"
#include "scene.h"
#include "../suite.h"

#include <openssl/core_names.h>

static uint8_t ek[512], ak[512];
static size_t ek_size, ak_size;

static size_t put16(uint8_t *to, size_t at, unsigned int value)
{
    to[at] = (uint8_t)(value >> 8);
    to[at + 1] = (uint8_t)value;
    return at + 2;
}

/* The TCG's template L-2: ECC P-256. */
static void make_ek(void)
{
    static const uint16_t parameters[] = {6, 128, 0x43, 0x10, 3, 0x10};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    uint8_t point[65];
    size_t at = 2, size;

    ck_assert(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
                                              &size) == 1);
    at = put16(ek, at, 0x23);
    at = put16(ek, at, 0x0b);
    at = put16(ek, at, 0x0003);
    at = put16(ek, at, 0x00b2);
    at = put16(ek, at, 32) + 32;
    for (size_t i = 0; i < 6; i++) {
        at = put16(ek, at, parameters[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        at = put16(ek, at, 32);
        memcpy(ek + at, point + 1 + 32 * i, 32);
        at += 32;
    }
    put16(ek, 0, (unsigned int)at - 2);
    ek_size = at;
    EVP_PKEY_free(key);
}

static void start(void)
{
    make_ek();
    scene_start(SCENE_ECC);
    put16(ak, 0, (unsigned int)scene.key_size);
    memcpy(ak + 2, scene.key, scene.key_size);
    ak_size = scene.key_size + 2;
}

static bool take_ek(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    const char *why = NULL;
    EVP_PKEY *key;

    memcpy(exact, data, size);
    key = credential_ek((struct cloister_bytes){exact, size}, &why);
    ck_assert(key || why);
    EVP_PKEY_free(key);
    free(exact);
    return key != NULL;
}

static bool take_ak(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1), digest[32];
    const char *why = NULL;
    bool good;

    memcpy(exact, data, size);
    good = credential_ak((struct cloister_bytes){exact, size}, digest, &why);
    ck_assert(good || why);
    free(exact);
    return good;
}

START_TEST(good_keys)
{
    ck_assert(take_ek(ek, ek_size));
    ck_assert(take_ak(ak, ak_size));
    ck_assert(!take_ek(ak, ak_size));
    ck_assert(!take_ak(ek, ek_size));
}
END_TEST

START_TEST(truncated_keys)
{
    for (size_t size = 0; size < ek_size; size++) {
        ck_assert(!take_ek(ek, size));
    }
    for (size_t size = 0; size < ak_size; size++) {
        ck_assert(!take_ak(ak, size));
    }
}
END_TEST

/* Only the policy digest and attributes that nobody asks for can change. */
START_TEST(changed_keys)
{
    for (size_t byte = 0; byte < ek_size; byte++) {
        bool free_to_change = (byte >= 6 && byte < 10) || (byte >= 12 && byte < 44);

        for (int bit = 0; bit < 8; bit++) {
            ek[byte] ^= (uint8_t)(1 << bit);
            ck_assert_msg(!take_ek(ek, ek_size) || free_to_change, "byte %zu", byte);
            ek[byte] ^= (uint8_t)(1 << bit);
        }
    }
}
END_TEST

START_TEST(large_sizes)
{
    static uint8_t large[70000];

    for (size_t size = 0; size <= 65535; size += 4369) {
        put16(large, 0, (unsigned int)size);
        ck_assert(!take_ek(large, size + 2));
        ck_assert(!take_ak(large, size + 2));
    }
}
END_TEST

START_TEST(credentials_differ)
{
    uint8_t blob[2][CREDENTIAL_BLOB], encrypted[2][CREDENTIAL_ENCRYPTED_MAX];
    uint8_t secret[CREDENTIAL_SECRET] = {7};
    const char *why;
    EVP_PKEY *key = credential_ek((struct cloister_bytes){ek, ek_size}, &why);
    size_t size[2];

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(
            credential_make(key, scene.enrolled, secret, blob[i], encrypted[i], &size[i]), 0);
        ck_assert_uint_eq(size[i], 2 + 4 + 64);
        ck_assert_uint_eq(blob[i][0] << 8 | blob[i][1], CREDENTIAL_BLOB - 2);
    }
    ck_assert_mem_ne(blob[0], blob[1], CREDENTIAL_BLOB);
    ck_assert_mem_ne(encrypted[0], encrypted[1], size[0]);
    EVP_PKEY_free(key);
}
END_TEST

/* What a host can send otherwise does not change what it is known by; another key does. */
START_TEST(ek_identity)
{
    static const size_t places[] = {8, 9, 16, 40}; /* attributes, authPolicy */
    uint8_t changed[sizeof(ek)], wanted[32], found[32];
    const char *why;
    EVP_PKEY *key = credential_ek((struct cloister_bytes){ek, ek_size}, &why);

    ck_assert(credential_ek_digest(key, wanted));
    EVP_PKEY_free(key);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        memcpy(changed, ek, ek_size);
        changed[places[i]] ^= places[i] < 10 ? 0x40 : 0x5a;
        key = credential_ek((struct cloister_bytes){changed, ek_size}, &why);
        ck_assert_msg(key, "byte %zu: %s", places[i], why);
        ck_assert(credential_ek_digest(key, found));
        ck_assert_msg(!memcmp(found, wanted, 32), "byte %zu", places[i]);
        EVP_PKEY_free(key);
    }
    for (int rsa = 0; rsa < 2; rsa++) {
        key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
        ck_assert(credential_ek_digest(key, found));
        ck_assert_mem_ne(found, wanted, 32);
        EVP_PKEY_free(key);
    }
}
END_TEST

START_TEST(no_certificates)
{
    uint8_t der[EKCERT_MAX];
    char reason[400];
    const char *why;
    EVP_PKEY *key = credential_ek((struct cloister_bytes){ek, ek_size}, &why);
    unsigned long long state = 1;

    for (int i = 0; i < 2000; i++) {
        size_t size = (size_t)(next_random(&state) % 64);

        for (size_t j = 0; j < size; j++) {
            der[j] = (uint8_t)next_random(&state);
        }
        der[0] = 0x30;
        ck_assert(
            !ekcert_check(NULL, (struct cloister_bytes){der, size}, key, reason, sizeof(reason)));
    }
    EVP_PKEY_free(key);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("credential");
    TCase *tcase = tcase_create("credential");

    scene_prepare();
    tcase_add_checked_fixture(tcase, start, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, good_keys);
    tcase_add_test(tcase, truncated_keys);
    tcase_add_test(tcase, changed_keys);
    tcase_add_test(tcase, large_sizes);
    tcase_add_test(tcase, credentials_differ);
    tcase_add_test(tcase, ek_identity);
    tcase_add_test(tcase, no_certificates);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
