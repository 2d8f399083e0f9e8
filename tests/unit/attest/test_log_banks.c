/* SPDX-License-Identifier: MIT */
/* Event logs as machines write them: banks that are switched off, other formats, what stands
 * behind. */
#include <stdlib.h>

#include "cloister/eventlog.h"
#include "refuses.h"

#define EV_NO_ACTION 3u
#define EV_IPL 13u

#define SHA1 0x04
#define SHA256 0x0b
#define SHA384 0x0c
#define SHA512 0x0d
#define SM3 0x12

static uint8_t log_bytes[4096];
static size_t log_size;
static struct cloister_replay replay;

static void put(const void *data, size_t size)
{
    ck_assert_uint_le(log_size + size, sizeof(log_bytes));
    memcpy(log_bytes + log_size, data, size);
    log_size += size;
}

static void put_little(uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = (uint8_t)(value >> (8 * i));

        put(&byte, 1);
    }
}

static uint16_t size_of(uint8_t algorithm)
{
    return algorithm == SHA1 ? 20 : algorithm == SHA384 ? 48 : algorithm == SHA512 ? 64 : 32;
}

/* The first event, which lists these algorithms up to a zero. */
static void begin(const char *algorithms)
{
    log_size = 0;
    put_little(0, 4);
    put_little(EV_NO_ACTION, 4);
    put((uint8_t[20]){0}, 20);
    put_little(29 + 4 * strlen(algorithms), 4);
    put("Spec ID Event03", 16);
    put_little(0, 8);
    put_little(strlen(algorithms), 4);
    for (const char *algorithm = algorithms; *algorithm; algorithm++) {
        put_little((uint8_t)*algorithm, 2);
        put_little(size_of((uint8_t)*algorithm), 2);
    }
    put_little(0, 1);
}

/* An event with a digest of each of these algorithms: of bytes that are its PCR's number. */
static void event(uint32_t pcr, uint32_t type, const char *algorithms, const void *data,
                  size_t size)
{
    uint8_t digest[64];

    put_little(pcr, 4);
    put_little(type, 4);
    put_little(strlen(algorithms), 4);
    for (const char *algorithm = algorithms; *algorithm; algorithm++) {
        memset(digest, (int)pcr + 1, sizeof(digest));
        put_little((uint8_t)*algorithm, 2);
        put(digest, size_of((uint8_t)*algorithm));
    }
    put_little(size, 4);
    put(data, size);
}

static int replays_bytes(size_t size)
{
    uint8_t *exact = malloc(size ? size : 1); /* whoever reads beyond its end is seen */
    int rc;

    memcpy(exact, log_bytes, size);
    rc = cloister_log_replay((struct cloister_bytes){exact, size}, &replay);
    free(exact);
    return rc;
}

static void replays(void)
{
    uint8_t both[64] = {0};

    ck_assert_msg(replays_bytes(log_size) == 0, "event %u, byte %zu: %s", replay.events,
                  replay.offset, replay.wrong);
    memset(both + 32, 5, 32);
    scene_sha256(both, 64, both);
    ck_assert_msg(!memcmp(replay.pcrs[4], both, 32), "PCR 4 is another");
}

static void refused(uint32_t at, const char *says)
{
    ck_assert_int_eq(replays_bytes(log_size), -EBADMSG);
    ck_assert_msg(strstr(replay.wrong, says), "'%s' does not say '%s'", replay.wrong, says);
    ck_assert_uint_eq(replay.events, at);
}

/* The banks that the first event lists, and those that the events have. */
static const char *const fewer[][2] = {
    {"\x0b", "\x0b"},
    {"\x04\x0b", "\x0b"},
    {"\x04\x0b", "\x04\x0b"},
    {"\x04\x0b", "\x0b\x04"},
    {"\x04\x0b\x0c\x0d", "\x04\x0b"},
    {"\x04\x0b\x0c\x0d\x12", "\x0b\x12"},
    {"\x0d\x0c\x0b", "\x0b\x0d"},
};

START_TEST(fewer_digests)
{
    begin(fewer[_i][0]);
    event(4, EV_IPL, fewer[_i][1], "x", 1);
    replays();
}
END_TEST

/* What is extended must have the bank's digest; what is not need have none. */
START_TEST(without_sha256)
{
    begin("\x04\x0b\x0c");
    event(4, EV_IPL, "\x0b", "x", 1);
    event(0, EV_NO_ACTION, "", "y", 1);
    event(0, EV_NO_ACTION, "\x04", "y", 1);
    replays();
    event(9, EV_IPL, "\x04\x0c", "z", 1);
    refused(4, "no SHA-256 digest");
    begin("\x04\x0b\x0c");
    event(4, EV_IPL, "", "x", 1);
    refused(1, "no SHA-256 digest");
}
END_TEST

