/* SPDX-License-Identifier: MIT */
/* Whatever is changed in a log, verify_log finds it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_log.h"
#include "../../suite.h"

static const char *directory;

/* Two files, nine lines. */
static void setup(void)
{
    struct chainlog log;

    directory = fake_log_directory();
    fake_log_open(&log, 1, 0);
    fake_log_records(&log, 0, 2);
    ck_assert_int_eq(chainlog_lost(&log, 0, 2, 3), 0);
    ck_assert_int_eq(chainlog_flush(&log), 0);
    fake_log_records(&log, 1, 3);
    ck_assert_int_eq(chainlog_flush(&log), 0);
    chainlog_close(&log);
    ck_assert_uint_eq(fake_log_verify(false).lines, 9);
}

/* Does some line of the text fail, or the last one have no end? As verify_log, but in memory. */
static bool breaks(const char *text, size_t size, const struct log_state *before)
{
    static struct log_state state;

    state = *before;
    while (size) {
        const char *end = memchr(text, '\n', size);

        if (!end || log_state_apply(&state, text, (size_t)(end - text)))
            return true;
        size -= (size_t)(end + 1 - text);
        text = end + 1;
    }
    return false;
}

START_TEST(every_flipped_bit)
{
    static struct log_state state;
    size_t size;
    char *text = fake_log_read(1, &size);

    log_state_initialise(&state, true);
    for (size_t bit = 0; bit < size * 8; bit++) {
        text[bit / 8] ^= (char)(1 << bit % 8);
        ck_assert_msg(breaks(text, size, &state), "bit %zu of byte %zu", bit % 8, bit / 8);
        text[bit / 8] ^= (char)(1 << bit % 8);
    }
    ck_assert(!breaks(text, size, &state));
    free(text);
}
END_TEST

START_TEST(every_changed_byte)
{
    for (uint32_t number = 1; number <= 2; number++) {
        size_t size;
        char *text = fake_log_read(number, &size);

        for (size_t byte = 0; byte < size; byte++) {
            text[byte] ^= (char)(1 << byte % 8);
            fake_log_write(number, text, size);
            fake_log_verify(true);
            text[byte] ^= (char)(1 << byte % 8);
        }
        fake_log_write(number, text, size);
        free(text);
    }
    fake_log_verify(false);
}
END_TEST

/* The start of line `line` (from 0) of the text. */
static char *line_at(char *text, unsigned int line)
{
    while (line--)
        text = strchr(text, '\n') + 1;
    return text;
}

START_TEST(removed_lines)
{
    size_t size;
    char *text = fake_log_read(1, &size), *changed = malloc(size);

    for (unsigned int line = 0; line < 4; line++) {
        char *from = line_at(text, line), *to = line_at(text, line + 1);
        size_t before = (size_t)(from - text), after = size - (size_t)(to - text);

        memcpy(changed, text, before);
        memcpy(changed + before, to, after);
        fake_log_write(1, changed, before + after);
        fake_log_verify(true);
    }
    /* the last line of the first file: the second file's first line does not follow */
    fake_log_write(1, text, (size_t)(line_at(text, 4) - text));
    struct verify_result result = fake_log_verify(true);
    ck_assert_str_eq(result.file, "trace-00000002.jsonl");
    ck_assert_uint_eq(result.line, 1);
    free(changed);
    free(text);
}
END_TEST

START_TEST(doubled_and_swapped_lines)
{
    size_t size;
    char *text = fake_log_read(1, &size), *changed = malloc(2 * size);
    char *second = line_at(text, 1), *third = line_at(text, 2), *fourth = line_at(text, 3);
    size_t head = (size_t)(second - text), a = (size_t)(third - second),
           b = (size_t)(fourth - third), rest = size - (size_t)(fourth - text);

    memcpy(changed, text, (size_t)(third - text));
    memcpy(changed + (third - text), second, size - head);
    fake_log_write(1, changed, size + a);
    ck_assert_uint_eq(fake_log_verify(true).line, 3);
    memcpy(changed, text, head);
    memcpy(changed + head, third, b);
    memcpy(changed + head + b, second, a);
    memcpy(changed + head + a + b, fourth, rest);
    fake_log_write(1, changed, size);
    ck_assert_uint_eq(fake_log_verify(true).line, 2);
    free(changed);
    free(text);
}
END_TEST

