/* SPDX-License-Identifier: MIT */
/* The Authenticode digest of an application: what is in it, what is not, and what is no PE file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cloister/predict.h"
#include "scene.h"
#include "../suite.h"

/* Offsets in the file that make_image() makes. */
enum {
    COFF = 64,
    OPTIONAL = COFF + 24,
    CHECKSUM = OPTIONAL + 64,
    DIRECTORIES = OPTIONAL + 112,
    CERTIFICATE = DIRECTORIES + 8 * 4,
    SECTIONS = OPTIONAL + 240,
    HEADERS = 512,
    FIRST = 512,
    SECOND = 1024,
    TRAILER = 1536,
    SIGNATURE = 1552,
    END = 1576,
};

static uint8_t image[4096];
static size_t image_size;
static char path[] = "/tmp/cloister-application-XXXXXX";

static void put(size_t offset, uint32_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        image[offset + i] = (uint8_t)(value >> (8 * i));
    }
}

/* PE32+, two sections, the second one first in the table, a few bytes behind them, a signature. */
static void make_image(void)
{
    memset(image, 0, sizeof(image));
    memset(image + FIRST, 1, SECOND - FIRST);
    memset(image + SECOND, 2, TRAILER - SECOND);
    memset(image + TRAILER, 3, SIGNATURE - TRAILER);
    memset(image + SIGNATURE, 4, END - SIGNATURE);
    memcpy(image, "MZ", 2);
    put(60, COFF, 4);
    memcpy(image + COFF, "PE\0\0", 4);
    put(COFF + 6, 2, 2);
    put(COFF + 20, 240, 2);
    put(OPTIONAL, 0x20b, 2);
    put(OPTIONAL + 60, HEADERS, 4);
    put(CHECKSUM, 0x12345678, 4);
    put(DIRECTORIES - 4, 16, 4);
    put(CERTIFICATE, SIGNATURE, 4);
    put(CERTIFICATE + 4, END - SIGNATURE, 4);
    put(SECTIONS + 16, TRAILER - SECOND, 4);
    put(SECTIONS + 20, SECOND, 4);
    put(SECTIONS + 40 + 16, SECOND - FIRST, 4);
    put(SECTIONS + 40 + 20, FIRST, 4);
    image_size = END;
}

/* The digest as a plan has it, or the error. */
static int measure(uint8_t digest[32])
{
    struct cloister_plan plan = {NULL, 0};
    FILE *file = fopen(path, "w");
    int rc;

    ck_assert(file && fwrite(image, 1, image_size, file) == image_size && !fclose(file));
    rc = cloister_plan_application(&plan, 4, path);
    if (!rc) {
        memcpy(digest, plan.events[0].digest, 32);
    }
    cloister_plan_free(&plan);
    return rc;
}

static void start(void)
{
    int file = mkstemp(path);

    ck_assert_int_ge(file, 0);
    close(file);
    make_image();
}

static void finish(void)
{
    unlink(path);
}

START_TEST(what_is_measured)
{
    uint8_t pieces[END], expected[32], digest[32];
    size_t used = 0;

    memcpy(pieces, image, CHECKSUM);
    used = CHECKSUM;
    memcpy(pieces + used, image + CHECKSUM + 4, CERTIFICATE - CHECKSUM - 4);
    used += CERTIFICATE - CHECKSUM - 4;
    memcpy(pieces + used, image + CERTIFICATE + 8, SIGNATURE - CERTIFICATE - 8);
    used += SIGNATURE - CERTIFICATE - 8;
    scene_sha256(pieces, used, expected);
    ck_assert_int_eq(measure(digest), 0);
    ck_assert(!memcmp(digest, expected, 32));
}
END_TEST

START_TEST(signing_changes_nothing)
{
    uint8_t signed_digest[32], digest[32];

    ck_assert_int_eq(measure(signed_digest), 0);
    memset(image + SIGNATURE, 9, END - SIGNATURE);
    put(CHECKSUM, 0, 4);
    ck_assert_int_eq(measure(digest), 0);
    ck_assert(!memcmp(digest, signed_digest, 32));
    put(CERTIFICATE, 0, 4);
    put(CERTIFICATE + 4, 0, 4);
    image_size = SIGNATURE;
    ck_assert_int_eq(measure(digest), 0);
    ck_assert(!memcmp(digest, signed_digest, 32));
}
END_TEST

