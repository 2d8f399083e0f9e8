/* SPDX-License-Identifier: MIT */
/* The policy: what is one, and what is not. */
#include <stdlib.h>
#include <string.h>

#include "cloister/predict.h"
#include "cloister/verify.h"
#include "scene.h"
#include "../suite.h"

#define D32 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define D48 D32 "00112233445566778899aabbccddeeff"
#define D16 "00112233445566778899aabbccddeeff"

#define ZERO32 "0000000000000000000000000000000000000000000000000000000000000000"
#define FF32 "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
/* After one separator of zeros. */
#define SEPARATED "3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969"
/* A boot with these PCRs beside 0, 2, 7; and one of a unified image. */
#define FIRMWARE "\"0\": \"" D32 "\", \"2\": \"" D32 "\", \"7\": \"" D32 "\""
#define BOOT(pcrs) "\"boot\": [{\"name\": \"x\", \"pcrs\": {" FIRMWARE ", " pcrs "}}]"
#define GRUB "\"4\": \"" D32 "\", \"8\": \"" D32 "\", \"9\": \"" D32 "\""
#define UNIFIED(pcrs)                                                                              \
    "{\"boot\": [{\"name\": \"x\", \"loader\": \"unified\", \"pcrs\": {" pcrs "}}]}"

static char why[400];

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
    "{" BOOT(GRUB) "}",
    "{" BOOT(GRUB ", \"15\": [\"" D32 "\"], \"1\": \"" D32 "\"") "}",
    "{\"boot\": [{\"name\": \"x\", \"loader\": \"grub\", \"pcrs\": {" FIRMWARE ", " GRUB "}}]}",
    UNIFIED(FIRMWARE ", \"4\": \"" D32 "\""),
    "{\"insecure-incomplete-boot\": true, \"boot\": [{\"name\": \"x\", \"pcrs\": {\"9\": \"" D32
    "\"}}]}",
    "{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"9\": \"" D32
    "\"}}], \"insecure-incomplete-boot\": true}",
    "{\"insecure-empty-pcrs\": true, " BOOT("\"4\": \"" ZERO32 "\", \"8\": \"" FF32
                                            "\", \"9\": \"" SEPARATED "\"") "}",
    /* No drivers, no partition table: that can be. */
    "{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"0\": \"" D32 "\", \"7\": \"" D32
    "\", \"2\": \"" SEPARATED "\", \"5\": \"" SEPARATED "\", " GRUB "}}]}",
    "{\"require-flags\": [\"lockdown\", \"intremap\", \"mor\"]}",
    "{\"insecure-allow-open\": [\"open-ports\", \"open-memory\", \"open-pci\", \"open-msr\","
    " \"runtime-services\", \"sleep\", \"debug\", \"microcode\", \"hot-add\", \"dma-reserved\","
    " \"lockdown-watch\", \"ats\"]}",
    "{\"accept-no-mor\": true, \"accept-bmc\": false}",
    "{\"lockdown-tables\": [\"" D32 "\", \"" FF32 "\"]}",
    "{\"least-xen\": {\"4.17\": \"4.17.7\", \"4.20\": \"4.20.0\", \"10.0\": \"10.0.12\"}}",
    "{\"insecure-no-lockdown\": true, \"insecure-no-intremap\": false,"
    " \"insecure-allow-boot-drivers\": true, \"insecure-allow-boot-options\": true}",
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
    {"{\"name\": \"a\\u0000b\"}", "name: a zero byte in a text"},
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
    {"{\"boot\": [{\"name\": \"x\", \"loader\": \"lilo\", \"pcrs\": {}}]}", "boot[0].loader"},
    {"{\"boot\": [{\"name\": \"x\", \"loader\": true, \"pcrs\": {}}]}", "boot[0].loader"},
    {"{\"boot\": [{\"name\": \"x\", \"loader\": \"Unified\", \"pcrs\": {}}]}", "not 'Unified'"},
    /* too few PCRs */
    {"{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"9\": \"" D32 "\"}}]}",
     "boot[0].pcrs: PCRs 0, 2, 4, 7, 8 missing: a boot by GRUB needs PCRs 0, 2, 4, 7, 8, 9"},
    {"{" BOOT("\"4\": \"" D32 "\", \"8\": \"" D32 "\"") "}", "PCR 9 missing"},
    {"{" BOOT("\"4\": \"" D32 "\", \"9\": \"" D32 "\"") "}", "PCR 8 missing"},
    {"{" BOOT("\"8\": \"" D32 "\", \"9\": \"" D32 "\"") "}", "PCR 4 missing"},
    {"{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"0\": \"" D32 "\", \"2\": \"" D32 "\", " GRUB
     "}}]}",
     "PCR 7 missing"},
    {"{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"0\": \"" D32 "\", \"7\": \"" D32 "\", " GRUB
     "}}]}",
     "PCR 2 missing"},
    {"{\"boot\": [{\"name\": \"x\", \"pcrs\": {\"2\": \"" D32 "\", \"7\": \"" D32 "\", " GRUB
     "}}]}",
     "PCR 0 missing"},
    {UNIFIED(FIRMWARE), "PCR 4 missing: a boot by a unified image needs PCRs 0, 2, 4, 7"},
    {"{\"insecure-incomplete-boot\": false, \"boot\": [{\"name\": \"x\", \"pcrs\": {\"4\": \"" D32
     "\"}}]}",
     "missing"},
    {"{\"insecure-unmeasured-loader\": true}", "unknown member"},
    {"{\"boot\": [{\"name\": \"a\", \"pcrs\": {" FIRMWARE ", " GRUB
     "}}, {\"name\": \"b\", \"pcrs\": {" GRUB "}}]}",
     "boot[1].pcrs: PCRs 0, 2, 7 missing"},
    /* values that prove nothing */
    {"{" BOOT("\"4\": \"" ZERO32 "\", \"8\": \"" ZERO32 "\", \"9\": \"" D32 "\"") "}",
     "boot[0].pcrs: PCRs 4, 8: a value that proves nothing (all zero"},
    {"{" BOOT("\"4\": \"" FF32 "\", \"8\": \"" D32 "\", \"9\": \"" D32 "\"") "}", "all ff"},
    {"{" BOOT("\"4\": \"" SEPARATED "\", \"8\": \"" D32 "\", \"9\": \"" D32 "\"") "}",
     "PCR 4: a value that proves nothing (only separators"},
    {"{" BOOT("\"4\": [\"" D32 "\", \"" ZERO32 "\"], \"8\": \"" D32 "\", \"9\": \"" D32 "\"") "}",
     "PCR 4"},
    {"{" BOOT(GRUB ", \"1\": \"" ZERO32 "\"") "}", "PCR 1"},
    {"{" BOOT(GRUB ", \"14\": \"" ZERO32 "\"") "}", "PCR 14"},
    {"{\"insecure-empty-pcrs\": false, " BOOT(GRUB ", \"14\": \"" ZERO32 "\"") "}", "PCR 14"},
    {"{\"insecure-incomplete-boot\": true, \"boot\": [{\"name\": \"x\", \"pcrs\": {\"4\": \"" ZERO32
     "\"}}]}",
     "all zero"},
    {"{\"insecure-empty-pcrs\": true, \"boot\": [{\"name\": \"x\", \"pcrs\": {\"4\": \"" ZERO32
     "\"}}]}",
     "PCRs 0, 2, 7, 8, 9 missing"},
    /* the closed state */
    {"{\"insecure-allow-open\": []}", "insecure-allow-open"},
    {"{\"insecure-allow-open\": true}", "insecure-allow-open"},
    {"{\"insecure-allow-open\": [\"smt\"]}", "'smt' is no flag that can be allowed here"},
    {"{\"insecure-allow-open\": [\"lockdown\"]}", "no flag that can be allowed"},
    {"{\"insecure-allow-open\": [\"bmc\"]}", "open-ports open-memory"},
    {"{\"insecure-allow-open\": [\"mor\"]}", "no flag that can be allowed"},
    {"{\"insecure-allow-open\": [\"all\"]}", "no flag that can be allowed"},
    {"{\"insecure-allow-open\": [\"debug\", 1]}", "insecure-allow-open"},
    {"{\"allow-open\": [\"debug\"]}", "unknown member"},
    {"{\"require-flags\": [\"debug\"]}", "no flag that can be required"},
    {"{\"require-flags\": [\"bmc\"]}", "no flag that can be required"},
    {"{\"accept-no-mor\": 1}", "accept-no-mor"},
    {"{\"insecure-accept-no-mor\": true}", "unknown member"},
    {"{\"accept-bmc\": \"true\"}", "accept-bmc"},
    {"{\"lockdown-tables\": []}", "lockdown-tables"},
    {"{\"lockdown-tables\": \"" D32 "\"}", "lockdown-tables"},
    {"{\"lockdown-tables\": [\"" D48 "\"]}", "64 hexadecimal digits"},
    {"{\"lockdown-tables\": [\"" D32 "\", \"" ZERO32 "\"]}", "no table's hash"},
    /* versions */
    {"{\"least-xen\": \"4.17.7\"}", "least-xen: an object"},
    {"{\"least-xen\": [\"4.17.7\"]}", "least-xen: an object"},
    {"{\"least-xen\": {}}", "1..64 series"},
    {"{\"least-xen\": {\"4.17\": 4}}", "least-xen"},
    {"{\"least-xen\": {\"4.17\": \"\"}}", "least-xen"},
    {"{\"least-xen\": {\"4.17\": \"4.17\"}}", "not \"4.17\": \"4.17\""},
    {"{\"least-xen\": {\"4.17\": \"4.18.1\"}}", "a series and its least version"},
    {"{\"least-xen\": {\"4\": \"4.17.1\"}}", "a series"},
    {"{\"least-xen\": {\"4.17.1\": \"4.17.1\"}}", "a series"},
    {"{\"least-xen\": {\"4.17\": \"4.17.07\"}}", "a series"},
    {"{\"least-xen\": {\"4.17\": \"4.17.7-1\"}}", "a series"},
    {"{\"least-xen\": {\"4.17\": \"4.17.7-rc1\"}}", "a series"},
    {"{\"least-xen\": {\"4.17\": \"4.17.0-rc1\"}}", "a series"},
    {"{\"least-xen\": {\"4.17\": \"4.17.7+13\"}}", "a series"},
    {"{\"least-xen\": {\"4.17\": \"4.17.999999\"}}", "a series"},
    {"{\"least-xen\": {\"4.17\": \"4.17.-1\"}}", "a series"},
    {"{\"least-xen\": {\"4.17\": \"4.17.7\", \"4.17\": \"4.17.8\"}}", "twice"},
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
     "4294967296}]}",
     "minimum-security-version"},
    {"{\"enclaves\": [{\"name\": \"x\", \"author\": \"" D32
     "\", \"minimum-security-version\": -1}]}",
     "minimum-security-version"},
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