/* The line at `line` (from 0) of file 1 with `from` replaced, and its and all later hashes made anew. */
static void bend(unsigned int line, const char *from, const char *to)
{
    size_t size;
    char *text = fake_log_read(1, &size), *at = strstr(line_at(text, line), from);
    char *fresh = calloc(1, size + 64), head[DIGEST_HEX + 1];
    unsigned int number = 0;

    ck_assert_ptr_nonnull(at);
    memcpy(fresh, text, (size_t)(at - text));
    strcpy(fresh + (at - text), to);
    strcat(fresh, at + strlen(from));
    for (char *start = fresh; *start; start = strchr(start, '\n') + 1, number++) {
        size_t length = (size_t)(strchr(start, '\n') - start);

        if (number > line)
            memcpy(strstr(start, "\"prev\":\"") + 8, head, DIGEST_HEX);
        digest_sha256_hex(start, length - LOG_SUFFIX, head);
        memcpy(start + length - 2 - DIGEST_HEX, head, DIGEST_HEX);
    }
    fake_log_write(1, fresh, strlen(fresh));
    free(fresh);
    free(text);
}

/* Who writes the chain anew can still not say in words what the record does not say in numbers. */
START_TEST(bent_words)
{
    static const char *const words[][2] = {
        {"\"reason\":\"NONE\"", "\"reason\":\"QUOTA\""},
        {"\"reason\":\"NONE\",", ""},
    };
    size_t size;
    char *text = fake_log_read(1, &size);

    char path[128];
    snprintf(path, sizeof(path), "%s/trace-00000002.jsonl", directory);
    unlink(path);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        bend(2, words[i][0], words[i][1]);
        struct verify_result result = fake_log_verify(true);
        ck_assert_uint_eq(result.line, 3);
        ck_assert_str_eq(result.wrong, "its words are not those for its record");
        fake_log_write(1, text, size);
    }
    bend(2, "\"alice\"", "\"bob\""); /* the daemon's own word: nothing is signed about it */
    fake_log_verify(false);
    fake_log_write(1, text, size);
    fake_log_verify(false);
    free(text);
}
END_TEST

START_TEST(missing_file)
{
    char path[128], name[LOG_FILE_NAME];
    struct verify_result result;

    /* The oldest may be removed; the head is the same. */
    log_file_name(1, name);
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    unlink(path);
    result = fake_log_verify(false);
    ck_assert_uint_eq(result.first, 5);
    /* But not one in the middle. */
    struct chainlog log;
    fake_log_open(&log, 1, 0);
    for (unsigned int i = 0; i < 2; i++) {
        fake_log_records(&log, 1, 1);
        ck_assert_int_eq(chainlog_flush(&log), 0);
    }
    chainlog_close(&log);
    fake_log_verify(false);
    log_file_name(3, name);
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    unlink(path);
    result = fake_log_verify(true);
    ck_assert_str_eq(result.file, "trace-00000004.jsonl");
}
END_TEST

/* A line whose chain is right but that logs a record twice, or leaves one out. */
static void forge_kind(const char *kind, const char *members, const char *expected)
{
    struct chainlog log;

    fake_log_open(&log, 1u << 30, 0);
    struct line *line = chainlog_begin(&log, kind);
    line_raw(line, members, strlen(members));
    ck_assert_int_eq(chainlog_end(&log), 0);
    ck_assert_int_eq(chainlog_flush(&log), 0);
    chainlog_close(&log);
    const char *wrong = fake_log_verify(true).wrong;
    ck_assert_msg(!strncmp(wrong, expected, strlen(expected)), "'%s' is not '%s'", wrong, expected);
}

static void forge(const char *members, const char *expected)
{
    forge_kind("trace", members, expected);
}

START_TEST(doubled_record)
{
    forge(",\"boot\":\"0000000000001234\",\"cpu\":1,\"seq\":2", "its record was logged before");
}
END_TEST

START_TEST(missing_record)
{
    forge(",\"boot\":\"0000000000001234\",\"cpu\":1,\"seq\":4", "records are missing before it");
}
END_TEST

START_TEST(record_of_nowhere)
{
    const char *wrong = "its record belongs to a boot or CPU that no line before has announced";

    forge(",\"boot\":\"0000000000001235\",\"cpu\":1,\"seq\":3", wrong);
}
END_TEST

START_TEST(record_of_no_cpu)
{
    forge(",\"boot\":\"0000000000001234\",\"cpu\":4,\"seq\":0",
          "its record belongs to a boot or CPU that no line before has announced");
}
END_TEST

START_TEST(record_without_number)
{
    forge(",\"boot\":\"0000000000001234\",\"cpu\":1,\"seq\":\"3\"",
          "it does not say which record it is");
}
END_TEST