START_TEST(wrong_digests)
{
    begin("\x04\x0b");
    event(4, EV_IPL, "\x0b\x0b", "x", 1);
    refused(1, "two digests of one algorithm");
    begin("\x04\x0b\x0c");
    event(4, EV_IPL, "\x0b\x04\x04", "x", 1);
    refused(1, "two digests of one algorithm");
    begin("\x04\x0b");
    event(4, EV_IPL, "\x0b\x0c", "x", 1);
    refused(1, "does not list");
    begin("\x0b");
    event(4, EV_IPL, "\x04\x0b", "x", 1);
    refused(1, "more digests");
}
END_TEST

/* Lists with an algorithm twice, whatever its sizes: one of them was read with the other's. */
START_TEST(listed_twice)
{
    begin("\x0b\x0b");
    event(4, EV_IPL, "\x0b", "x", 1);
    refused(0, "listed twice");
    begin("\x0b\x04\x0c\x04");
    event(4, EV_IPL, "\x0b", "x", 1);
    refused(0, "listed twice");
    for (int size = 0; size < 66; size++) {
        begin("\x0b\x0b");
        log_bytes[62] = (uint8_t)size;
        event(4, EV_IPL, "\x0b", "x", 1);
        ck_assert_int_eq(replays_bytes(log_size), -EBADMSG);
        begin("\x0b\x0b");
        log_bytes[66] = (uint8_t)size;
        event(4, EV_IPL, "\x0b", "x", 1);
        ck_assert_int_eq(replays_bytes(log_size), -EBADMSG);
    }
}
END_TEST

START_TEST(no_bank)
{
    static const struct {
        const char *algorithms, *says;
    } cases[] = {
        {"\x04", "no SHA-256 bank: it has SHA-1 alone"},
        {"\x0c", "no SHA-256 bank: it has others alone"},
        {"\x04\x0c", "no SHA-256 bank: it has others alone"},
        {"\x12", "no SHA-256 bank: it has others alone"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin(cases[i].algorithms);
        event(4, EV_IPL, cases[i].algorithms, "x", 1);
        refused(0, cases[i].says);
    }
}
END_TEST

/* Events in the format of TPM 1.2, from the first on. */
START_TEST(old_format)
{
    log_size = 0;
    for (uint32_t pcr = 0; pcr < 3; pcr++) {
        put_little(pcr, 4);
        put_little(EV_IPL, 4);
        put((uint8_t[20]){1, 2, 3}, 20);
        put_little(4, 4);
        put("text", 4);
    }
    refused(0, "the format of TPM 1.2");
    log_bytes[0] = 200;
    refused(0, "no event log");
    memset(log_bytes, 'x', sizeof(log_bytes));
    refused(0, "the log ends in this event");
    log_size = 0;
    refused(0, "it is empty");
}
END_TEST

START_TEST(bytes_behind)
{
    static const uint8_t fills[] = {0x00, 0xff};

    for (size_t i = 0; i < sizeof(fills); i++) {
        for (size_t size = 1; size < 200; size += 13) {
            uint8_t filling[200];

            begin("\x04\x0b");
            event(4, EV_IPL, "\x04\x0b", "x", 1);
            memset(filling, fills[i], size);
            put(filling, size);
            refused(2, "bytes behind the last event");
        }
    }
    begin("\x0b");
    event(4, EV_IPL, "\x0b", "x", 1);
    put("more", 4);
    refused(2, "the log ends in this event");
}
END_TEST

START_TEST(cut_off)
{
    size_t second;

    begin("\x04\x0b");
    second = log_size;
    event(4, EV_IPL, "\x04\x0b", "text", 4);
    for (size_t size = 1; size < log_size; size++) {
        if (size == second) {
            ck_assert_int_eq(replays_bytes(size), 0);
            continue;
        }
        ck_assert_int_eq(replays_bytes(size), -EBADMSG);
        ck_assert_msg(strstr(replay.wrong, "the log ends in this event"), "%zu: %s", size,
                      replay.wrong);
        ck_assert_uint_eq(replay.events, size > second);
        ck_assert_uint_eq(replay.offset, size > second ? second : 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log banks");
    TCase *tcase = tcase_create("banks");

    scene_prepare();
    tcase_add_loop_test(tcase, fewer_digests, 0, sizeof(fewer) / sizeof(fewer[0]));
    tcase_add_test(tcase, without_sha256);
    tcase_add_test(tcase, wrong_digests);
    tcase_add_test(tcase, listed_twice);
    tcase_add_test(tcase, no_bank);
    tcase_add_test(tcase, old_format);
    tcase_add_test(tcase, bytes_behind);
    tcase_add_test(tcase, cut_off);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