/* Each value that proves nothing, made here by the rules. */
START_TEST(empty_values)
{
    static const uint8_t words[2][4] = {{0}, {0xff, 0xff, 0xff, 0xff}};
    uint8_t both[64];

    for (unsigned int i = 0; i < 6; i++) { /* one separator, then two: by bits */
        memset(both, 0, sizeof(both));
        for (unsigned int n = 0; n < (i < 2 ? 1u : 2u); n++) {
            scene_sha256(words[(i < 2 ? i : i - 2) >> n & 1], 4, both + 32);
            scene_sha256(both, sizeof(both), both);
        }
        for (uint32_t pcr = 0; pcr < 24; pcr++) {
            bool may = pcr == 1 || pcr == 2 || pcr == 3 || pcr == 5 || pcr == 6;

            ck_assert_msg(!cloister_pcr_empty(pcr, both) == may, "%u in PCR %u", i, pcr);
        }
        both[31] ^= 1;
        ck_assert(!cloister_pcr_empty(4, both));
    }
    memset(both, 0, 32);
    ck_assert(strstr(cloister_pcr_empty(2, both), "zero"));
    both[0] = 1;
    ck_assert(!cloister_pcr_empty(2, both));
    memset(both, 0xff, 32);
    ck_assert(strstr(cloister_pcr_empty(2, both), "ff"));
    both[31] = 0xfe;
    ck_assert(!cloister_pcr_empty(2, both));
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
    ck_assert_int_eq(parse("{\"insecure-allow-open\": [\"ats\"]}", &policy), 0);
    ck_assert(cloister_policy_is_insecure(policy));
    cloister_policy_free(policy);
    ck_assert_int_eq(parse("{\"accept-no-mor\": true, \"accept-bmc\": true}", &policy), 0);
    ck_assert(!cloister_policy_is_insecure(policy));
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
    tcase_add_test(tcase, empty_values);
    tcase_add_test(tcase, cut_anywhere);
    tcase_add_test(tcase, larger_than_allowed);
    tcase_add_test(tcase, zero_inside);
    tcase_add_test(tcase, described);
    tcase_add_test(tcase, flag_names);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
