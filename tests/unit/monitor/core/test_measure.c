/* SPDX-License-Identifier: MIT */
/* Measurement and signature, compared with OpenSSL's. */
#include <openssl/evp.h>

#include "core/measure.h"
#include "scene.h"
#include "suite.h"

static struct image *image;

static void start(void)
{
    fake_start(1);
    image = scene_image();
}

static void measure(const struct image *of, uint8_t value[CLOISTER_MEASUREMENT_SIZE])
{
    struct measurement measurement;

    measure_begin(&measurement, &of->header.launch);
    for (uint32_t i = 0; i < of->count; i++) {
        measure_page(&measurement, &of->records[i],
                     of->records[i].flags & CLOISTER_PAGE_ZERO ? NULL : of->content[i]);
    }
    measure_value(&measurement, value);
}

START_TEST(value_is_openssl_s)
{
    uint8_t value[CLOISTER_MEASUREMENT_SIZE];

    measure(image, value);
    ck_assert_mem_eq(value, image->header.measurement, sizeof(value));
}
END_TEST

START_TEST(value_of_nothing_but_the_launch_state)
{
    uint8_t value[CLOISTER_MEASUREMENT_SIZE];

    image->count = 0;
    image_measure(image);
    measure(image, value);
    ck_assert_mem_eq(value, image->header.measurement, sizeof(value));
}
END_TEST

START_TEST(value_can_be_asked_for_at_any_time)
{
    struct measurement measurement;
    uint8_t value[CLOISTER_MEASUREMENT_SIZE];

    measure_begin(&measurement, &image->header.launch);
    for (uint32_t i = 0; i < SCENE_PAGES; i++) {
        image->count = i;
        image_measure(image);
        measure_value(&measurement, value);
        ck_assert_mem_eq(value, image->header.measurement, sizeof(value));
        measure_value(&measurement, value);
        ck_assert_mem_eq(value, image->header.measurement, sizeof(value));
        measure_page(&measurement, &image->records[i],
                     image->records[i].flags & CLOISTER_PAGE_ZERO ? NULL : image->content[i]);
    }
}
END_TEST

START_TEST(any_byte_changes_the_value)
{
    uint8_t good[CLOISTER_MEASUREMENT_SIZE];
    uint8_t value[CLOISTER_MEASUREMENT_SIZE];
    uint8_t *launch = (uint8_t *)&image->header.launch;
    uint8_t *records = (uint8_t *)image->records;

    measure(image, good);
    for (size_t i = 0; i < sizeof(image->header.launch); i++) {
        launch[i] ^= 0x80;
        measure(image, value);
        ck_assert_mem_ne(value, good, sizeof(value));
        launch[i] ^= 0x80;
    }
    for (size_t i = 0; i < sizeof(image->records); i++) {
        if (i % 8 == 4) {
            continue; /* the ZERO flag's byte: below */
        }
        records[i] ^= 1;
        measure(image, value);
        ck_assert_mem_ne(value, good, sizeof(value));
        records[i] ^= 1;
    }
    for (size_t i = 0; i < CLOISTER_PAGE_SIZE; i += 61) {
        image->content[2][i] ^= 1;
        measure(image, value);
        ck_assert_mem_ne(value, good, sizeof(value));
        image->content[2][i] ^= 1;
    }
    image->records[0].flags ^= CLOISTER_PAGE_ZERO;
    measure(image, value);
    ck_assert_mem_ne(value, good, sizeof(value));
}
END_TEST

START_TEST(order_changes_the_value)
{
    uint8_t good[CLOISTER_MEASUREMENT_SIZE];
    uint8_t value[CLOISTER_MEASUREMENT_SIZE];
    struct cloister_page_record record = image->records[0];
    uint8_t content[CLOISTER_PAGE_SIZE];

    measure(image, good);
    memcpy(content, image->content[0], sizeof(content));
    image->records[0] = image->records[1];
    memcpy(image->content[0], image->content[1], sizeof(content));
    image->records[1] = record;
    memcpy(image->content[1], content, sizeof(content));
    measure(image, value);
    ck_assert_mem_ne(value, good, sizeof(value));
}
END_TEST

