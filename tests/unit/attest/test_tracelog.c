/* SPDX-License-Identifier: MIT */
/* A log as the daemon writes it, with anchors as the monitor signs them; then whatever a host can do to it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "cloister/abi.h"
#include "cloister/tracelog.h"
#include "refuses.h"
#include "log/record.h"

#define MAX_LINES 64u
#define BOOT UINT64_C(0x1122334455667788)

static char lines[MAX_LINES][4096];
static unsigned int count;
static uint8_t head[32];
static uint64_t order;
static struct cloister_tracelog_summary summary;
static unsigned int wrong_line; /* counted from 1 */

static char *add(void)
{
    ck_assert_uint_lt(count, MAX_LINES);
    return lines[count++];
}

static void add_boot(uint64_t boot)
{
    snprintf(add(), sizeof(lines[0]), "{\"kind\":\"boot\",\"boot\":\"%016llx\",\"cpus\":2}",
             (unsigned long long)boot);
    memset(head, 0, sizeof(head));
    for (unsigned int i = 0; i < 8; i++)
        head[i] = (uint8_t)(boot >> (8 * i));
    order = 0;
}

/* Records whose fields are all there, or all left out, or as large as they can be. */
static struct cloister_trace_record make_record(void)
{
    struct cloister_trace_record record = {.sequence = order / 2,
                                           .order = order,
                                           .time = 1000 + order,
                                           .event = CLOISTER_EVENT_CALL,
                                           .decision = CLOISTER_REFUSED,
                                           .reason = CLOISTER_REASON_RANDOM_HANDLE,
                                           .error = -2,
                                           .domain = 3,
                                           .vcpu = 1,
                                           .cpl = 3,
                                           .insn_size = 16,
                                           .pcpu = order % 2,
                                           .cr3 = 0x1000,
                                           .rip = 0xffffffff81000000,
                                           .operation = 1,
                                           .target = 4,
                                           .address = 0x77,
                                           .found = 5,
                                           .allowed = 6,
                                           .enclave = 9,
                                           .page = 2,
                                           .suppressed = 11};

    memset(record.insn, 0x90, sizeof(record.insn));
    if (order % 3 == 1)
        record = (struct cloister_trace_record){.sequence = order / 2,
                                                .order = order,
                                                .event = CLOISTER_EVENT_DOMAIN,
                                                .domain = CLOISTER_NO_DOMAIN,
                                                .vcpu = CLOISTER_NO_VCPU,
                                                .cpl = 0xff,
                                                .pcpu = order % 2,
                                                .target = CLOISTER_NO_DOMAIN,
                                                .page = CLOISTER_NO_PAGE};
    if (order % 3 == 2) {
        record.event = 77; /* one that this library does not know */
        record.found = record.allowed = record.address = record.cr3 = record.rip = UINT64_MAX;
    }
    return record;
}

static void add_record(void)
{
    const struct cloister_trace_record record = make_record();
    const struct record_names names = {.name = "al\"ice\xff", .uuid = "u"};
    uint8_t bytes[32 + sizeof(record)];
    char *text = add();
    struct line line = {.text = text, .capacity = sizeof(lines[0]) - 2};

    line.used =
        (size_t)sprintf(text, "{\"kind\":\"trace\",\"boot\":\"%016llx\",\"cpu\":%u,\"seq\":%llu",
                        (unsigned long long)BOOT, record.pcpu, (unsigned long long)record.sequence);
    record_write(&line, &record, &names, &names);
    ck_assert(!line.overflow);
    strcpy(text + line.used, "}");
    memcpy(bytes, head, 32);
    memcpy(bytes + 32, &record, sizeof(record));
    scene_sha256(bytes, sizeof(bytes), head);
    order++;
}

static void add_records(unsigned int number)
{
    while (number--)
        add_record();
}

/* A heartbeat of now, in scene.reports[1]. */
static void beat(void)
{
    struct cloister_report *report = &scene.reports[1];

    report->sequence++;
    report->time++;
    memcpy(report->trace_head, head, sizeof(head));
    report->trace_records = order;
    scene_sign_report(1);
}

