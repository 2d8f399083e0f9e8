/* SPDX-License-Identifier: MIT */
/*
 * Of a verification: steps 11 and 14: what the record and the reports say of the monitor.
 * Each refusal by its name, by one change of a good host.
 */
#include "cloister/abi.h"
#include "verify/flags.h"
#include "steps.h"

/* --- 11 monitor, 14 report flags ----------------------------------------------------------- */

START_TEST(monitor_version)
{
    scene_policy_replace("{", "{\"minimum-monitor-version\": \"0.1.0\",");
    accepts();
    scene_policy_replace("0.1.0", "0.1.1");
    refuses(CLOISTER_REFUSED_MONITOR_VERSION, "monitor_version");
    ck_assert_str_eq(scene.refusal.expected, "0.1.1 or later");
    ck_assert_str_eq(scene.refusal.found, "0.1.0");
    scene_policy_replace("0.1.1", "1.0.0");
    refuses(CLOISTER_REFUSED_MONITOR_VERSION, "monitor_version");
}
END_TEST

static const struct {
    uint32_t change;
    const char *bypass;
} flag_cases[] = {
    {CLOISTER_INFO_IOMMU_STRICT, "insecure-allow-dma"},
    {CLOISTER_INFO_INSECURE_DMA, "insecure-allow-dma"},
    {CLOISTER_INFO_SMT, "insecure-allow-smt"},
    {CLOISTER_INFO_TEST, "insecure-allow-test-build"},
    {CLOISTER_INFO_TPM_REQUIRED, "insecure-tpm-optional"},
    {CLOISTER_INFO_LOCKDOWN, "insecure-no-lockdown"},
    {CLOISTER_INFO_INTREMAP, "insecure-no-intremap"},
    {CLOISTER_INFO_INTREMAP, "insecure-allow-dma"},
};

START_TEST(monitor_flags)
{
    char bypass[80];

    scene.record.flags ^= flag_cases[_i].change;
    scene_record();
    refuses(CLOISTER_REFUSED_MONITOR_FLAGS, "record.flags");
    snprintf(bypass, sizeof(bypass), "{\"%s\": true,", flag_cases[_i].bypass);
    scene_policy_replace("{", bypass);
    accepts();
    ck_assert(scene.claims.insecure);
}
END_TEST

START_TEST(report_flags)
{
    scene.reports[1].flags ^= flag_cases[_i].change;
    scene_sign_report(1);
    refuses(CLOISTER_REFUSED_REPORT_FLAGS, "reports[1].flags");
}
END_TEST

/* What can be open, alone: as the monitor says it. */
static const struct {
    uint32_t set, cleared;
    const char *name;
} open_cases[] = {
#define OPEN_ROOM(room, option) {CLOISTER_INFO_##room, CLOISTER_INFO_LOCKDOWN, NULL},
    CLOISTER_LOCKDOWN_ROOMS(OPEN_ROOM)
#undef OPEN_ROOM
        {FLAGS_ROOMS | CLOISTER_INFO_LOCKDOWN_WATCH, CLOISTER_INFO_LOCKDOWN, "lockdown-watch"},
    {CLOISTER_INFO_ATS, 0, "ats"},
};

#define OPEN_CASES (sizeof(open_cases) / sizeof(open_cases[0]))

/* By name: in the record and in a report; allowed by its own name, and by no other. */
START_TEST(open_things)
{
    const bool in_report = _i >= (int)OPEN_CASES;
    const size_t i = (size_t)_i % OPEN_CASES;
    uint32_t *flags = in_report ? &scene.reports[0].flags : &scene.record.flags;
    const enum cloister_refusal_code code =
        in_report ? CLOISTER_REFUSED_REPORT_FLAGS : CLOISTER_REFUSED_MONITOR_FLAGS;
    char name[FLAGS_TEXT_ROOM], allowed[FLAGS_TEXT_ROOM + 8];

    *flags = (*flags | open_cases[i].set) & ~open_cases[i].cleared;
    scene_record();
    scene_sign_report(0);
    refuses(code, "flags");
    flags_text(open_cases[i].set, name, sizeof(name));
    ck_assert_str_eq(scene.refusal.expected + strlen("without "), name);
    ck_assert(strstr(scene.refusal.found, name));
    scene_policy_replace("{", "{\"insecure-no-lockdown\": true,");
    refuses(code, "flags");
    scene_policy_replace("{\"insecure-no-lockdown\": true,", "{");
    scene_policy_replace("{", open_cases[i].set == CLOISTER_INFO_DEBUG
                                  ? "{\"insecure-allow-open\": [\"sleep\"],"
                                  : "{\"insecure-allow-open\": [\"debug\"],");
    refuses(code, "flags");
    snprintf(allowed, sizeof(allowed), "[\"%s\"]", open_cases[i].name ? open_cases[i].name : name);
    scene_policy_replace(open_cases[i].set == CLOISTER_INFO_DEBUG ? "[\"sleep\"]" : "[\"debug\"]",
                         allowed);
    accepts();
    ck_assert(scene.claims.insecure);
    /* What is required by name is required all the same. */
    if (open_cases[i].cleared) {
        scene_policy_replace("{", "{\"require-flags\": [\"lockdown\"],");
        refuses(code, "flags");
        ck_assert_str_eq(scene.refusal.expected, "with lockdown");
    }
}
END_TEST