static bool is_signed(const struct cloister_image_header *header)
{
    struct p256_job job = {.stage = P256_NEW};
    int rc;

    do {
        rc = measure_signature_step(header, &job);
    } while (rc == -EAGAIN);
    ck_assert(rc == 0 || rc == -EACCES);
    return !rc;
}

START_TEST(signature_of_openssl_is_valid)
{
    ck_assert(is_signed(&image->header));
    for (int i = 0; i < 20; i++) {
        image->header.image_version = i;
        ck_assert(!is_signed(&image->header));
        image_sign(image);
        ck_assert(is_signed(&image->header));
    }
}
END_TEST

/* One altered bit in each byte of the header, key and signature included. */
START_TEST(any_altered_byte_is_found)
{
    uint8_t *bytes = (uint8_t *)&image->header;

    for (size_t i = 0; i < sizeof(image->header); i++) {
        bytes[i] ^= 1u << i % 8;
        if (is_signed(&image->header)) {
            ck_abort_msg("byte %zu can be altered", i);
        }
        bytes[i] ^= 1u << i % 8;
    }
    ck_assert(is_signed(&image->header));
}
END_TEST

/* Numbers that ECDSA forbids: 0, the group's order and beyond (FIPS 186-4, 6.4). */
START_TEST(signatures_out_of_range)
{
    static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                      0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    uint8_t *r = image->header.signature;
    uint8_t *s = r + 32;

    memset(r, 0, 32);
    ck_assert(!is_signed(&image->header));
    memset(s, 0, 32);
    ck_assert(!is_signed(&image->header));
    image_sign(image);
    memset(s, 0, 32);
    ck_assert(!is_signed(&image->header));
    image_sign(image);
    memcpy(r, order, 32);
    ck_assert(!is_signed(&image->header));
    image_sign(image);
    memcpy(s, order, 32);
    ck_assert(!is_signed(&image->header));
    memset(r, 0xff, 64);
    ck_assert(!is_signed(&image->header));
}
END_TEST

START_TEST(keys_that_are_no_point)
{
    uint8_t *key = image->header.author_key;

    memset(key, 0, 64);
    ck_assert(!is_signed(&image->header));
    memset(key, 0xff, 64);
    ck_assert(!is_signed(&image->header));
    memset(key, 0, 64);
    key[63] = 1;
    ck_assert(!is_signed(&image->header));
}
END_TEST

START_TEST(author_is_the_hash_of_the_key)
{
    uint8_t author[32];
    uint8_t expected[32];
    unsigned int size = sizeof(expected);

    measure_author(&image->header, author);
    EVP_Digest(image->header.author_key, sizeof(image->header.author_key), expected, &size,
               EVP_sha256(), NULL);
    ck_assert_mem_eq(author, expected, sizeof(author));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("measure");
    TCase *cases = suite_case(suite, "measurement", 60);

    tcase_add_checked_fixture(cases, start, NULL);
    tcase_add_test(cases, value_is_openssl_s);
    tcase_add_test(cases, value_of_nothing_but_the_launch_state);
    tcase_add_test(cases, value_can_be_asked_for_at_any_time);
    tcase_add_test(cases, any_byte_changes_the_value);
    tcase_add_test(cases, order_changes_the_value);

    cases = suite_case(suite, "signature", 120);
    tcase_add_checked_fixture(cases, start, NULL);
    tcase_add_test(cases, signature_of_openssl_is_valid);
    tcase_add_test(cases, any_altered_byte_is_found);
    tcase_add_test(cases, signatures_out_of_range);
    tcase_add_test(cases, keys_that_are_no_point);
    tcase_add_test(cases, author_is_the_hash_of_the_key);
    return suite_run(suite);
}