static void write_anchor(char *text)
{
    struct line line = {.text = text, .capacity = sizeof(lines[0]) - 2};

    line.used = (size_t)sprintf(text, "{\"kind\":\"anchor\",\"boot\":\"%016llx\"",
                                (unsigned long long)scene.record.boot_id);
    line_number(&line, "records", scene.reports[1].trace_records);
    line_number(&line, "suppressed", scene.reports[1].trace_suppressed);
    line_bytes(&line, "record", (const uint8_t *)&scene.record, sizeof(scene.record));
    line_bytes(&line, "report", (const uint8_t *)&scene.reports[1], sizeof(scene.reports[1]));
    ck_assert(!line.overflow);
    strcpy(text + line.used, "}");
}

static void add_anchor(void)
{
    beat();
    write_anchor(add());
}

/* boot; 5 records; anchor; 7 records; anchor; 3 records: lines 1, 2..6, 7, 8..14, 15, 16..18. */
static void start(void)
{
    scene_start(SCENE_ECC);
    ck_assert_uint_eq(scene.record.boot_id, BOOT);
    count = 0;
    add_boot(BOOT);
    add_records(5);
    add_anchor();
    add_records(7);
    add_anchor();
    add_records(3);
    beat();
}

/* What is wrong, NULL if nothing is; `summary` and `wrong_line` say more. */
static const char *judge(bool await)
{
    struct cloister_tracelog *log = cloister_tracelog_new();
    const char *wrong = NULL;
    uint8_t digest[32];

    scene_sha256(&scene.record, sizeof(scene.record), digest);
    cloister_tracelog_trust(log, BOOT, digest);
    if (await)
        cloister_tracelog_await(log, BOOT, &scene.reports[1]);
    wrong_line = 0;
    for (unsigned int i = 0; i < count && !wrong; i++) {
        wrong = cloister_tracelog_line(log, lines[i], strlen(lines[i]));
        wrong_line = wrong ? i + 1 : 0;
    }
    summary = cloister_tracelog_summary(log);
    cloister_tracelog_free(log);
    return wrong;
}

static void good(uint64_t anchored, uint64_t waiting, uint64_t missing)
{
    const char *wrong = judge(false);

    ck_assert_msg(!wrong, "line %u: %s", wrong_line, wrong);
    ck_assert_uint_eq(summary.anchored, anchored);
    ck_assert_uint_eq(summary.waiting, waiting);
    ck_assert_uint_eq(summary.missing, missing);
}

static void bad(unsigned int line, const char *says)
{
    const char *wrong = judge(false);

    ck_assert_msg(wrong && strstr(wrong, says), "line %u: %s", wrong_line, wrong ? wrong : "good");
    ck_assert_uint_eq(wrong_line, line);
}

static void awaits(enum cloister_tracelog_outcome outcome)
{
    const char *wrong = judge(true);

    ck_assert_msg(!wrong, "line %u: %s", wrong_line, wrong);
    ck_assert_int_eq(summary.awaited, outcome);
}

static void remove_lines(unsigned int first, unsigned int last)
{
    memmove(lines[first - 1], lines[last], (count - last) * sizeof(lines[0]));
    count -= last - first + 1;
}

static void replace(unsigned int line, const char *from, const char *to)
{
    char *at = strstr(lines[line - 1], from), rest[sizeof(lines[0])];

    ck_assert_msg(at, "%s is not in %s", from, lines[line - 1]);
    strcpy(rest, at + strlen(from));
    strcpy(at, to);
    strcat(at, rest);
}

START_TEST(whole)
{
    good(12, 3, 0);
    ck_assert_uint_eq(summary.records, 15);
    ck_assert_uint_eq(summary.anchors, 2);
    ck_assert_uint_eq(summary.next, 15);
    ck_assert_mem_eq(summary.monitor, scene.reports[1].record, 32);
    awaits(CLOISTER_TRACELOG_MATCHES);
    ck_assert_uint_eq(summary.anchored, 15);
    /* More lines than the heartbeat knew of. */
    uint64_t known = scene.reports[1].trace_records;
    add_records(4);
    awaits(CLOISTER_TRACELOG_MATCHES);
    ck_assert_uint_eq(known, 15);
    ck_assert_uint_eq(summary.waiting, 4);
}
END_TEST

