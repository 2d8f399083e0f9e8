/* SPDX-License-Identifier: MIT */
/* A heartbeat between quotes: what it must say beside the claims of the host that sent it. */
#include <errno.h>
#include <stdlib.h>

#include "cloister/abi.h"
#include "refuses.h"

static void start(void)
{
    scene_start(SCENE_ECC);
}

static int beats(struct cloister_claims *host)
{
    struct cloister_verifier *verifier = cloister_verifier_new();
    const struct cloister_bytes nonce = {scene.challenge_nonce, scene.challenge_nonce_size};
    struct cloister_policy *policy;
    int rc;

    ck_assert_int_eq(cloister_policy_parse(scene.policy, strlen(scene.policy), &policy, NULL, 0),
                     0);
    rc =
        cloister_verify_heartbeat(verifier, policy, host, nonce, &scene.reports[1], &scene.refusal);
    cloister_policy_free(policy);
    cloister_verifier_free(verifier);
    memset(&scene.claims, 0, sizeof(scene.claims));
    return rc;
}

START_TEST(heartbeat)
{
    struct cloister_claims host;

    accepts();
    host = scene.claims;
    /* A later challenge. */
    scene.reports[1].sequence = 99;
    scene.reports[1].time++;
    memset(scene.nonce, 0x77, sizeof(scene.nonce));
    memset(scene.challenge_nonce, 0x77, sizeof(scene.challenge_nonce));
    scene_reports();
    ck_assert_int_eq(beats(&host), 0);
    /* Replayed. */
    scene.challenge_nonce[0]++;
    check_refused(beats(&host), CLOISTER_REFUSED_HEARTBEAT_DIFFERS, "report_data");
    scene.challenge_nonce[0]--;
    scene.challenge_nonce_size = CLOISTER_NONCE_MIN - 1;
    ck_assert_int_eq(beats(&host), -EINVAL);
    scene.challenge_nonce_size = CLOISTER_NONCE_MAX + 1;
    ck_assert_int_eq(beats(&host), -EINVAL);
    scene.challenge_nonce_size = 32;
    /* Another boot, another key, another way to run. */
    host.record[0] ^= 1;
    check_refused(beats(&host), CLOISTER_REFUSED_REPORT_RECORD, "record");
    host.record[0] ^= 1;
    host.monitor_key[0] ^= 1;
    check_refused(beats(&host), CLOISTER_REFUSED_REPORT_SIGNATURE_WRONG, "signature");
    host.monitor_key[0] ^= 1;
    scene.reports[1].flags |= CLOISTER_INFO_SMT;
    check_refused(beats(&host), CLOISTER_REFUSED_REPORT_SIGNATURE_WRONG, "signature");
    scene_sign_report(1);
    check_refused(beats(&host), CLOISTER_REFUSED_REPORT_FLAGS, "flags");
    /* An enclave that says the same words. */
    scene.reports[1].flags = scene.reports[0].flags;
    scene.reports[1].kind = CLOISTER_REPORT_ENCLAVE;
    scene_sign_report(1);
    check_refused(beats(&host), CLOISTER_REFUSED_HEARTBEAT_DIFFERS, "kind");
    /* Something behind the binding. */
    scene.reports[1].kind = CLOISTER_REPORT_HEARTBEAT;
    scene.reports[1].report_data[63] = 1;
    scene_sign_report(1);
    check_refused(beats(&host), CLOISTER_REFUSED_HEARTBEAT_DIFFERS, "report_data");
}
END_TEST

START_TEST(heartbeat_not_later)
{
    struct cloister_claims host;

    accepts();
    host = scene.claims;
    /* That of the evidence itself, where a verifier used a nonce twice. */
    check_refused(beats(&host), CLOISTER_REFUSED_HEARTBEAT_OLD, "time");
    ck_assert_str_eq(scene.refusal.expected, "more than 65000000000");
    ck_assert_str_eq(scene.refusal.found, "65000000000");
    scene.reports[1].time--;
    scene_sign_report(1);
    check_refused(beats(&host), CLOISTER_REFUSED_HEARTBEAT_OLD, "time");
    scene.reports[1].time += 2;
    scene_sign_report(1);
    ck_assert_int_eq(beats(&host), 0);
    /* Evidence without one that answered says nothing about when it was. */
    host.heartbeat = false;
    scene.reports[1].time = 1;
    scene_sign_report(1);
    ck_assert_int_eq(beats(&host), 0);
}
END_TEST

