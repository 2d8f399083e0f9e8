/* SPDX-License-Identifier: MIT */
/* Event logs: replayed, compared with what was quoted, and malformed in every way. */
#include <stdlib.h>

#include "cloister/eventlog.h"
#include "refuses.h"

#define EV_NO_ACTION 3u
#define EV_SEPARATOR 4u
#define EV_IPL 13u

static struct cloister_replay replay;

static void event(uint32_t pcr, uint32_t type, const char *text)
{
    uint8_t digest[32];

    scene_sha256(text, strlen(text), digest);
    scene_log_event(pcr, type, digest, text);
}

/* A log with something in each PCR of the scene but the record's, and the values that follow. */
static void start(void)
{
    scene_start(SCENE_ECC);
    for (uint32_t i = 0; i + 1 < SCENE_PCRS; i++) {
        event(scene.pcrs[i].index, EV_IPL, "one");
        event(scene.pcrs[i].index, EV_SEPARATOR, "two");
        event(scene.pcrs[i].index, EV_NO_ACTION, "nothing");
    }
    scene_policy_replace("\"boot\": [", "\"insecure-any-boot\": true, \"boot\": [");
    ck_assert_int_eq(cloister_log_replay((struct cloister_bytes){scene.log, scene.log_size},
                                         &replay), 0);
    for (uint32_t i = 0; i + 1 < SCENE_PCRS; i++) {
        memcpy(scene.pcrs[i].value, replay.pcrs[scene.pcrs[i].index], 32);
    }
    scene_bind();
}

static int replays(size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);

    memcpy(exact, scene.log, size);
    int rc = cloister_log_replay((struct cloister_bytes){exact, size}, &replay);
    free(exact);
    return rc;
}

START_TEST(replayed)
{
    uint8_t both[64] = {0};

    scene_sha256("one", 3, both + 32);
    scene_sha256(both, 64, both);
    scene_sha256("two", 3, both + 32);
    scene_sha256(both, 64, both);
    ck_assert(!memcmp(replay.pcrs[9], both, 32));
    memset(both, 0, 32);
    ck_assert(!memcmp(replay.pcrs[13], both, 32));
    memset(both, 0xff, 32);
    ck_assert(!memcmp(replay.pcrs[17], both, 32));
    ck_assert(!memcmp(replay.pcrs[22], both, 32));
    ck_assert_uint_eq(replay.events, 16);
    accepts();
    ck_assert(scene.claims.log_checked);
}
END_TEST

START_TEST(locality)
{
    uint8_t both[64] = {0}, digest[32] = {0};

    scene.log_size = 0;
    scene_log_event(0, EV_NO_ACTION, digest, "StartupLocality?\3");
    memmove(scene.log + scene.log_size - 2, "\0\3", 2);
    event(0, EV_IPL, "one");
    ck_assert_int_eq(replays(scene.log_size), 0);
    both[31] = 3;
    scene_sha256("one", 3, both + 32);
    scene_sha256(both, 64, both);
    ck_assert(!memcmp(replay.pcrs[0], both, 32));
    /* After the first extension it is too late. */
    scene_log_event(0, EV_NO_ACTION, digest, "StartupLocality?\4");
    memmove(scene.log + scene.log_size - 2, "\0\4", 2);
    ck_assert_int_eq(replays(scene.log_size), 0);
    ck_assert(!memcmp(replay.pcrs[0], both, 32));
}
END_TEST

START_TEST(required)
{
    scene_policy_replace("{", "{\"require-event-log\": true,");
    accepts();
    scene.log_size = 0;
    refuses(CLOISTER_REFUSED_LOG_MISSING, "log");
}
END_TEST

START_TEST(differs)
{
    event(8, EV_IPL, "one more");
    refuses(CLOISTER_REFUSED_LOG_DIFFERS, "PCR 8");
    start();
    event(13, EV_IPL, "not the log's");
    accepts();
    /* A PCR that nothing in the log explains. */
    start();
    scene.pcrs[1].index = 5;
    scene_bind();
    refuses(CLOISTER_REFUSED_LOG_DIFFERS, "PCR 5");
}
END_TEST

START_TEST(truncated)
{
    unsigned int whole = 0;

    for (size_t size = 0; size < scene.log_size; size++) {
        int rc = replays(size);

        ck_assert(rc == 0 || rc == -EBADMSG);
        if (rc) {
            ck_assert(replay.wrong);
            ck_assert_uint_le(replay.offset, size);
        }
        whole += rc == 0; /* between events */
    }
    ck_assert_uint_eq(whole, 15);
    scene.log_size--;
    refuses(CLOISTER_REFUSED_LOG_MALFORMED, "log, event 15");
}
END_TEST

/*
 * Offsets: the first event is 69 bytes; then pcr, type, count, algorithm, SHA-1, algorithm,
 * SHA-256, size.
 */
static const struct {
    size_t offset;
    uint8_t value;
    const char *wrong;
} changes[] = {
    {0, 1, "no crypto-agile log"},    {4, 4, "no crypto-agile log"},
    {28, 36, "list of digest"},       {28, 255, "list of digest"},
    {32, 's', "no crypto-agile log"}, {47, '3', "no crypto-agile log"},
    {56, 0, "list of digest"},        {56, 9, "too many"},
    {59, 1, "too many"},              {62, 65, "a digest's size"},
    {64, 0x0c, "no SHA-256"},         {66, 20, "no SHA-256"},
    {68, 1, "list of digest"},        {69, 24, "PCR's index"},
    {72, 1, "PCR's index"},           {77, 1, "number of digests"},
    {77, 3, "number of digests"},     {80, 1, "number of digests"},
    {81, 0x0c, "a digest"},           {81, 0x0b, "digest"},
    {103, 0x04, "digest"},            {140, 1, "size of its data"},
};

START_TEST(malformed)
{
    scene.log[changes[_i].offset] = changes[_i].value;
    ck_assert_int_eq(replays(scene.log_size), -EBADMSG);
    ck_assert_msg(strstr(replay.wrong, changes[_i].wrong), "%zu: %s", changes[_i].offset,
                  replay.wrong);
    refuses(CLOISTER_REFUSED_LOG_MALFORMED, "log");
}
END_TEST

START_TEST(any_bytes)
{
    unsigned long long state = 7;

    for (int i = 0; i < 20000; i++) {
        size_t at = next_random(&state) % scene.log_size;
        uint8_t good = scene.log[at];

        scene.log[at] = (uint8_t)next_random(&state);
        int rc = replays(scene.log_size);
        ck_assert(rc == 0 || rc == -EBADMSG);
        scene.log[at] = good;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("events");

    scene_prepare();
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, start, NULL);
    tcase_add_test(tcase, replayed);
    tcase_add_test(tcase, locality);
    tcase_add_test(tcase, required);
    tcase_add_test(tcase, differs);
    tcase_add_test(tcase, truncated);
    tcase_add_loop_test(tcase, malformed, 0, sizeof(changes) / sizeof(changes[0]));
    tcase_add_test(tcase, any_bytes);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