#define RECORD ",\"boot\":\"0000000000001234\",\"cpu\":1,\"seq\":"

static const struct {
    const char *kind, *members, *wrong;
} unread[] = {
    {"trace", ",\"boot\":oops", "it is not a JSON object"},
    {"trace", RECORD "3,\"domain_name\":\"a\\u0000b\"",
     "it is not a JSON object: domain_name: a zero"},
    {"trace", RECORD "3,\"seq\\u0000\":9", "it is not a JSON object"},
    {"trace", RECORD "18446744073709551616", "it is not a JSON object: seq: a whole number beyond"},
    {"trace", RECORD "3,\"address\":-9223372036854775809",
     "it is not a JSON object: address: a whole"},
    {"trace", RECORD "2,\"seq\":3", "it is not a JSON object: a member occurs twice"},
    {"trace", RECORD "-1", "it does not say which record it is"},
    {"trace", RECORD "3.0", "it does not say which record it is"},
    {"trace", ",\"boot\":\"1234\",\"cpu\":1,\"seq\":3", "it does not say which record it is"},
    {"trace", ",\"boot\":\"            1234\",\"cpu\":1,\"seq\":3",
     "it does not say which record it is"},
    {"lost", RECORD "3,\"count\":18446744073709551615", "it counts more records than there can be"},
    {"lost", RECORD "3,\"count\":18446744073709551616", "it is not a JSON object: count: a whole"},
};

START_TEST(unreadable)
{
    forge_kind(unread[_i].kind, unread[_i].members, unread[_i].wrong);
}
END_TEST

/* To strcmp() the kind of a line that says nothing about records is "trace", and the other way round. */
START_TEST(kind_with_a_zero_byte)
{
    bend(2, "\"kind\":\"trace\"", "\"kind\":\"trace\\u0000x\"");
    const char *wrong = fake_log_verify(true).wrong;
    ck_assert_msg(strstr(wrong, "kind: a zero byte in a text or name"), "'%s'", wrong);
}
END_TEST

START_TEST(anchor)
{
    struct verify_result result = fake_log_verify(false);
    char anchor[DIGEST_HEX + 1];

    strcpy(anchor, result.head);
    ck_assert_int_eq(verify_log(directory, anchor, &result), 0);
    ck_assert(result.anchored);
    anchor[3] = anchor[3] == 'a' ? 'b' : 'a';
    ck_assert_int_eq(verify_log(directory, anchor, &result), 0);
    ck_assert(!result.anchored);
}
END_TEST

START_TEST(no_directory)
{
    struct verify_result result;

    ck_assert_int_eq(verify_log("/nonexistent", NULL, &result), -ENOENT);
}
END_TEST

START_TEST(garbage)
{
    static const char *const texts[] = {
        "\n",
        "{}\n",
        "hello\n",
        "{\"index\":0}\n",
        "{\"index\":00,\"prev\":\"" LOG_ZERO_HASH "\",\"at\":\"\"}\n",
        "{\"index\":99999999999999999999,\"prev\":\"" LOG_ZERO_HASH "\",\"at\":\"\"}\n",
        ",\"hash\":\"" LOG_ZERO_HASH "\"}\n",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        fake_log_write(1, texts[i], strlen(texts[i]));
        ck_assert_uint_eq(fake_log_verify(true).line, 1);
    }
    char *zeros = calloc(1, 70000);
    fake_log_write(1, zeros, 70000);
    fake_log_verify(true);
    free(zeros);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verify");
    TCase *tests = tcase_create("changes");

    tcase_add_checked_fixture(tests, setup, fake_log_remove);
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, every_flipped_bit);
    tcase_add_test(tests, every_changed_byte);
    tcase_add_test(tests, bent_words);
    tcase_add_test(tests, removed_lines);
    tcase_add_test(tests, doubled_and_swapped_lines);
    tcase_add_test(tests, missing_file);
    tcase_add_test(tests, doubled_record);
    tcase_add_test(tests, missing_record);
    tcase_add_test(tests, record_of_nowhere);
    tcase_add_test(tests, record_of_no_cpu);
    tcase_add_test(tests, record_without_number);
    tcase_add_loop_test(tests, unreadable, 0, sizeof(unread) / sizeof(unread[0]));
    tcase_add_test(tests, kind_with_a_zero_byte);
    tcase_add_test(tests, anchor);
    tcase_add_test(tests, no_directory);
    tcase_add_test(tests, garbage);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
