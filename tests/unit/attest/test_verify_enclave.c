/* SPDX-License-Identifier: MIT */
/*
 * Of a verification: steps 15 and 16: the enclave and its freshness.
 * Each refusal by its name, by one change of a good host.
 */
#include "steps.h"

/* --- 15 enclave ---------------------------------------------------------------------------- */

START_TEST(enclave_debug)
{
    scene.reports[0].image_flags = CLOISTER_IMAGE_DEBUG;
    scene_sign_report(0);
    refuses(CLOISTER_REFUSED_ENCLAVE_DEBUG, "reports[0].image_flags");
    scene_policy_replace("{", "{\"insecure-any-enclave\": true,");
    refuses(CLOISTER_REFUSED_ENCLAVE_DEBUG, "reports[0].image_flags");
    scene_policy_replace("insecure-any-enclave", "insecure-allow-debug");
    accepts();
    ck_assert(scene.claims.enclaves[0].debug);
}
END_TEST

START_TEST(enclave_identity)
{
    scene.reports[0].measurement[0]++;
    scene_sign_report(0);
    refuses(CLOISTER_REFUSED_ENCLAVE_NOT_ACCEPTED, "reports[0].measurement");
    start();
    scene.reports[0].author[0]++;
    scene_sign_report(0);
    refuses(CLOISTER_REFUSED_ENCLAVE_NOT_ACCEPTED, "reports[0].author");
    start();
    scene_policy_replace("\"minimum-security-version\": 5",
                         "\"family-id\": \"00000000000000000000000000000000\"");
    refuses(CLOISTER_REFUSED_ENCLAVE_NOT_ACCEPTED, "reports[0].family_id");
    start();
    scene_policy_replace("\"minimum-security-version\": 5",
                         "\"image-id\": [\"00000000000000000000000000000000\"]");
    refuses(CLOISTER_REFUSED_ENCLAVE_NOT_ACCEPTED, "reports[0].image_id");
    scene_policy_replace("[\"00000000000000000000000000000000\"]",
                         "[\"00000000000000000000000000000000\", "
                         "\"1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d\"]");
    accepts();
}
END_TEST

START_TEST(enclave_security_version)
{
    scene.reports[0].security_version = 4;
    scene_sign_report(0);
    refuses(CLOISTER_REFUSED_ENCLAVE_SECURITY_VERSION, "reports[0].security_version");
    ck_assert_str_eq(scene.refusal.expected, "5");
    ck_assert_str_eq(scene.refusal.found, "4");
    scene.reports[0].security_version = UINT32_MAX;
    scene_sign_report(0);
    accepts();
}
END_TEST

START_TEST(enclave_of_several)
{
    scene_policy_replace("\"enclaves\": [",
                         "\"enclaves\": [{\"name\": \"other\", \"author\": "
                         "\"0000000000000000000000000000000000000000000000000000000000000000\"},");
    accepts();
    ck_assert_str_eq(scene.claims.enclaves[0].name, "vault");
    scene.reports[0].measurement[0]++;
    scene_sign_report(0);
    refuses(CLOISTER_REFUSED_ENCLAVE_NOT_ACCEPTED, "reports[0].measurement");
}
END_TEST

START_TEST(every_enclave_counts)
{
    scene.reports[2] = scene.reports[0];
    scene.reports[2].sequence = 12;
    scene.report_count = 3;
    scene_sign_report(2);
    accepts();
    ck_assert_uint_eq(scene.claims.enclave_count, 2);
    scene.reports[2].security_version = 1;
    scene_sign_report(2);
    refuses(CLOISTER_REFUSED_ENCLAVE_SECURITY_VERSION, "reports[2]");
}
END_TEST

START_TEST(enclave_missing)
{
    scene.reports[0] = scene.reports[1];
    scene.report_count = 1;
    refuses(CLOISTER_REFUSED_ENCLAVE_MISSING, "reports");
    scene.report_count = 0;
    refuses(CLOISTER_REFUSED_ENCLAVE_MISSING, "reports");
    scene_policy_replace("{", "{\"insecure-any-enclave\": true,");
    refuses(CLOISTER_REFUSED_ENCLAVE_MISSING, "reports");
    scene_policy_replace("{", "{\"host-only\": true,");
    accepts();
    ck_assert_uint_eq(scene.claims.enclave_count, 0);
}
END_TEST

/* --- 16 freshness -------------------------------------------------------------------------- */

START_TEST(report_data)
{
    uint8_t expected[64];

    memset(expected, 0xda, sizeof(expected));
    scene.report_data = expected;
    scene_policy_replace(", \"maximum-report-age\": 10", "");
    accepts();
    expected[63] ^= 1;
    refuses(CLOISTER_REFUSED_REPORT_DATA_DIFFERS, "report_data of enclave 0");
    scene_policy_replace("{", "{\"insecure-any-age\": true,");
    refuses(CLOISTER_REFUSED_REPORT_DATA_DIFFERS, "report_data of enclave 0");
}
END_TEST

START_TEST(report_age)
{
    scene.reports[0].time = UINT64_C(55000000000);
    scene_sign_report(0);
    accepts();
    scene.reports[0].time--;
    scene_sign_report(0);
    refuses(CLOISTER_REFUSED_TOO_OLD, "enclave 0");
}
END_TEST

START_TEST(report_age_unknown)
{
    scene_policy_replace(", \"maximum-report-age\": 10", "");
    refuses(CLOISTER_REFUSED_AGE_UNKNOWN, "enclave 0");
    scene_policy_replace("{", "{\"insecure-any-age\": true,");
    accepts();
    /* A heartbeat of another challenge says nothing about now. */
    start();
    scene.reports[1].report_data[0] ^= 1;
    scene_sign_report(1);
    refuses(CLOISTER_REFUSED_AGE_UNKNOWN, "enclave 0");
    start();
    scene.reports[1].report_data[63] ^= 1;
    scene_sign_report(1);
    refuses(CLOISTER_REFUSED_AGE_UNKNOWN, "enclave 0");
    start();
    scene.report_count = 1;
    refuses(CLOISTER_REFUSED_AGE_UNKNOWN, "enclave 0");
    /* Nor does an enclave that says the same. */
    start();
    memcpy(scene.reports[0].report_data, scene.reports[1].report_data, 64);
    scene.report_count = 1;
    scene_sign_report(0);
    refuses(CLOISTER_REFUSED_AGE_UNKNOWN, "enclave 0");
}
END_TEST

int main(void)
{
    TCase *tcase = steps_begin();

    tcase_add_test(tcase, enclave_debug);
    tcase_add_test(tcase, enclave_identity);
    tcase_add_test(tcase, enclave_security_version);
    tcase_add_test(tcase, enclave_of_several);
    tcase_add_test(tcase, every_enclave_counts);
    tcase_add_test(tcase, enclave_missing);
    tcase_add_test(tcase, report_data);
    tcase_add_test(tcase, report_age);
    tcase_add_test(tcase, report_age_unknown);
    return steps_run(tcase, "verify enclave");
}