/* Leave to open something is none to do without a table. */
START_TEST(open_nothing)
{
    scene_policy_replace("{",
                         "{\"insecure-allow-open\": [\"debug\", \"lockdown-watch\", \"ats\"],");
    accepts();
    scene.record.flags &= ~CLOISTER_INFO_LOCKDOWN;
    scene_record();
    refuses(CLOISTER_REFUSED_MONITOR_FLAGS, "record.flags");
    ck_assert_str_eq(scene.refusal.expected, "with lockdown");
    scene.record.flags |= CLOISTER_INFO_ATS;
    scene_record();
    refuses(CLOISTER_REFUSED_MONITOR_FLAGS, "record.flags");
    ck_assert_str_eq(scene.refusal.expected, "with lockdown");
}
END_TEST

/* Words of their own, which are not insecure; in the record and in a report. */
static const struct {
    uint32_t change;
    const char *word, *expected;
} accepted_words[] = {
    {CLOISTER_INFO_MOR, "accept-no-mor", "with mor"},
    {CLOISTER_INFO_BMC, "accept-bmc", "without bmc"},
};

START_TEST(accept_words)
{
    const bool in_report = _i >= 2;
    uint32_t *flags = in_report ? &scene.reports[1].flags : &scene.record.flags;
    const enum cloister_refusal_code code =
        in_report ? CLOISTER_REFUSED_REPORT_FLAGS : CLOISTER_REFUSED_MONITOR_FLAGS;
    char word[80];

    *flags ^= accepted_words[_i % 2].change;
    scene_record();
    refuses(code, "flags");
    ck_assert_str_eq(scene.refusal.expected, accepted_words[_i % 2].expected);
    snprintf(word, sizeof(word), "{\"%s\": true,", accepted_words[1 - _i % 2].word);
    scene_policy_replace("{", word);
    refuses(code, "flags");
    snprintf(word, sizeof(word), "{\"%s\": true,", accepted_words[_i % 2].word);
    scene_policy_replace("{", word);
    accepts();
    ck_assert(!scene.claims.insecure);
    if (accepted_words[_i % 2].change == CLOISTER_INFO_MOR) {
        scene_policy_replace("{", "{\"require-flags\": [\"mor\"],");
        refuses(code, "flags");
    }
}
END_TEST

/* All flags at once fit into a refusal, whole. */
START_TEST(every_flag)
{
    uint32_t flag;

    for (unsigned int i = 0; cloister_flag_name(i, &flag); i++) {
        scene.record.flags |= flag;
    }
    scene_record();
    refuses(CLOISTER_REFUSED_MONITOR_FLAGS, "record.flags");
    ck_assert(strstr(scene.refusal.found, "ats bmc"));
    ck_assert(strstr(scene.refusal.expected, "ats bmc"));
}
END_TEST

START_TEST(tables)
{
#define TABLE "7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a"
    scene_policy_replace("{", "{\"lockdown-tables\": [\"" TABLE "\"],");
    accepts();
    ck_assert(!memcmp(scene.claims.lockdown, scene.record.lockdown, 32));
    scene.record.lockdown[31] ^= 1;
    scene_record();
    refuses(CLOISTER_REFUSED_LOCKDOWN_TABLE, "record.lockdown, one of 1 tables");
    ck_assert_str_eq(scene.refusal.expected, TABLE);
    ck_assert(strstr(scene.refusal.found, "7a7b"));
    memset(scene.record.lockdown, 0, 32);
    scene_record();
    refuses(CLOISTER_REFUSED_LOCKDOWN_TABLE, "record.lockdown");
    scene_policy_replace("{\"lockdown-tables\": [\"" TABLE "\"],", "{");
    accepts();
#undef TABLE
}
END_TEST

/* With {"4.17": "4.17.7", "4.20": "4.20.3"}. */
static const struct {
    const char *version, *source;
    bool good;
} xens[] = {
    {"4.17.7", "", true},
    {"4.17.7", "4.17.7+13-g1a2b3c4d5e-1", true},
    {"4.17.8-pre", "4.17.7+13-g1a2b3c4d5e-1", true}, /* as Debian builds between releases */
    {"4.17.10", "4.17.10", true},
    {"4.20.3", "4.20.3-1", true},
    {"4.20.4-rc1", "4.20.4~rc1-1", true},
    {"4.17.7-1", "", true},
    {"4.17.6", "", false},
    {"4.17.6", "4.17.7", false},
    {"4.17.7", "4.17.6", false},
    {"4.17.7", "4.17.5+72-g01140da4e8-1", false},
    {"4.17.7-pre", "", false},
    {"4.17.7-rc1", "4.17.7", false},
    {"4.17.7", "4.17.7~rc1-1", false},
    {"4.17", "", false},
    {"4.17.0-rc3", "", false},
    {"4.20.2", "4.20.2", false},
    {"4.18.9", "", false}, /* not listed */
    {"4.19.7", "4.19.7", false},
    {"4.21.0", "", false},
    {"5.17.7", "", false},
    {"4.17.7", "4.20.3", false}, /* of two series */
    {"4.17.7", "git-1a2b3c", false},
    {"", "4.17.7", false},
    {"x", "", false},
    {"4", "", false},
    {"4.", "", false},
    {"4.17.", "", false},
    {" 4.17.7", "", false},
    {"4.17.99999999999", "", false},
    {"4294967300.17.7", "", false},
};

