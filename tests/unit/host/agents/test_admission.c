/* SPDX-License-Identifier: MIT */
/* The admission policy: what it says, and what is no policy. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/admission.h"
#include "base/digest.h"
#include "../../suite.h"

static struct admission policy;
static struct cloister_image_header image;
static char why[256], author[65], measurement[97];

static void setup(void)
{
    admission_initialise(&policy);
    memset(&image, 0, sizeof(image));
    memset(image.author_key, 7, sizeof(image.author_key));
    memset(image.measurement, 0xab, sizeof(image.measurement));
    memset(image.family_id, 1, sizeof(image.family_id));
    memset(image.image_id, 2, sizeof(image.image_id));
    image.security_version = 5;
    digest_sha256_hex(image.author_key, sizeof(image.author_key), author);
    hex_encode(image.measurement, sizeof(image.measurement), measurement);
}

static void teardown(void)
{
    admission_free(&policy);
}

static void parse(const char *format, ...)
{
    char text[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    int rc = admission_parse(&policy, text, strlen(text), why, sizeof(why));
    ck_assert_msg(rc == 0, "%s", why);
}

static bool allowed(void)
{
    return admission_check(&policy, &image, "alice", "c0a4fe59-ade9-41b7-8b02-8254df4c5870").allow;
}

START_TEST(default_policy)
{
    ck_assert(allowed());
    image.launch.flags = CLOISTER_IMAGE_DEBUG;
    struct admission_verdict verdict = admission_check(&policy, &image, "", "");
    ck_assert(!verdict.allow);
    ck_assert(verdict.debug);
    ck_assert_uint_eq(verdict.line, 0);
}
END_TEST

START_TEST(default_deny)
{
    parse("default deny\n");
    ck_assert(!allowed());
    ck_assert(!admission_check(&policy, &image, "", "").debug);
    parse("# nothing\n\n   \ndefault allow # again\n");
    ck_assert(allowed());
}
END_TEST

START_TEST(by_author)
{
    parse("allow author %s\ndefault deny", author);
    ck_assert(allowed());
    image.author_key[0] ^= 1;
    ck_assert(!allowed());
    image.author_key[0] ^= 1;
    parse("deny author %s", author);
    struct admission_verdict verdict = admission_check(&policy, &image, "", "");
    ck_assert(!verdict.allow);
    ck_assert_uint_eq(verdict.line, 1);
    image.author_key[63] ^= 1;
    ck_assert(allowed());
}
END_TEST

START_TEST(by_measurement)
{
    parse("default deny\nallow measurement %s", measurement);
    ck_assert(allowed());
    image.measurement[47] ^= 1;
    ck_assert(!allowed());
}
END_TEST

START_TEST(by_family_and_image)
{
    parse("default deny\nallow family 01010101010101010101010101010101 "
          "image 02020202020202020202020202020202");
    ck_assert(allowed());
    image.image_id[3] = 0;
    ck_assert(!allowed());
}
END_TEST

START_TEST(by_domain)
{
    parse("default deny\nallow domain alice\n");
    ck_assert(allowed());
    ck_assert(!admission_check(&policy, &image, "Alice", "x").allow);
    ck_assert(!admission_check(&policy, &image, "", "").allow);
    parse("default deny\nallow domain C0A4FE59-ADE9-41B7-8B02-8254DF4C5870\n");
    ck_assert(allowed());
}
END_TEST

START_TEST(by_version)
{
    static const struct {
        const char *range;
        bool fits;
    } cases[] = {{"5", true},     {"4", false},           {"5..", true},  {"6..", false},
                 {"..5", true},   {"..4", false},         {"4..6", true}, {"0..4", false},
                 {"6..9", false}, {"0..4294967295", true}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        parse("default deny\nallow security-version %s", cases[i].range);
        ck_assert_int_eq(allowed(), cases[i].fits);
    }
}
END_TEST

/* An allow without a word about debug images never admits one; a deny means them, too. */
START_TEST(debug_images)
{
    image.launch.flags = CLOISTER_IMAGE_DEBUG;
    parse("allow author %s", author);
    ck_assert(!allowed());
    parse("allow");
    ck_assert(!allowed());
    parse("allow debug no");
    ck_assert(!allowed());
    parse("deny author %s\nallow debug yes", author);
    ck_assert(!allowed());
    parse("allow author %s debug yes\ndefault deny", author);
    ck_assert(allowed());
    image.launch.flags = 0;
    ck_assert(!allowed());
    parse("default deny\nallow debug any");
    ck_assert(allowed());
    image.launch.flags = CLOISTER_IMAGE_DEBUG;
    ck_assert(allowed());
    parse("deny debug no\n");
    ck_assert(!allowed());
    image.launch.flags = 0;
    ck_assert(!allowed());
}
END_TEST

