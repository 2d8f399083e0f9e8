/* SPDX-License-Identifier: MIT */
/* Shares, known tokens, and messages that are not repeated without end. */
#include <arpa/inet.h>
#include <string.h>

#include "server/known.h"
#include "server/quiet.h"
#include "server/shares.h"
#include "../suite.h"

static struct shares_key key_of(const char *text)
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct shares_key key;

    if (strchr(text, ':')) {
        ck_assert_int_eq(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
        shares_address((struct sockaddr *)&six, &key);
    } else {
        ck_assert_int_eq(inet_pton(AF_INET, text, &four.sin_addr), 1);
        shares_address((struct sockaddr *)&four, &key);
    }
    return key;
}

START_TEST(limits)
{
    struct shares *shares = shares_new(3);
    struct shares_key one = key_of("192.0.2.1"), other = key_of("192.0.2.2");

    for (int i = 0; i < 3; i++) {
        ck_assert(shares_take(shares, &one));
    }
    ck_assert(!shares_take(shares, &one));
    ck_assert(shares_take(shares, &other)); /* who has his share takes nobody else's */
    shares_give(shares, &one);
    ck_assert_uint_eq(shares_of(shares, &one), 2);
    ck_assert(shares_take(shares, &one));
    ck_assert(!shares_take(shares, &one));
    for (int i = 0; i < 3; i++) {
        shares_give(shares, &one);
    }
    ck_assert_uint_eq(shares_of(shares, &one), 0);
    shares_give(shares, &one); /* nothing was taken: nothing happens */
    ck_assert_uint_eq(shares_of(shares, &other), 1);
    shares_free(shares);
}
END_TEST

START_TEST(many)
{
    struct shares *shares = shares_new(1);
    struct shares_key key = {{0}};

    for (uint32_t i = 0; i < 20000; i++) {
        memcpy(key.bytes, &i, sizeof(i));
        ck_assert(shares_take(shares, &key));
        ck_assert(!shares_take(shares, &key));
    }
    for (uint32_t i = 0; i < 20000; i += 2) {
        memcpy(key.bytes, &i, sizeof(i));
        shares_give(shares, &key);
    }
    for (uint32_t i = 0; i < 20000; i++) {
        memcpy(key.bytes, &i, sizeof(i));
        ck_assert_uint_eq(shares_of(shares, &key), i % 2);
    }
    shares_free(shares);
}
END_TEST

START_TEST(addresses)
{
    static const struct {
        const char *one, *other;
        bool same;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"::ffff:192.0.2.1", "192.0.2.1", true},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
        {"2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true},
        {"2001:db8:0:1::1", "2001:db8:0:2::1", false},
        {"::1", "0.0.0.1", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct shares_key one = key_of(cases[i].one), other = key_of(cases[i].other);

        ck_assert_msg(!memcmp(&one, &other, sizeof(one)) == cases[i].same, "%s, %s", cases[i].one,
                      cases[i].other);
    }
}
END_TEST

START_TEST(tokens)
{
    struct known *known = known_new();
    uint8_t digest[KNOWN_DIGEST] = {0};

    ck_assert(!known_has(known, digest));   /* an empty place is no token */
    for (unsigned int i = 1; i <= 4; i++) { /* all of one set */
        digest[KNOWN_DIGEST - 1] = (uint8_t)i;
        ck_assert(!known_has(known, digest));
        known_add(known, digest);
        known_add(known, digest);
        ck_assert(known_has(known, digest));
    }
    digest[KNOWN_DIGEST - 1] = 5;
    known_add(known, digest);
    ck_assert(known_has(known, digest));
    digest[KNOWN_DIGEST - 1] = 1; /* the oldest made room */
    ck_assert(!known_has(known, digest));
    digest[KNOWN_DIGEST - 1] = 2;
    ck_assert(known_has(known, digest));
    known_forget(known, digest);
    ck_assert(!known_has(known, digest));
    known_forget(known, digest);
    digest[KNOWN_DIGEST - 1] = 3;
    ck_assert(known_has(known, digest));
    known_free(known);
}
END_TEST

START_TEST(messages)
{
    struct quiet quiet = {0};
    uint64_t left_out = 7;

    ck_assert(quiet_may_say(&quiet, 100, 60, &left_out));
    ck_assert_uint_eq(left_out, 0);
    for (int now = 100; now < 160; now++) {
        ck_assert(!quiet_may_say(&quiet, now, 60, &left_out));
    }
    ck_assert(quiet_may_say(&quiet, 160, 60, &left_out));
    ck_assert_uint_eq(left_out, 60);
    ck_assert(!quiet_may_say(&quiet, 219, 60, &left_out));
    ck_assert(quiet_may_say(&quiet, 400, 60, &left_out));
    ck_assert_uint_eq(left_out, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shares");
    TCase *tcase = tcase_create("shares");

    tcase_add_test(tcase, limits);
    tcase_add_test(tcase, many);
    tcase_add_test(tcase, addresses);
    tcase_add_test(tcase, tokens);
    tcase_add_test(tcase, messages);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
