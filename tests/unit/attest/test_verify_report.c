/* SPDX-License-Identifier: MIT */
/*
 * Of a verification: steps 12 and 13: reports, and one report alone.
 * Each refusal by its name, by one change of a good host.
 */
#include "cloister/abi.h"
#include "steps.h"

/* --- 12, 13 reports ------------------------------------------------------------------------ */

START_TEST(report_form)
{
    struct cloister_report *report = &scene.reports[0], good = *report;

    report->magic++;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0].magic");
    *report = good;
    report->version = 0;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0].version");
    *report = good;
    report->size = 1024;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0].size");
    *report = good;
    report->kind = 3;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0].kind");
    *report = good;
    report->reserved0 = 1;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0].reserved");
    *report = good;
    report->reserved[0] = 1;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0].reserved");
    *report = good;
    report->flags |= 1u << 30;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0].flags");
    *report = good;
    report->image_flags |= 2;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0].image_flags");
    *report = good;
    report->trace_head[31] = 1;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0], an enclave's");
    *report = good;
    report->trace_records = 1;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0], an enclave's");
    *report = good;
    report->trace_suppressed = 1;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0], an enclave's");
    *report = good;
    report->boot_changes = 1;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[0], an enclave's");
    *report = good;
    scene.reports[1].enclave = 1;
    refuses(CLOISTER_REFUSED_REPORT_UNKNOWN, "reports[1], a heartbeat");
}
END_TEST

START_TEST(report_of_another_record)
{
    scene.reports[0].record[31] ^= 1;
    scene_sign_report(0);
    refuses(CLOISTER_REFUSED_REPORT_RECORD, "reports[0].record");
}
END_TEST

START_TEST(report_repeated)
{
    scene.reports[2] = scene.reports[0];
    scene.report_count = 3;
    refuses(CLOISTER_REFUSED_REPORT_REPEATED, "reports[2].sequence");
}
END_TEST

START_TEST(report_changed)
{
    uint8_t *bytes = (uint8_t *)&scene.reports[0];

    for (size_t i = 0; i < sizeof(struct cloister_report); i++) {
        bytes[i] ^= 0x80;
        ck_assert_int_eq(scene_verify(), -EACCES);
        ck_assert(scene.refusal.step == CLOISTER_STEP_REPORT ||
                  scene.refusal.code == CLOISTER_REFUSED_REPORT_SIGNATURE_WRONG);
        bytes[i] ^= 0x80;
    }
    accepts();
}
END_TEST

START_TEST(report_by_another_key)
{
    /*
     * A good record's key does not vouch for a report that another key signed, nor for a swapped
     * one.
     */
    uint8_t swapped[64];

    memcpy(swapped, scene.reports[0].signature, 64);
    memcpy(scene.reports[0].signature, scene.reports[1].signature, 64);
    refuses(CLOISTER_REFUSED_REPORT_SIGNATURE_WRONG, "reports[0].signature");
    memcpy(scene.reports[0].signature, swapped, 64);
    memset(scene.record.public_key, 0, 64);
    scene_record();
    refuses(CLOISTER_REFUSED_REPORT_SIGNATURE_WRONG, "reports[0].signature");
}
END_TEST

/* --- a report alone ------------------------------------------------------------------------ */

START_TEST(one_report)
{
    struct cloister_verifier *verifier = cloister_verifier_new();
    uint8_t other[64];

    ck_assert_int_eq(cloister_verify_report(verifier, &scene.reports[0], scene.record.public_key),
                     0);
    scene.reports[0].time++;
    ck_assert_int_eq(cloister_verify_report(verifier, &scene.reports[0], scene.record.public_key),
                     -EACCES);
    memset(other, 1, sizeof(other));
    ck_assert_int_eq(cloister_verify_report(verifier, &scene.reports[1], other), -EACCES);
    cloister_verifier_free(verifier);
}
END_TEST

int main(void)
{
    TCase *tcase = steps_begin();

    tcase_add_test(tcase, report_form);
    tcase_add_test(tcase, report_of_another_record);
    tcase_add_test(tcase, report_repeated);
    tcase_add_test(tcase, report_changed);
    tcase_add_test(tcase, report_by_another_key);
    tcase_add_test(tcase, one_report);
    return steps_run(tcase, "verify report");
}
