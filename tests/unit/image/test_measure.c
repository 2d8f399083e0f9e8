/* SPDX-License-Identifier: MIT */
/* Measurement and signature, against an implementation of cloister/image.h that shares no code with it. */
#include "sample.h"

#include <errno.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "suite.h"

static struct sample sample;

static void setup(void)
{
    sample_make(&sample);
    sample_sign(&sample);
}

static int verify(struct cloister_image_error *error)
{
    struct cloister_image image;

    ck_assert_int_eq(cloister_image_open((void *)&sample, sizeof(sample), &image, NULL), 0);
    return cloister_image_verify(&image, error);
}

static void refused(enum cloister_reason reason, const char *field)
{
    struct cloister_image_error error = {0};

    REQUIRE(verify(&error) == -EACCES);
    REQUIRE(error.reason == reason && !strcmp(error.field, field));
    REQUIRE(!strncmp(error.text, field, strlen(field)) && strlen(error.text) > 20);
    REQUIRE(verify(NULL) == -EACCES);
}

/* The bytes of image.h, "Measurement", put together by offsets. */
static void expected(uint8_t measurement[48])
{
    const uint8_t *file = (const void *)&sample;
    static uint8_t bytes[128 + 4 * 8 + 2 * 4096];
    uint8_t *at = bytes;

    memcpy(at, file + 16, 128);
    at += 128;
    for (size_t i = 0; i < 4; i++) {
        memcpy(at, file + 1024 + 8 * i, 8);
        at += 8;
        if (i == 0 || i == 3) {
            memcpy(at, file + 4096 * (i == 0 ? 1 : 2), 4096);
            at += 4096;
        }
    }
    ck_assert_uint_eq((size_t)(at - bytes), sizeof(bytes));
    SHA384(bytes, sizeof(bytes), measurement);
}

START_TEST(value)
{
    /* Computed with Python's hashlib from the same description; it must never change. */
    static const uint8_t fixed[48] = {
        0x88, 0x9c, 0x46, 0xb4, 0x56, 0x57, 0x04, 0x9e, 0xe2, 0xdf, 0xb3, 0x0c,
        0x71, 0xf5, 0xe7, 0xaa, 0x49, 0xa7, 0x97, 0xf8, 0xb0, 0xf3, 0x92, 0x49,
        0xde, 0xc4, 0xab, 0xc9, 0x0c, 0xd2, 0x5f, 0x21, 0x4a, 0xf0, 0x2f, 0x72,
        0xa5, 0x7e, 0x8c, 0x05, 0x37, 0x16, 0xf6, 0x0d, 0xe8, 0xc3, 0x7f, 0x10,
    };
    uint8_t own[48];

    expected(own);
    ck_assert_mem_eq(own, fixed, sizeof(fixed));
    ck_assert_mem_eq(sample.header.measurement, fixed, sizeof(fixed));
}
END_TEST

START_TEST(good)
{
    ck_assert_int_eq(verify(NULL), 0);
}
END_TEST

START_TEST(every_page_counts)
{
    for (size_t page = 0; page < SAMPLE_CONTENT; page++) {
        for (size_t i = 0; i < 4096; i += 5) {
            sample.content[page][i] ^= 0x10;
            refused(CLOISTER_REASON_IMAGE_MEASUREMENT, "measurement");
            sample.content[page][i] ^= 0x10;
        }
    }
    ck_assert_int_eq(verify(NULL), 0);
}
END_TEST

START_TEST(every_record_counts)
{
    sample.records[1].flags &= ~CLOISTER_PAGE_W;
    refused(CLOISTER_REASON_IMAGE_MEASUREMENT, "measurement");
    setup();
    sample.records[0].flags &= ~CLOISTER_PAGE_X;
    refused(CLOISTER_REASON_IMAGE_MEASUREMENT, "measurement");
    setup();
    sample.records[2].page = 2;
    refused(CLOISTER_REASON_IMAGE_MEASUREMENT, "measurement");
    setup();
    memcpy(sample.content[0], sample.content[1], 4096);
    refused(CLOISTER_REASON_IMAGE_MEASUREMENT, "measurement");
}
END_TEST