/* What was signed of the trace before must be a part of what is signed now. */
START_TEST(trace_goes_on)
{
    struct cloister_report *beat = &scene.reports[1], earlier;
    struct cloister_claims host;

    beat->trace_records = 40;
    beat->trace_suppressed = 7;
    memset(beat->trace_head, 0x31, sizeof(beat->trace_head));
    scene_sign_report(1);
    accepts();
    host = scene.claims;
    ck_assert_uint_eq(host.trace_records, 40);
    ck_assert_uint_eq(host.trace_suppressed, 7);
    ck_assert_mem_eq(host.trace_head, beat->trace_head, sizeof(host.trace_head));
    earlier = *beat;
    ck_assert_int_eq(cloister_heartbeat_follows(&earlier, beat, &scene.refusal), -EACCES);
    ck_assert_int_eq(scene.refusal.code, CLOISTER_REFUSED_HEARTBEAT_OLD);
    beat->time++;
    scene_sign_report(1);
    ck_assert_int_eq(beats(&host), 0);
    ck_assert_int_eq(cloister_heartbeat_follows(&earlier, beat, &scene.refusal), 0);
    beat->trace_head[5] ^= 1; /* of as many records */
    scene_sign_report(1);
    check_refused(beats(&host), CLOISTER_REFUSED_TRACE_CONTRADICTS, "trace_head");
    beat->trace_records++;
    scene_sign_report(1);
    ck_assert_int_eq(beats(&host), 0);
    beat->trace_suppressed = 6;
    scene_sign_report(1);
    check_refused(beats(&host), CLOISTER_REFUSED_TRACE_CONTRADICTS, "trace_suppressed");
    beat->trace_suppressed = 7;
    beat->trace_records = 39;
    scene_sign_report(1);
    check_refused(beats(&host), CLOISTER_REFUSED_TRACE_CONTRADICTS, "trace_records");
    check_refused(cloister_heartbeat_follows(&earlier, beat, &scene.refusal),
                  CLOISTER_REFUSED_TRACE_CONTRADICTS, "trace_records");
    beat->trace_records = 41;
    beat->record[0] ^= 1;
    check_refused(cloister_heartbeat_follows(&earlier, beat, &scene.refusal),
                  CLOISTER_REFUSED_TRACE_CONTRADICTS, "record");
}
END_TEST

/* Changes of the boot order are shown, and do not become fewer. */
START_TEST(boot_changes_are_counted_up)
{
    struct cloister_report *beat = &scene.reports[1], earlier;
    struct cloister_claims host;

    beat->boot_changes = 3;
    scene_sign_report(1);
    accepts();
    host = scene.claims;
    ck_assert_uint_eq(host.boot_changes, 3);
    earlier = *beat;
    beat->time++;
    scene_sign_report(1);
    ck_assert_int_eq(beats(&host), 0);
    beat->boot_changes = UINT64_MAX;
    scene_sign_report(1);
    ck_assert_int_eq(beats(&host), 0);
    ck_assert_int_eq(cloister_heartbeat_follows(&earlier, beat, &scene.refusal), 0);
    beat->boot_changes = 2;
    scene_sign_report(1);
    check_refused(beats(&host), CLOISTER_REFUSED_TRACE_CONTRADICTS, "boot_changes");
    check_refused(cloister_heartbeat_follows(&earlier, beat, &scene.refusal),
                  CLOISTER_REFUSED_TRACE_CONTRADICTS, "boot_changes");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heartbeat");
    TCase *tcase = tcase_create("heartbeat");

    scene_prepare();
    tcase_add_checked_fixture(tcase, start, NULL);
    tcase_add_test(tcase, heartbeat);
    tcase_add_test(tcase, heartbeat_not_later);
    tcase_add_test(tcase, trace_goes_on);
    tcase_add_test(tcase, boot_changes_are_counted_up);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
