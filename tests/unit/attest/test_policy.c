/* SPDX-License-Identifier: MIT */
/* The policy: what is one, and what is not. */
#include <stdlib.h>
#include <string.h>

#include "cloister/verify.h"
#include "scene.h"
#include "../suite.h"

#define D32 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define D48 D32 "00112233445566778899aabbccddeeff"
#define D16 "00112233445566778899aabbccddeeff"

static char why[256];

static int parse(const char *text, struct cloister_policy **policy)
{
    /* Exactly as large as it is, without a zero behind. */
    size_t size = strlen(text);
    char *exact = malloc(size ? size : 1);

    memcpy(exact, text, size);
    memset(why, 0, sizeof(why));
    int rc = cloister_policy_parse(exact, size, policy, why, sizeof(why));
    free(exact);
    return rc;
}

static const char *const good[] = {
    "{}",
    "  {\n}\r\n\t",
    "{\"name\": \"a:b \\\" c\"}",
    "{\"attestation-keys\": \"enrolled\"}",
    "{\"attestation-keys\": \"" D32 "\"}",
    "{\"attestation-keys\": [\"" D32 "\", \"00112233445566778899AABBCCDDEEFF001122334455667788"
    "99aabbccddeef0\"]}",
    "{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"4\": \"" D32 "\"}}]}",
    "{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"4\": [\"" D32 "\"], \"0\": \"" D32
    "\", \"15\": \"" D32 "\"}}]}",
    "{\"insecure-unmeasured-loader\": true, \"boot\": [{\"name\": \"x\", \"pcrs\": {\"9\": \"" D32
    "\"}}]}",
    "{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"9\": \"" D32
    "\"}}], \"insecure-unmeasured-loader\": true}",
    "{\"record-pcr\": 0}",
    "{\"record-pcr\": 15}",
    "{\"require-event-log\": true}",
    "{\"minimum-monitor-version\": \"1.255.0\"}",
    "{\"require-flags\": [\"svm\", \"ibpb\", \"iommu-strict\", \"vmx\", \"tpm-required\"]}",
    "{\"enclaves\": [{\"name\": \"x\", \"measurement\": \"" D48 "\"}]}",
    "{\"enclaves\": [{\"name\": \"x\", \"author\": \"" D32 "\", \"family-id\": \"" D16
    "\", \"image-id\": [\"" D16 "\"], \"minimum-security-version\": 4294967295}]}",
    "{\"maximum-report-age\": 31622400}",
    "{\"host-only\": false}",
    "{\"allow-update-key\": true}",
};

START_TEST(accepted)
{
    struct cloister_policy *policy;

    ck_assert_msg(parse(good[_i], &policy) == 0, "%s: %s", good[_i], why);
    cloister_policy_free(policy);
}
END_TEST