START_TEST(least_xen)
{
    struct cloister_monitor_record *record = &scene.record;

    memset(record->xen_version, 0, sizeof(record->xen_version));
    memset(record->xen_source, 0, sizeof(record->xen_source));
    memcpy(record->xen_version, xens[_i].version, strlen(xens[_i].version));
    memcpy(record->xen_source, xens[_i].source, strlen(xens[_i].source));
    scene_record();
    accepts(); /* by a policy that does not say */
    ck_assert_str_eq(scene.claims.xen_source, xens[_i].source);
    scene_policy_replace("{", "{\"least-xen\": {\"4.17\": \"4.17.7\", \"4.20\": \"4.20.3\"},");
    if (xens[_i].good) {
        accepts();
        return;
    }
    refuses(CLOISTER_REFUSED_XEN_VERSION, "record.xen_version");
    ck_assert(strstr(scene.refusal.expected, "or later"));
    ck_assert(strstr(scene.refusal.found, xens[_i].version));
    ck_assert(strstr(scene.refusal.found, *xens[_i].source ? xens[_i].source : "not said"));
}
END_TEST

START_TEST(least_xen_says)
{
    scene_policy_replace("{", "{\"least-xen\": {\"4.17\": \"4.17.7\", \"4.20\": \"4.20.3\"},");
    refuses(CLOISTER_REFUSED_XEN_VERSION, "record.xen_version");
    ck_assert_str_eq(scene.refusal.expected, "4.17.7 or later");
    ck_assert_str_eq(scene.refusal.found, "4.17.5, source: 4.17.5+72-g01140da4e8-1");
    memcpy(scene.record.xen_version, "4.19.3", 6);
    memcpy(scene.record.xen_source, "4.19", 4);
    scene_record();
    refuses(CLOISTER_REFUSED_XEN_VERSION, "record.xen_version");
    ck_assert_str_eq(scene.refusal.expected, "4.17.7 or later, 4.20.3 or later");
}
END_TEST

/* Nothing insecure, but for whoever asks to know: in the record, and in a report. */
START_TEST(update_key)
{
    uint32_t *flags = _i ? &scene.reports[1].flags : &scene.record.flags;

    *flags |= CLOISTER_INFO_UPDATE_KEY;
    if (_i) {
        scene_sign_report(1);
        refuses(CLOISTER_REFUSED_REPORT_FLAGS, "reports[1].flags");
    } else {
        scene_record();
        refuses(CLOISTER_REFUSED_MONITOR_FLAGS, "record.flags");
    }
    ck_assert_str_eq(scene.refusal.expected, "without update-key");
    scene_policy_replace("{", "{\"allow-update-key\": true,");
    accepts();
    ck_assert(!scene.claims.insecure);
    ck_assert_uint_eq(scene.claims.monitor_flags, scene.record.flags);
    scene_policy_replace("true", "false");
    refuses(_i ? CLOISTER_REFUSED_REPORT_FLAGS : CLOISTER_REFUSED_MONITOR_FLAGS, "flags");
}
END_TEST

START_TEST(required_flags)
{
    scene_policy_replace("{", "{\"require-flags\": [\"ibpb\", \"svm\"],");
    accepts();
    scene.record.flags &= ~CLOISTER_INFO_IBPB;
    scene_record();
    refuses(CLOISTER_REFUSED_MONITOR_FLAGS, "record.flags");
    ck_assert_str_eq(scene.refusal.expected, "with ibpb");
    start();
    scene_policy_replace("{", "{\"require-flags\": [\"vmx\"],");
    refuses(CLOISTER_REFUSED_MONITOR_FLAGS, "record.flags");
}
END_TEST

int main(void)
{
    TCase *tcase = steps_begin();
    const int flags = sizeof(flag_cases) / sizeof(flag_cases[0]);

    tcase_add_test(tcase, monitor_version);
    tcase_add_loop_test(tcase, monitor_flags, 0, flags);
    tcase_add_loop_test(tcase, update_key, 0, 2);
    tcase_add_loop_test(tcase, open_things, 0, 2 * OPEN_CASES);
    tcase_add_test(tcase, open_nothing);
    tcase_add_loop_test(tcase, accept_words, 0, 4);
    tcase_add_test(tcase, every_flag);
    tcase_add_test(tcase, tables);
    tcase_add_loop_test(tcase, least_xen, 0, sizeof(xens) / sizeof(xens[0]));
    tcase_add_test(tcase, least_xen_says);
    tcase_add_loop_test(tcase, report_flags, 0, flags);
    tcase_add_test(tcase, required_flags);
    return steps_run(tcase, "verify monitor");
}
