/* SPDX-License-Identifier: MIT */
/* Certificates as TPMs keep them: filled up, in an old form, several, and what is none. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cloister/certificate.h"
#include "../suite.h"

static uint8_t bytes[4096];
static size_t size;
static const char *why;

static void put(const void *data, size_t count)
{
    ck_assert_uint_le(size + count, sizeof(bytes));
    memcpy(bytes + size, data, count);
    size += count;
}

/* A SEQUENCE of so many bytes of this value, with its size in the shortest form. */
static void sequence(size_t count, uint8_t value)
{
    const uint8_t heads[3][4] = {{0x30, (uint8_t)count},
                                 {0x30, 0x81, (uint8_t)count},
                                 {0x30, 0x82, (uint8_t)(count >> 8), (uint8_t)count}};
    const int form = count < 128 ? 0 : count < 256 ? 1 : 2;

    put(heads[form], (size_t)form + 2);
    memset(bytes + size, value, count);
    size += count;
}

static void fill(uint8_t value, size_t count)
{
    memset(bytes + size, value, count);
    size += count;
}

/* Takes what there is, in memory of its exact size: how many, and *rc is what ended it. */
static size_t take(size_t sizes[8], int *rc)
{
    uint8_t *exact = malloc(size ? size : 1);
    struct cloister_bytes rest = {exact, size}, one;
    size_t count = 0;

    memcpy(exact, bytes, size);
    why = NULL;
    while ((*rc = cloister_certificate_next(&rest, &one, &why)) == 1) {
        ck_assert_uint_lt(count, 8);
        ck_assert(one.data >= exact && one.data + one.size <= exact + size);
        ck_assert_uint_eq(one.data[0], 0x30);
        sizes[count++] = one.size;
    }
    ck_assert(*rc || (!rest.size && !why));
    ck_assert(!*rc || why);
    free(exact);
    return count;
}

static void start(void)
{
    size = 0;
}

START_TEST(sizes)
{
    static const size_t counts[] = {0, 1, 127, 128, 255, 256, 1000};
    size_t found[8];
    int rc;

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        start();
        sequence(counts[i], 7);
        ck_assert_uint_eq(take(found, &rc), 1);
        ck_assert_uint_eq(found[0], size);
        ck_assert_int_eq(rc, 0);
    }
}
END_TEST

/* Whatever byte it is filled up with. */
START_TEST(filling)
{
    size_t found[8];
    int rc;

    for (int value = 0; value < 256; value++) {
        if (value == 0x30) {
            continue; /* begins a certificate */
        }
        start();
        sequence(300, 1);
        fill((uint8_t)value, 500);
        ck_assert_uint_eq(take(found, &rc), 1);
        ck_assert_uint_eq(found[0], 304);
        ck_assert_int_eq(rc, 0);
    }
    start();
    ck_assert_uint_eq(take(found, &rc), 0);
    ck_assert_int_eq(rc, 0);
    fill(0xff, 1600);
    ck_assert_uint_eq(take(found, &rc), 0);
    ck_assert_int_eq(rc, 0);
}
END_TEST

START_TEST(several)
{
    size_t found[8];
    int rc;

    sequence(300, 1);
    sequence(20, 2);
    sequence(200, 3);
    fill(0, 9);
    ck_assert_uint_eq(take(found, &rc), 3);
    ck_assert_int_eq(rc, 0);
    ck_assert(found[0] == 304 && found[1] == 22 && found[2] == 203);
    put("x", 1); /* behind the filling */
    ck_assert_uint_eq(take(found, &rc), 3);
    ck_assert_int_eq(rc, -EBADMSG);
}
END_TEST

