/* SPDX-License-Identifier: MIT */
/* Base64 that has one text for each value; sealed contexts; challenges. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "verify/base64.h"
#include "service/challenge.h"
#include "service/seal.h"
#include "../suite.h"

static const uint8_t key[SEAL_KEY_SIZE] = {1, 2, 3};

/* RFC 4648, 10. */
START_TEST(base64_vectors)
{
    static const char *const vectors[][3] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff", "+/8=", "-_8"},
    };
    char text[16];
    uint8_t data[16];

    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        for (int form = 0; form < 2; form++) {
            size_t size = strlen(vectors[i][0]);

            ck_assert_uint_eq(
                base64_encode((enum base64_form)form, (const uint8_t *)vectors[i][0], size, text),
                strlen(vectors[i][1 + form]));
            ck_assert_str_eq(text, vectors[i][1 + form]);
            ck_assert_int_eq(base64_decode((enum base64_form)form, text, strlen(text), data), size);
            ck_assert_mem_eq(data, vectors[i][0], size);
        }
    }
}
END_TEST

START_TEST(base64_refused)
{
    static const char *const standard[] = {
        "Z",    "Zg",   "Zg=",   "Zg===",  "Zh==",  "Zm9=", "Zg==Zg==", "=",
        "====", "Z===", "Zg= =", "Zm9v\n", " Zm9v", "Zm-v", "Zm9_",     "Zm9v===="};
    static const char *const url[] = {"Z",    "Zg==", "Zh",    "Zm9", "Zm9vY",
                                      "Zm+v", "Zm/v", "Zm9v=", "Z g"};
    uint8_t data[32];

    for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]); i++) {
        ck_assert_msg(base64_decode(BASE64_STANDARD, standard[i], strlen(standard[i]), data) == -1,
                      "'%s'", standard[i]);
    }
    for (size_t i = 0; i < sizeof(url) / sizeof(url[0]); i++) {
        ck_assert_msg(base64_decode(BASE64_URL, url[i], strlen(url[i]), data) == -1, "'%s'",
                      url[i]);
    }
}
END_TEST

START_TEST(sealed_and_back)
{
    static uint8_t content[SEAL_MAX_CONTENT + 1], back[SEAL_MAX_CONTENT];
    char text[SEAL_MAX_TEXT + 1], again[SEAL_MAX_TEXT + 1];

    memset(content, 0x5a, sizeof(content));
    for (size_t size = 0; size <= SEAL_MAX_CONTENT; size += 1 + size / 3) {
        ck_assert_int_eq(seal(key, SEAL_CHALLENGE, content, size, text), 0);
        ck_assert_int_eq(seal(key, SEAL_CHALLENGE, content, size, again), 0);
        ck_assert_str_ne(text, again);
        ck_assert_int_eq(unseal(key, SEAL_CHALLENGE, text, strlen(text), back), size);
        ck_assert_mem_eq(back, content, size);
    }
    ck_assert_int_eq(seal(key, SEAL_CHALLENGE, content, SEAL_MAX_CONTENT, text), 0);
    ck_assert_uint_eq(strlen(text), SEAL_MAX_TEXT);
    ck_assert_int_eq(seal(key, SEAL_CHALLENGE, content, sizeof(content), text), -EINVAL);
}
END_TEST

START_TEST(sealed_refused)
{
    static const uint8_t other[SEAL_KEY_SIZE] = {1, 2, 4};
    uint8_t back[SEAL_MAX_CONTENT], bytes[256];
    char text[SEAL_MAX_TEXT + 1], changed[SEAL_MAX_TEXT + 1];
    ssize_t total;

    ck_assert_int_eq(seal(key, SEAL_CHALLENGE, "content", 7, text), 0);
    ck_assert_int_eq(unseal(other, SEAL_CHALLENGE, text, strlen(text), back), -EBADMSG);
    ck_assert_int_eq(unseal(key, SEAL_ENROLMENT, text, strlen(text), back), -EBADMSG);
    for (size_t length = 0; length < strlen(text); length++) {
        ck_assert_int_eq(unseal(key, SEAL_CHALLENGE, text, length, back), -EBADMSG);
    }
    total = base64_decode(BASE64_URL, text, strlen(text), bytes);
    for (ssize_t bit = 0; bit < 8 * total; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        base64_encode(BASE64_URL, bytes, (size_t)total, changed);
        ck_assert_int_eq(unseal(key, SEAL_CHALLENGE, changed, strlen(changed), back), -EBADMSG);
        ck_assert_int_eq(unseal(key, SEAL_ENROLMENT, changed, strlen(changed), back), -EBADMSG);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    memset(changed, 'A', SEAL_MAX_TEXT);
    ck_assert_int_eq(unseal(key, SEAL_CHALLENGE, changed, SEAL_MAX_TEXT, back), -EBADMSG);
    ck_assert_int_eq(unseal(key, SEAL_CHALLENGE, changed, SEAL_MAX_TEXT + 1, back), -EBADMSG);
}
END_TEST

START_TEST(challenges)
{
    struct challenge made = {.made = 1000, .expires = 1300}, read;
    const char *host = "00112233445566778899aabbccddeeff";
    char text[SEAL_MAX_TEXT + 1];
    static const struct {
        int64_t now;
        enum challenge_state state;
    } times[] = {
        {1000, CHALLENGE_GOOD},    {1299, CHALLENGE_GOOD},         {1300, CHALLENGE_EXPIRED},
        {9999, CHALLENGE_EXPIRED}, {940, CHALLENGE_GOOD},          {939, CHALLENGE_EARLY},
        {0, CHALLENGE_EARLY},      {INT64_MAX, CHALLENGE_EXPIRED},
    };

    strcpy(made.host, host);
    ck_assert_int_eq(challenge_make(key, &made, text), 0);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        ck_assert_int_eq(challenge_read(key, text, host, times[i].now, &read), times[i].state);
        ck_assert_mem_eq(read.nonce, made.nonce, sizeof(made.nonce));
    }
    ck_assert_int_eq(challenge_read(key, text, "other", 1000, &read), CHALLENGE_OTHER);
    ck_assert_int_eq(seal(key, SEAL_CHALLENGE, &made, sizeof(made) - 1, text), 0);
    ck_assert_int_eq(challenge_read(key, text, host, 1000, &read), CHALLENGE_UNKNOWN);
    ck_assert_int_eq(seal(key, SEAL_ENROLMENT, &made, sizeof(made), text), 0);
    ck_assert_int_eq(challenge_read(key, text, host, 1000, &read), CHALLENGE_UNKNOWN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("seal");
    TCase *tcase = tcase_create("seal");

    tcase_add_test(tcase, base64_vectors);
    tcase_add_test(tcase, base64_refused);
    tcase_add_test(tcase, sealed_and_back);
    tcase_add_test(tcase, sealed_refused);
    tcase_add_test(tcase, challenges);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
