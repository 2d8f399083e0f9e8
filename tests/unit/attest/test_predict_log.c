/* SPDX-License-Identifier: MIT */
/* What a log says of a difference: an event, the value that a PCR started with, or nothing. */
#include "cloister/eventlog.h"
#include "cloister/predict.h"
#include "refuses.h"

#define EV_NO_ACTION 3u
#define EV_EVENT 1u

static struct cloister_plan plan;
static struct cloister_difference difference;
static struct cloister_pcr pcr;

static void start(void)
{
    scene_start(SCENE_ECC);
    scene.log_size = 0;
    plan = (struct cloister_plan){NULL, 0};
}

static void stop(void)
{
    cloister_plan_free(&plan);
}

/* Is measured by this machine into this PCR, and stands in the plan unless `planned` is another. */
static void measured(uint32_t index, const char *text, const char *planned)
{
    uint8_t digest[32];

    scene_sha256(text, strlen(text), digest);
    scene_log_event(index, EV_EVENT, digest, text);
    ck_assert_int_eq(cloister_plan_text(&plan, index, "text", planned), 0);
}

static void locality(uint8_t value)
{
    static const uint8_t none[32];
    char event[17] = "StartupLocality";

    event[16] = (char)value;
    scene_log_bytes(0, EV_NO_ACTION, none, event, sizeof(event));
}

/* The PCR is what the log leads to. */
static int compare(uint32_t index)
{
    const struct cloister_bytes log = {scene.log, scene.log_size};
    struct cloister_replay replay;

    ck_assert_int_eq(cloister_log_replay(log, &replay), 0);
    pcr.index = index;
    memcpy(pcr.value, replay.pcrs[index], 32);
    return cloister_plan_compare(&plan, &pcr, 1, log, &difference);
}

/* TPM2_Startup from locality 3, or 4: PCR 0 alone starts with it. */
START_TEST(startup_locality)
{
    static const uint8_t localities[] = {1, 3, 4};
    uint8_t starts[32] = {0};
    char says[32];

    locality(localities[_i]);
    measured(0, "firmware", "firmware");
    measured(0, "separator", "separator");
    ck_assert_int_eq(compare(0), 1);
    ck_assert_uint_eq(difference.pcr, 0);
    ck_assert(difference.in_log && difference.start && !difference.other_log);
    ck_assert_ptr_null(difference.planned);
    ck_assert(!memcmp(difference.expected, starts, 32));
    starts[31] = localities[_i];
    ck_assert(!memcmp(difference.found, starts, 32));
    snprintf(says, sizeof(says), "StartupLocality %u", localities[_i]);
    ck_assert_str_eq(difference.said, says);
}
END_TEST

/* One event is no more to blame than several. */
START_TEST(one_event)
{
    locality(3);
    measured(0, "firmware", "firmware");
    ck_assert_int_eq(compare(0), 1);
    ck_assert(difference.start);
    ck_assert_ptr_null(difference.planned);
}
END_TEST

START_TEST(event_and_locality)
{
    locality(3);
    measured(0, "firmware", "firmware");
    measured(0, "another driver", "driver");
    ck_assert_int_eq(compare(0), 1);
    ck_assert(!difference.start && difference.in_log);
    ck_assert_str_eq(difference.planned->name, "text 'driver'");
    ck_assert_str_eq(difference.said, "another driver");
}
END_TEST

START_TEST(no_locality)
{
    locality(0);
    measured(0, "firmware", "firmware");
    ck_assert_int_eq(compare(0), 0);
    locality(3); /* too late: an event of PCR 0 stands before it */
    ck_assert_int_eq(compare(0), 0);
    locality(3);
    measured(4, "loader", "loader");
    ck_assert_int_eq(compare(4), 0);
}
END_TEST

/* PCRs 17 to 22 are ff until a dynamic root of trust resets them. */
START_TEST(dynamic_root)
{
    measured(17, "code", "code");
    ck_assert_int_eq(compare(17), 1);
    ck_assert(difference.start);
    ck_assert_uint_eq(difference.found[0], 0xff);
    ck_assert_str_eq(difference.said, "");
}
END_TEST

static int compare_changed(void)
{
    const struct cloister_bytes log = {scene.log, scene.log_size};

    pcr.index = 4;
    memset(pcr.value, 0x11, 32);
    return cloister_plan_compare(&plan, &pcr, 1, log, &difference);
}

/* A log that does not lead to the value tells nothing, and that is told. */
START_TEST(other_log)
{
    measured(4, "loader", "loader");
    measured(4, "kernel", "another");
    ck_assert_int_eq(compare_changed(), 1);
    ck_assert(difference.other_log && !difference.in_log && !difference.start);
    ck_assert_ptr_null(difference.planned);
    ck_assert_int_eq(compare(4), 1);
    ck_assert(!difference.other_log && difference.in_log);
    scene.log_size = 0;
    ck_assert_int_eq(compare_changed(), 1);
    ck_assert(!difference.other_log);
}
END_TEST

/* A reference has no events that the log could name. */
START_TEST(other_log_of_reference)
{
    static const uint8_t value[32] = {7};
    uint8_t digest[32];

    scene_sha256("x", 1, digest);
    scene_log_event(4, EV_EVENT, digest, "x");
    ck_assert_int_eq(cloister_plan_reference(&plan, 4, value, "reference"), 0);
    ck_assert_int_eq(compare_changed(), 1);
    ck_assert(difference.other_log);
    ck_assert_str_eq(difference.planned->name, "reference");
    ck_assert_int_eq(compare(4), 1);
    ck_assert(!difference.other_log && !difference.in_log);
    ck_assert_str_eq(difference.planned->name, "reference");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("predict log");
    TCase *tcase = tcase_create("differences");

    scene_prepare();
    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_loop_test(tcase, startup_locality, 0, 3);
    tcase_add_test(tcase, one_event);
    tcase_add_test(tcase, event_and_locality);
    tcase_add_test(tcase, no_locality);
    tcase_add_test(tcase, dynamic_root);
    tcase_add_test(tcase, other_log);
    tcase_add_test(tcase, other_log_of_reference);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