/* Padding between records and content is neither measured nor loaded. */
START_TEST(padding_does_not_count)
{
    memset(sample.padding, 0xee, sizeof(sample.padding));
    ck_assert_int_eq(verify(NULL), 0);
}
END_TEST

/* Each byte of the header is signed: what parses must fail the signature. */
START_TEST(every_header_byte_is_signed)
{
    struct cloister_image image;
    unsigned int checked = 0;

    for (size_t i = 0; i < sizeof(sample.header); i++) {
        uint8_t *byte = (uint8_t *)&sample.header + i;

        *byte ^= 1;
        if (!cloister_image_open((void *)&sample, sizeof(sample), &image, NULL)) {
            refused(CLOISTER_REASON_IMAGE_SIGNATURE, "signature");
            checked++;
        }
        *byte ^= 1;
    }
    ck_assert_uint_gt(checked, 48 + 16 + 16 + 8 + 64 + 64 + 64);
    ck_assert_int_eq(verify(NULL), 0);
}
END_TEST

/* Another author may sign the same enclave, but not with the first one's name on it. */
START_TEST(another_author)
{
    EVP_PKEY *other = EVP_EC_gen("prime256v1");
    uint8_t author[64], first[32], second[32];

    memcpy(author, sample.header.author_key, sizeof(author));
    ck_assert_int_eq(cloister_image_author(&sample.header, first), 0);
    ck_assert_int_eq(author_sign(&sample.header, other), 0);
    ck_assert_int_eq(verify(NULL), 0);
    ck_assert_int_eq(cloister_image_author(&sample.header, second), 0);
    ck_assert_mem_ne(first, second, 32);
    memcpy(sample.header.author_key, author, sizeof(author));
    refused(CLOISTER_REASON_IMAGE_SIGNATURE, "signature");
    EVP_PKEY_free(other);
}
END_TEST

START_TEST(keys_that_are_no_points)
{
    memset(sample.header.author_key, 0, 64);
    refused(CLOISTER_REASON_IMAGE_SIGNATURE, "signature");
    memset(sample.header.author_key, 0xff, 64);
    refused(CLOISTER_REASON_IMAGE_SIGNATURE, "signature");
    memset(sample.header.author_key, 0x11, 64);
    refused(CLOISTER_REASON_IMAGE_SIGNATURE, "signature");
}
END_TEST

START_TEST(signatures_that_are_none)
{
    uint8_t signature[64];

    memcpy(signature, sample.header.signature, sizeof(signature));
    memset(sample.header.signature, 0, 64);
    refused(CLOISTER_REASON_IMAGE_SIGNATURE, "signature");
    memset(sample.header.signature, 0xff, 64);
    refused(CLOISTER_REASON_IMAGE_SIGNATURE, "signature");
    memcpy(sample.header.signature, signature + 32, 32);
    memcpy(sample.header.signature + 32, signature, 32);
    refused(CLOISTER_REASON_IMAGE_SIGNATURE, "signature");
    memcpy(sample.header.signature, signature, 32);
    memset(sample.header.signature + 32, 0, 32);
    refused(CLOISTER_REASON_IMAGE_SIGNATURE, "signature");
}
END_TEST

START_TEST(only_p256_signs)
{
    EVP_PKEY *keys[] = {EVP_EC_gen("secp384r1"), EVP_EC_gen("secp256k1"), EVP_RSA_gen(2048)};

    for (size_t i = 0; i < 3; i++) {
        ck_assert_ptr_nonnull(keys[i]);
        ck_assert_int_eq(author_sign(&sample.header, keys[i]), -EINVAL);
        EVP_PKEY_free(keys[i]);
    }
    ck_assert_int_eq(verify(NULL), 0);
}
END_TEST

SUITE_MAIN("image measure", setup, value, good, every_page_counts, every_record_counts,
           padding_does_not_count, every_header_byte_is_signed, another_author,
           keys_that_are_no_points, signatures_that_are_none, only_p256_signs)