/* TCG_PCCLIENT_STORED_CERT, with the inner tag and without. */
START_TEST(old_form)
{
    size_t found[8];
    int rc;

    for (int inner = 0; inner < 2; inner++) {
        start();
        put(inner ? "\x10\x01\x00\x01\x32" : "\x10\x01\x00\x01\x30", 5);
        put("\x10\x02", inner ? 2 : 0);
        sequence(300, 1);
        sequence(20, 2);
        fill(0xff, 33);
        ck_assert_uint_eq(take(found, &rc), 2);
        ck_assert_int_eq(rc, 0);
        ck_assert(found[0] == 304 && found[1] == 22);
    }
    bytes[2] = 1; /* a part of one */
    ck_assert_uint_eq(take(found, &rc), 0);
    ck_assert_int_eq(rc, -EBADMSG);
    ck_assert(strstr(why, "not whole"));
    bytes[2] = 0;
    bytes[3] = 0xff; /* more than there is */
    ck_assert_uint_eq(take(found, &rc), 0);
    ck_assert_int_eq(rc, -ENODATA);
    bytes[3] = 0; /* less than the certificate has */
    ck_assert_uint_eq(take(found, &rc), 0);
    ck_assert_int_eq(rc, -ENODATA);
}
END_TEST

START_TEST(cut_off)
{
    size_t found[8], whole;
    int rc;

    sequence(300, 1);
    whole = size;
    for (size = 2; size < whole; size++) {
        ck_assert_uint_eq(take(found, &rc), 0);
        ck_assert_int_eq(rc, -ENODATA);
    }
}
END_TEST

static const struct {
    const char *text;
    size_t size;
    const char *why;
} others[] = {
#define OTHER(text, why)                                                                           \
    {                                                                                              \
        text, sizeof(text) - 1, why                                                                \
    }
    OTHER("hello, world", "neither DER"),
    OTHER("-----BEGIN CERTIFICATE-----\nMIIB", "PEM"),
    OTHER("\x31\x03\x02\x01\x01", "neither DER"),
    OTHER("\x30\x80\x02\x01\x01\0\0", "indefinite"),
    OTHER("\x30\x84\0\0\0\x03\x02\x01\x01", "cut off"),
    OTHER("\x30\xff\x03\x02\x01\x01", "cut off"),
    OTHER("\x10\x01", "cut off"),
    OTHER("\x10\x01\x00\x00\x01\x30", "cut off"),
    OTHER("\x10\x02\x30\x01\x01", "neither DER"),
#undef OTHER
};

START_TEST(something_else)
{
    size_t found[8];
    int rc;

    put(others[_i].text, others[_i].size);
    ck_assert_uint_eq(take(found, &rc), 0);
    ck_assert_int_lt(rc, 0);
    ck_assert_msg(strstr(why, others[_i].why), "'%s' does not say '%s'", why, others[_i].why);
}
END_TEST

START_TEST(any_bytes)
{
    unsigned long long state = 11;

    for (int i = 0; i < 20000; i++) {
        start();
        put("\x10\x01\x00\x00\x30\x10\x02", next_random(&state) % 8);
        sequence(next_random(&state) % 300, (uint8_t)next_random(&state));
        fill((uint8_t)next_random(&state), next_random(&state) % 10);
        bytes[next_random(&state) % size] = (uint8_t)next_random(&state);
        size -= next_random(&state) % size;
        if (size) {
            struct cloister_bytes rest, one;
            uint8_t *exact = malloc(size);

            memcpy(exact, bytes, size);
            rest = (struct cloister_bytes){exact, size};
            while (cloister_certificate_next(&rest, &one, &why) == 1) {
                ck_assert_uint_ge(one.size, 2);
            }
            free(exact);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("certificate");
    TCase *tcase = tcase_create("stored");

    tcase_add_checked_fixture(tcase, start, NULL);
    tcase_add_test(tcase, sizes);
    tcase_add_test(tcase, filling);
    tcase_add_test(tcase, several);
    tcase_add_test(tcase, old_form);
    tcase_add_test(tcase, cut_off);
    tcase_add_loop_test(tcase, something_else, 0, sizeof(others) / sizeof(others[0]));
    tcase_add_test(tcase, any_bytes);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