/* Each of a record's members, changed: its anchor does not fit; behind the last, the asked-for heartbeat. */
START_TEST(bent)
{
    static const struct {
        const char *from, *to;
    } changes[] = {
        {"\"seq\":3", "\"seq\":4"},
        {"\"cpu\":0", "\"cpu\":1"},
        {"\"time\":1006", "\"time\":1007"},
        {"\"call\"", "\"fault\""},
        {"\"refused\"", "\"allowed\""},
        {"_code\":", "_code\":1"},
        {"\"error\":-2", "\"error\":-1"},
        {"\"domain\":3", "\"domain\":5"},
        {"\"vcpu\":1,", ""},
        {"\"cpl\":3", "\"cpl\":0"},
        {"0x1000", "0x2000"},
        {"0xffffffff8", "0xffffffff9"},
        {"9090", "9091"},
        {"9090", ""},
        {"\"operation\":1", "\"operation\":2"},
        {"\"target\":4", "\"target\":3"},
        {"\"0x77\"", "\"0x78\""},
        {"\"found\":5", "\"found\":6"},
        {"\"allowed\":6", "\"allowed\":5"},
        {",\"enclave\":9", ""},
        {"\"page\":2", "\"page\":3"},
        {",\"suppressed\":11", ""},
    };

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        start();
        replace(9, changes[i].from, changes[i].to); /* order 6 */
        bad(15, "are not those that the monitor wrote");
    }
    start();
    replace(17, "\"event\":\"domain\"", "\"event\":\"call\"");
    good(12, 3, 0);                    /* the log itself cannot know ... */
    awaits(CLOISTER_TRACELOG_DIFFERS); /* ... who asked can */
}
END_TEST

START_TEST(not_a_record)
{
    static const char *const changes[][2] = {
        {"\"seq\":3", "\"seq\":-3"},
        {"\"seq\":3", "\"seq\":3.0"},
        {"\"seq\":3", "\"seq\":\"3\""},
        {"\"seq\":3,", ""},
        {"\"seq\":3", "\"seq\":3,\"seq\":3"},
        {"\"call\"", "\"none\""},
        {"\"refused\"", "\"perhaps\""},
        {"\"0x77\"", "\"77\""},
        {"\"0x77\"", "\"0x\""},
        {"\"0x77\"", "\"0xZ\""},
        {"\"cpl\":3", "\"cpl\":256"},
        {"\"domain\":3", "\"domain\":65536"},
        {"9090", "909090"},
        {"9090", "909"},
        {"\"error\":-2", "\"error\":-40000"},
        {"\"boot\":\"11", "\"boot\":\"0000000000011"},
        {"}", ""},
        {"\"kind\":\"trace\",", ""},
    };

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        start();
        replace(9, changes[i][0], changes[i][1]);
        ck_assert_ptr_nonnull(judge(false));
        ck_assert_uint_eq(wrong_line, 9);
    }
}
END_TEST

START_TEST(removed)
{
    /* One, with an anchor behind: it is missing, and what stands before that anchor has no voucher. */
    remove_lines(9, 9);
    good(5, 3, 1);
    ck_assert_uint_eq(summary.records, 14);
    awaits(CLOISTER_TRACELOG_MATCHES); /* what follows the anchor */
    /* The first one of all. */
    start();
    remove_lines(2, 2);
    good(7, 3, 1);
    /* One behind the last anchor. */
    start();
    remove_lines(17, 17);
    awaits(CLOISTER_TRACELOG_UNKNOWN);
    ck_assert_uint_eq(summary.missing, 1);
    /* The same, and the next takes its place. */
    replace(17, "\"order\":14", "\"order\":13");
    awaits(CLOISTER_TRACELOG_NOT_REACHED);
    /* A whole stretch with its anchor. */
    start();
    remove_lines(8, 15);
    good(5, 0, 7);
    awaits(CLOISTER_TRACELOG_UNKNOWN);
}
END_TEST

START_TEST(cut_short)
{
    for (unsigned int left = 17; left > 0; left--) {
        start();
        count = left;
        ck_assert_ptr_null(judge(false));
        awaits(CLOISTER_TRACELOG_NOT_REACHED);
    }
    count = 0;
    awaits(CLOISTER_TRACELOG_NOT_REACHED);
    /* Its beginning: as where old files were removed. */
    start();
    remove_lines(1, 4);
    good(7, 3, 0);
    ck_assert_uint_eq(summary.first, 3);
    awaits(CLOISTER_TRACELOG_MATCHES);
}
END_TEST