START_TEST(anything_else_changes_it)
{
    static const size_t places[] = {2,       COFF + 8,     CERTIFICATE + 8, HEADERS - 1,
                                    FIRST,   SECOND - 1,   SECOND,          TRAILER - 1,
                                    TRAILER, SIGNATURE - 1};
    uint8_t good[32], digest[32];

    ck_assert_int_eq(measure(good), 0);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        make_image();
        image[places[i]] ^= 1;
        ck_assert_int_eq(measure(digest), 0);
        ck_assert_msg(memcmp(digest, good, 32) != 0, "byte %zu", places[i]);
    }
}
END_TEST

static const struct {
    size_t offset;
    uint32_t value;
    size_t size;
} wrong[] = {
    {0, 0, 1},           /* MZ */
    {60, 0xffffffff, 4}, /* the PE header's place */
    {60, END - 4, 4},
    {COFF, 0, 1},      /* PE */
    {COFF + 6, 97, 2}, /* sections */
    {COFF + 6, 0xffff, 2},
    {COFF + 20, 100, 2}, /* size of the optional header */
    {COFF + 20, 0xffff, 2},
    {OPTIONAL, 0x30b, 2},    /* its magic */
    {OPTIONAL + 60, 100, 4}, /* size of the headers */
    {OPTIONAL + 60, END + 1, 4},
    {OPTIONAL + 60, 0xffffffff, 4},
    {DIRECTORIES - 4, 4, 4}, /* directories */
    {CERTIFICATE + 4, END + 1, 4},
    {CERTIFICATE + 4, 0xffffffff, 4},
    {SECTIONS + 16, END, 4}, /* a section */
    {SECTIONS + 16, 0xffffffff, 4},
    {SECTIONS + 20, END, 4},
    {SECTIONS + 20, 0xffffffff, 4},
};

START_TEST(no_application)
{
    uint8_t digest[32];

    put(wrong[_i].offset, wrong[_i].value, wrong[_i].size);
    ck_assert_int_eq(measure(digest), -EBADMSG);
}
END_TEST

START_TEST(truncated)
{
    uint8_t digest[32];

    for (image_size = 0; image_size < TRAILER; image_size++) {
        ck_assert_int_eq(measure(digest), -EBADMSG);
    }
}
END_TEST

START_TEST(any_bytes)
{
    unsigned long long state = 3;
    uint8_t digest[32];

    for (int i = 0; i < 1000; i++) {
        size_t at = next_random(&state) % HEADERS;
        uint8_t good = image[at];

        image[at] = (uint8_t)next_random(&state);
        int rc = measure(digest);
        ck_assert(rc == 0 || rc == -EBADMSG);
        image[at] = good;
    }
}
END_TEST

START_TEST(separator)
{
    struct cloister_plan plan = {NULL, 0};
    uint8_t expected[32];

    scene_sha256("\0\0\0\0", 4, expected);
    ck_assert_int_eq(cloister_plan_separator(&plan, 4), 0);
    ck_assert(!memcmp(plan.events[0].digest, expected, 32));
    ck_assert_int_eq(cloister_plan_separator(&plan, 24), -EINVAL);
    ck_assert_int_eq(cloister_plan_application(&plan, 4, "/nonexistent"), -ENOENT);
    ck_assert_uint_eq(plan.count, 1);
    cloister_plan_free(&plan);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("application");
    TCase *tcase = tcase_create("digests");

    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, start, finish);
    tcase_add_test(tcase, what_is_measured);
    tcase_add_test(tcase, signing_changes_nothing);
    tcase_add_test(tcase, anything_else_changes_it);
    tcase_add_loop_test(tcase, no_application, 0, sizeof(wrong) / sizeof(wrong[0]));
    tcase_add_test(tcase, truncated);
    tcase_add_test(tcase, any_bytes);
    tcase_add_test(tcase, separator);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