START_TEST(first_rule_decides)
{
    parse("deny security-version ..4\nallow author %s\ndeny\n", author);
    ck_assert(allowed());
    image.security_version = 4;
    ck_assert_uint_eq(admission_check(&policy, &image, "", "").line, 1);
    ck_assert(!allowed());
    image.security_version = 5;
    image.author_key[5]++;
    ck_assert_uint_eq(admission_check(&policy, &image, "", "").line, 3);
}
END_TEST

/* What is no policy is refused with its line, and the old policy stays. */
START_TEST(refusals)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"permit", "line 1: a rule starts with allow, deny or default"},
        {"\n\nAllow", "line 3:"},
        {"allow author", "'author' needs a value"},
        {"allow author 1234", "64 hexadecimal digits"},
        {"allow author zz", "64 hexadecimal digits"},
        {"allow measurement ab", "96 hexadecimal digits"},
        {"allow family ab", "32 hexadecimal digits"},
        {"allow image 0101010101010101010101010101010101", "32 hexadecimal digits"},
        {"allow debug maybe", "must be yes, no or any"},
        {"allow debug", "'debug' needs a value"},
        {"allow debug yes debug no", "stands twice"},
        {"allow signed yes", "unknown condition 'signed'"},
        {"allow security-version", "needs a value"},
        {"allow security-version x", "must be N"},
        {"allow security-version ..", "must be N"},
        {"allow security-version 5..4", "must be N"},
        {"allow security-version 4294967296", "must be N"},
        {"allow security-version -1", "must be N"},
        {"allow security-version 1...2", "must be N"},
        {"allow security-version 99999999999999999999", "must be N"},
        {"allow domain "
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "too long"},
        {"default", "followed by allow or deny"},
        {"default maybe", "followed by allow or deny"},
        {"default deny now", "followed by allow or deny"},
        {"default deny\ndefault allow", "line 2: 'default' stands twice"},
        {"allow a b c d e f g h i j k l m n o p q r s t u v", "too many words"},
    };

    parse("default deny");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_int_eq(
            admission_parse(&policy, cases[i].text, strlen(cases[i].text), why, sizeof(why)),
            -EINVAL);
        ck_assert_msg(strstr(why, cases[i].why) != NULL, "%s: %s", cases[i].text, why);
        ck_assert(!allowed());
    }
    ck_assert_int_eq(admission_parse(&policy, "allow\0deny", 10, why, sizeof(why)), -EINVAL);
}
END_TEST

START_TEST(too_many_rules)
{
    char *text = malloc(6 * (ADMISSION_MAX_RULES + 1) + 1);

    for (unsigned int i = 0; i <= ADMISSION_MAX_RULES; i++)
        memcpy(text + 6 * i, "allow\n", 6);
    ck_assert_int_eq(admission_parse(&policy, text, 6 * ADMISSION_MAX_RULES, why, sizeof(why)), 0);
    ck_assert_uint_eq(policy.count, ADMISSION_MAX_RULES);
    ck_assert_int_eq(
        admission_parse(&policy, text, 6 * (ADMISSION_MAX_RULES + 1), why, sizeof(why)), -EINVAL);
    free(text);
}
END_TEST

START_TEST(no_file)
{
    ck_assert_int_eq(admission_load(&policy, "/nonexistent/file", why, sizeof(why)), -ENOENT);
    ck_assert_ptr_nonnull(strstr(why, "/nonexistent/file"));
}
END_TEST

/* Noise never becomes a crash, and a refused text never a policy. */
START_TEST(noise)
{
    static const char words[][12] = {"allow",  "deny", "default", "debug", "yes", "no",
                                     "author", "..",   "3..4",    "\n",    " ",   "#",
                                     "domain", "a",    "\t",      "\r"};
    unsigned long long state = 3;

    for (unsigned int round = 0; round < 20000; round++) {
        char text[256] = "";

        while (strlen(text) < 200 && next_random(&state) % 20) {
            strcat(text, words[next_random(&state) % 16]);
            if (next_random(&state) % 2)
                strcat(text, " ");
        }
        if (next_random(&state) % 4 == 0 && text[0])
            text[next_random(&state) % strlen(text)] = (char)(next_random(&state) | 1);
        unsigned int before = policy.count;
        if (admission_parse(&policy, text, strlen(text), why, sizeof(why)))
            ck_assert_uint_eq(policy.count, before);
        (void)allowed();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admission");
    TCase *tests = tcase_create("policy");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, default_policy);
    tcase_add_test(tests, default_deny);
    tcase_add_test(tests, by_author);
    tcase_add_test(tests, by_measurement);
    tcase_add_test(tests, by_family_and_image);
    tcase_add_test(tests, by_domain);
    tcase_add_test(tests, by_version);
    tcase_add_test(tests, debug_images);
    tcase_add_test(tests, first_rule_decides);
    tcase_add_test(tests, refusals);
    tcase_add_test(tests, too_many_rules);
    tcase_add_test(tests, no_file);
    tcase_add_test(tests, noise);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