START_TEST(moved)
{
    char kept[sizeof(lines[0])];

    strcpy(kept, lines[8]);
    strcpy(lines[8], lines[9]);
    strcpy(lines[9], kept);
    bad(10, "was moved");
    start(); /* with each other's numbers */
    replace(9, "\"order\":6", "\"order\":x");
    replace(10, "\"order\":7", "\"order\":6");
    replace(9, "\"order\":x", "\"order\":7");
    strcpy(kept, lines[8]);
    strcpy(lines[8], lines[9]);
    strcpy(lines[9], kept);
    bad(15, "are not those that the monitor wrote");
    start(); /* doubled */
    strcpy(add(), lines[17]);
    bad(19, "there twice");
    start(); /* one invented before an anchor that knew of 12 */
    remove_lines(15, 18);
    order = 12;
    add_record();
    scene.reports[1].trace_records = 12;
    scene_sign_report(1);
    write_anchor(add());
    bad(16, "fewer records than stand before it");
}
END_TEST

START_TEST(forged_anchors)
{
    /* Signed by nobody. */
    scene.reports[1].signature[3] ^= 1;
    write_anchor(lines[14]);
    bad(15, "not signed");
    /* Signed, then changed. */
    start();
    count = 14;
    order = 12;
    add_anchor();
    scene.reports[1].trace_records++;
    write_anchor(lines[14]);
    bad(15, "not signed");
    /* Words that are not the report's. */
    start();
    replace(15, "\"records\":12", "\"records\":13");
    bad(15, "member");
    /* An enclave's report. */
    start();
    scene.reports[1].kind = CLOISTER_REPORT_ENCLAVE;
    scene_sign_report(1);
    write_anchor(lines[14]);
    bad(15, "no heartbeat");
    /* The first one again, later. */
    start();
    strcpy(lines[14], lines[6]);
    bad(15, "fewer records");
    start(); /* where nothing happened since: one like it, but not later */
    count = 15;
    strcpy(add(), lines[14]);
    bad(16, "not later");
    /* Of another boot, by its own key. */
    start();
    scene.record.boot_id++;
    scene_record();
    beat();
    write_anchor(lines[14]);
    scene.record.boot_id--;
    scene_record();
    ck_assert_ptr_null(judge(false));
    ck_assert_uint_eq(summary.boot_id,
                      BOOT); /* the last three records began it again, without a start */
    ck_assert_uint_eq(summary.anchored, 5);
    replace(15, "\"boot\":\"1122334455667789\"", "\"boot\":\"1122334455667788\"");
    bad(15, "of another boot");
    /* Of this boot, by a monitor that the host made up. */
    start();
    scene.record.flags ^= CLOISTER_INFO_IBPB;
    scene_record();
    beat();
    write_anchor(lines[14]);
    scene.record.flags ^= CLOISTER_INFO_IBPB;
    scene_record();
    bad(15, "another monitor");
}
END_TEST

/* Records that were lost: from the next anchor on all is known again. */
START_TEST(lost)
{
    start();
    uint64_t before = order;
    add_records(6);
    remove_lines(19, 22);
    good(12, 0, 4);
    add_anchor();
    add_records(2);
    good(12, 2, 4);
    add_anchor();
    good(14, 0, 4);
    ck_assert_uint_eq(summary.next, before + 8);
    beat();
    awaits(CLOISTER_TRACELOG_MATCHES);
}
END_TEST

START_TEST(two_boots)
{
    add_boot(BOOT + 1);
    good(12, 0, 0);
    ck_assert_uint_eq(summary.boot_id, BOOT + 1);
    ck_assert(!summary.has_monitor);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tracelog");
    TCase *tcase = tcase_create("tracelog");

    scene_prepare();
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, start, NULL);
    tcase_add_test(tcase, whole);
    tcase_add_test(tcase, bent);
    tcase_add_test(tcase, not_a_record);
    tcase_add_test(tcase, removed);
    tcase_add_test(tcase, cut_short);
    tcase_add_test(tcase, moved);
    tcase_add_test(tcase, forged_anchors);
    tcase_add_test(tcase, lost);
    tcase_add_test(tcase, two_boots);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