static const struct {
    const char *text;
    const char *why; /* a part of it */
} bad[] = {
    /* no JSON */
    {"", "no JSON"},
    {"{", "no JSON"},
    {"{}}", ""},
    {"{} {}", ""},
    {"{\"a\"}", "no JSON"},
    {"{'name': \"x\"}", "no JSON"},
    {"{\"name\": 'x'}", "no JSON"},
    {"{\"name\": \"x\",}", "no JSON"},
    {"{/* c */}", "no JSON"},
    {"{\"record-pcr\": 0x1}", "no JSON"},
    {"{\"record-pcr\": NaN}", ""},
    {"{\"name\": \"\xff\"}", "no JSON"},
    {"[[[[[[[[[[]]]]]]]]]]", "no JSON"},
    {"null", ""},
    {"[]", "an object"},
    {"\"x\"", "an object"},
    {"1", ""},
    /* members */
    {"{\"unknown\": 1}", "unknown member 'unknown'"},
    {"{\"Name\": \"x\"}", "unknown member"},
    {"{\"\": \"x\"}", "unknown member"},
    {"{\"insecure-allow-everything\": true}", "unknown member"},
    {"{\"name\": \"x\", \"name\": \"y\"}", "twice"},
    {"{\"host-only\": true, \"host-only\": false}", "twice"},
    {"{\"host-only\": true, \"\\u0068ost-only\": true}", "twice"},
    {"{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"4\": \"" D32 "\", \"4\": \"" D32 "\"}}]}",
     "twice"},
    /* types and ranges */
    {"{\"name\": 1}", "name"},
    {"{\"name\": \"\"}", "name"},
    {"{\"name\": null}", "name"},
    {"{\"name\": \"a\\u0000b\"}", "printable"},
    {"{\"name\": \"a\\u001b[2Jb\"}", "printable"},
    {"{\"name\": \"0123456789012345678901234567890123456789012345678901234567890123\"}", "name"},
    {"{\"attestation-keys\": \"any\"}", "attestation-keys"},
    {"{\"attestation-keys\": []}", "attestation-keys"},
    {"{\"attestation-keys\": true}", "attestation-keys"},
    {"{\"attestation-keys\": [\"enrolled\"]}", "attestation-keys"},
    {"{\"attestation-keys\": \"0" D32 "\"}", "64 hexadecimal digits"},
    {"{\"attestation-keys\": \"g0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}",
     "64 hexadecimal digits"},
    {"{\"attestation-keys\": [\"" D32 "\", 7]}", "attestation-keys"},
    {"{\"attestation-keys\": [[\"" D32 "\"]]}", "attestation-keys"},
    {"{\"boot\": {}}", "boot"},
    {"{\"boot\": []}", "boot"},
    {"{\"boot\": [1]}", "boot[0]"},
    {"{\"boot\": [{}]}", "boot[0]"},
    {"{\"boot\": [{\"name\": \"x\"}]}", "boot[0]"},
    {"{\"boot\": [{\"name\": \"x\", \"pcrs\": {}}]}", "boot[0]"},
    {"{\"boot\": [{\"pcrs\": {\"4\": \"" D32 "\"}}]}", "boot[0]"},
    {"{\"boot\": [{\"name\": \"x\", \"pcrs\": []}]}", "boot[0].pcrs"},
    {"{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"16\": \"" D32 "\"}}]}", "PCR's index"},
    {"{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"04\": \"" D32 "\"}}]}", "PCR's index"},
    {"{\"boot\": [{\"name\": \"x\", \"pcrs\": {\" 4\": \"" D32 "\"}}]}", "PCR's index"},
    {"{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"-1\": \"" D32 "\"}}]}", "PCR's index"},
    {"{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"4294967300\": \"" D32 "\"}}]}", "PCR's index"},
    {"{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"four\": \"" D32 "\"}}]}", "PCR's index"},
    {"{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"4\": \"" D48 "\"}}]}", "boot[0].pcrs.4"},
    {"{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"4\": []}}]}", "boot[0].pcrs.4"},
    {"{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"9\": \"" D32 "\"}}]}", "PCR 4 is missing"},
    {"{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"4\": \"" D32 "\", \"13\": \"" D32 "\"}}]}",
     "PCR 13 is the record's"},
    {"{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"4\": \"" D32 "\"}, \"extra\": 1}]}",
     "boot[0].extra"},
    {"{\"record-pcr\": 16}", "record-pcr"},
    {"{\"record-pcr\": 23}", "record-pcr"},
    {"{\"record-pcr\": -1}", "record-pcr"},
    {"{\"record-pcr\": 4294967296}", "record-pcr"},
    {"{\"record-pcr\": 99999999999999999999999}", "record-pcr"},
    {"{\"record-pcr\": 13.0}", "record-pcr"},
    {"{\"record-pcr\": \"13\"}", "record-pcr"},
    {"{\"require-event-log\": 1}", "require-event-log"},
    {"{\"require-event-log\": \"true\"}", "require-event-log"},
    {"{\"minimum-monitor-version\": \"1.0\"}", "minimum-monitor-version"},
    {"{\"minimum-monitor-version\": \"1.0.256\"}", "minimum-monitor-version"},
    {"{\"minimum-monitor-version\": \"1.0.0.0\"}", "minimum-monitor-version"},
    {"{\"minimum-monitor-version\": \"1.0.-1\"}", "minimum-monitor-version"},
    {"{\"minimum-monitor-version\": \" 1.0.0\"}", "minimum-monitor-version"},
    {"{\"minimum-monitor-version\": \"1..0\"}", "minimum-monitor-version"},
    {"{\"minimum-monitor-version\": 1}", "minimum-monitor-version"},
    {"{\"require-flags\": \"ibpb\"}", "require-flags"},
    {"{\"require-flags\": []}", "require-flags"},
    {"{\"require-flags\": [\"smt\"]}", "require-flags"},
    {"{\"require-flags\": [\"test\"]}", "require-flags"},
    {"{\"require-flags\": [\"\"]}", "require-flags"},
    {"{\"require-flags\": [3]}", "require-flags"},
    {"{\"enclaves\": []}", "enclaves"},
    {"{\"enclaves\": [{}]}", "enclaves[0]"},
    {"{\"enclaves\": [{\"name\": \"x\"}]}", "enclaves[0]"},
    {"{\"enclaves\": [{\"name\": \"x\", \"family-id\": \"" D16 "\"}]}", "measurement or author"},
    {"{\"enclaves\": [{\"measurement\": \"" D48 "\"}]}", "enclaves[0]"},
    {"{\"enclaves\": [{\"name\": \"x\", \"measurement\": \"" D32 "\"}]}",
     "enclaves[0].measurement"},
    {"{\"enclaves\": [{\"name\": \"x\", \"author\": \"" D32 "\", \"family\": \"" D16 "\"}]}",
     "enclaves[0].family: unknown"},
    {"{\"enclaves\": [{\"name\": \"x\", \"author\": \"" D32 "\", \"minimum-security-version\": "
     "4294967296}]}", "minimum-security-version"},
    {"{\"enclaves\": [{\"name\": \"x\", \"author\": \"" D32
     "\", \"minimum-security-version\": -1}]}", "minimum-security-version"},
    {"{\"maximum-report-age\": 0}", "maximum-report-age"},
    {"{\"maximum-report-age\": 31622401}", "maximum-report-age"},
    {"{\"maximum-report-age\": true}", "maximum-report-age"},
    {"{\"insecure-allow-debug\": 1}", "insecure-allow-debug"},
    {"{\"insecure-any-boot\": \"yes\"}", "insecure-any-boot"},
};

START_TEST(refused)
{
    struct cloister_policy *policy;

    ck_assert_msg(parse(bad[_i].text, &policy) == -22, "%s is a policy", bad[_i].text);
    ck_assert(!policy);
    ck_assert_msg(strstr(why, bad[_i].why), "%s: %s", bad[_i].text, why);
}
END_TEST

START_TEST(cut_anywhere)
{
    struct cloister_policy *policy;

    scene_start(SCENE_ECC);
    for (size_t size = strlen(scene.policy); size-- > 0;) {
        scene.policy[size] = 0;
        ck_assert_int_ne(parse(scene.policy, &policy), 0);
    }
}
END_TEST

START_TEST(larger_than_allowed)
{
    struct cloister_policy *policy;
    char *text = malloc(CLOISTER_POLICY_MAX_SIZE + 1);

    memset(text, ' ', CLOISTER_POLICY_MAX_SIZE + 1);
    memcpy(text, "{}", 2);
    ck_assert_int_eq(cloister_policy_parse(text, CLOISTER_POLICY_MAX_SIZE, &policy, NULL, 0), 0);
    cloister_policy_free(policy);
    ck_assert_int_eq(cloister_policy_parse(text, CLOISTER_POLICY_MAX_SIZE + 1, &policy, NULL, 0),
                     -22);
    free(text);
}
END_TEST

START_TEST(zero_inside)
{
    struct cloister_policy *policy;

    ck_assert_int_eq(cloister_policy_parse("{}\0x", 4, &policy, why, sizeof(why)), -22);
    ck_assert_int_eq(cloister_policy_parse("{\0}", 3, &policy, why, sizeof(why)), -22);
}
END_TEST

START_TEST(described)
{
    struct cloister_policy *policy;
    uint8_t digest[32], expected[32];
    const char *text = "{\"name\": \"mine\", \"insecure-allow-smt\": true}";

    ck_assert_int_eq(parse(text, &policy), 0);
    ck_assert_str_eq(cloister_policy_name(policy), "mine");
    ck_assert(cloister_policy_is_insecure(policy));
    cloister_policy_digest(policy, digest);
    scene_sha256(text, strlen(text), expected);
    ck_assert(!memcmp(digest, expected, 32));
    cloister_policy_free(policy);
    ck_assert_int_eq(parse("{\"insecure-allow-smt\": false, \"host-only\": true}", &policy), 0);
    ck_assert(!cloister_policy_is_insecure(policy));
    ck_assert_str_eq(cloister_policy_name(policy), "");
    cloister_policy_free(policy);
}
END_TEST

START_TEST(flag_names)
{
    uint32_t flag, all = 0;
    unsigned int count = 0;

    for (const char *name; (name = cloister_flag_name(count, &flag)); count++) {
        ck_assert(*name);
        ck_assert(!(all & flag));
        all |= flag;
    }
    ck_assert_uint_eq(all, (1u << count) - 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy");
    TCase *tcase = tcase_create("parsing");

    scene_prepare();
    tcase_add_loop_test(tcase, accepted, 0, sizeof(good) / sizeof(good[0]));
    tcase_add_loop_test(tcase, refused, 0, sizeof(bad) / sizeof(bad[0]));
    tcase_add_test(tcase, cut_anywhere);
    tcase_add_test(tcase, larger_than_allowed);
    tcase_add_test(tcase, zero_inside);
    tcase_add_test(tcase, described);
    tcase_add_test(tcase, flag_names);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
