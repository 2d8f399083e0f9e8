/* SPDX-License-Identifier: MIT */
/* The encoding: one for each evidence, and nothing else is evidence. */
#include <cbor.h>
#include <stdlib.h>

#include "refuses.h"

static struct cloister_evidence before, after;

static void start(void)
{
    scene_start(SCENE_ECC);
    scene_encode();
}

static void decode_fails(enum cloister_refusal_code code, const char *what)
{
    check_refused(scene_verify_encoded(), code, what);
    ck_assert_int_eq(scene.refusal.step, CLOISTER_STEP_DECODE);
}

/* --- round trip ---------------------------------------------------------------------------- */

static void same_bytes(struct cloister_bytes a, struct cloister_bytes b)
{
    ck_assert_uint_eq(a.size, b.size);
    ck_assert(a.size == 0 || !memcmp(a.data, b.data, a.size));
}

START_TEST(round_trip)
{
    static uint8_t again[CLOISTER_EVIDENCE_MAX_SIZE];
    size_t size;

    memset(scene.log, 7, sizeof(scene.log));
    scene.log_size = _i & 1 ? sizeof(scene.log) : 0;
    scene.report_count = _i & 2 ? 2 : 0;
    scene.attest_size = _i & 4 ? 0 : scene.attest_size;
    scene_encode();
    scene_evidence(&before);
    ck_assert_int_eq(cloister_evidence_decode(scene.encoded, scene.size, &after, NULL), 0);
    same_bytes(before.nonce, after.nonce);
    same_bytes(before.log, after.log);
    same_bytes(before.quote.attest, after.quote.attest);
    ck_assert(!memcmp(&before.record, &after.record, sizeof(before.record)));
    ck_assert_uint_eq(before.report_count, after.report_count);
    for (uint32_t i = 0; i < before.report_count; i++) {
        ck_assert(!memcmp(&before.reports[i], &after.reports[i], sizeof(before.reports[i])));
        ck_assert_uint_eq(before.report_forms[i], after.report_forms[i]);
    }
    ck_assert_int_eq(cloister_evidence_encode(&after, again, sizeof(again), &size), 0);
    ck_assert_uint_eq(size, scene.size);
    ck_assert(!memcmp(again, scene.encoded, size));
}
END_TEST

START_TEST(encoder_limits)
{
    uint8_t *exact;
    size_t size;

    scene_evidence(&before);
    for (size_t room = 0; room < scene.size; room++) {
        exact = malloc(room ? room : 1);
        ck_assert_int_eq(cloister_evidence_encode(&before, exact, room, &size), -ENOSPC);
        free(exact);
    }
    exact = malloc(scene.size);
    ck_assert_int_eq(cloister_evidence_encode(&before, exact, scene.size, &size), 0);
    ck_assert_uint_eq(size, scene.size);
    free(exact);
}
END_TEST

static void encode_fails(void)
{
    size_t size;

    ck_assert_int_eq(cloister_evidence_encode(&before, scene.encoded, sizeof(scene.encoded), &size),
                     -EINVAL);
    scene_evidence(&before);
}

START_TEST(encoder_refuses)
{
    scene_evidence(&before);
    before.nonce.size = CLOISTER_NONCE_MIN - 1;
    encode_fails();
    before.nonce.size = CLOISTER_NONCE_MAX + 1;
    encode_fails();
    before.log.size = CLOISTER_EVIDENCE_MAX_LOG + 1;
    encode_fails();
    before.quote.attest.size = CLOISTER_EVIDENCE_MAX_TPM + 1;
    encode_fails();
    before.quote.signature.size = 0;
    encode_fails();
    before.quote.key.size = CLOISTER_EVIDENCE_MAX_TPM + 1;
    encode_fails();
    before.quote.pcr_count = 0;
    encode_fails();
    before.quote.pcr_count = CLOISTER_EVIDENCE_PCRS + 1;
    encode_fails();
    before.quote.pcrs[1].index = 0;
    encode_fails();
    before.quote.pcrs[6].index = 24;
    encode_fails();
    before.report_count = CLOISTER_EVIDENCE_MAX_REPORTS + 1;
    encode_fails();
    before.report_forms[0] = 2;
    encode_fails();
}
END_TEST

START_TEST(binding)
{
    uint8_t digest[32], text[96], expected[32];

    memcpy(text, scene.nonce, 32);
    scene_sha256(&scene.record, sizeof(scene.record), text + 32);
    scene_sha256(text, 64, expected);
    ck_assert_int_eq(
        cloister_challenge_binding((struct cloister_bytes){scene.nonce, 32}, &scene.record, digest),
        0);
    ck_assert(!memcmp(digest, expected, 32));
    ck_assert_int_eq(
        cloister_challenge_binding((struct cloister_bytes){scene.nonce, 15}, &scene.record, digest),
        -EINVAL);
    ck_assert_int_eq(
        cloister_challenge_binding((struct cloister_bytes){scene.nonce, 65}, &scene.record, digest),
        -EINVAL);
}
END_TEST

/* --- bytes --------------------------------------------------------------------------------- */

START_TEST(truncated)
{
    const size_t whole = scene.size;

    for (scene.size = 0; scene.size < whole; scene.size++) {
        check_refused(scene_verify_encoded(), CLOISTER_REFUSED_TRUNCATED, "");
    }
}
END_TEST

START_TEST(followed)
{
    scene.encoded[scene.size++] = 0;
    decode_fails(CLOISTER_REFUSED_TRAILING_BYTES, "evidence");
}
END_TEST

START_TEST(too_large)
{
    scene.size = CLOISTER_EVIDENCE_MAX_SIZE + 1;
    decode_fails(CLOISTER_REFUSED_TOO_LARGE, "evidence");
}
END_TEST

/* Every bit of every byte. */
START_TEST(every_byte)
{
    uint8_t good;

    for (size_t i = 0; i < scene.size; i++) {
        good = scene.encoded[i];
        for (unsigned int bit = 0; bit < 8; bit++) {
            scene.encoded[i] = (uint8_t)(good ^ 1u << bit);
            ck_assert_msg(scene_verify_encoded() == -EACCES, "byte %zu, bit %u", i, bit);
        }
        scene.encoded[i] = good;
    }
    ck_assert_int_eq(scene_verify_encoded(), 0);
}
END_TEST

/* --- items, by hand ------------------------------------------------------------------------ */

/* Replaces the first occurrence of from[] by to[]. */
static void replace(const void *from, size_t from_size, const void *to, size_t to_size)
{
    uint8_t *place = memmem(scene.encoded, scene.size, from, from_size);

    ck_assert(place);
    memmove(place + to_size, place + from_size,
            scene.size - (size_t)(place - scene.encoded) - from_size);
    memcpy(place, to, to_size);
    scene.size = scene.size - from_size + to_size;
}

#define REPLACE(from, to) replace(from, sizeof(from) - 1, to, sizeof(to) - 1)

START_TEST(versions)
{
    ck_assert_int_eq(scene.encoded[1], 1);
    scene.encoded[2] = 0;
    decode_fails(CLOISTER_REFUSED_BAD_VALUE, "version");
    scene.encoded[2] = 2;
    decode_fails(CLOISTER_REFUSED_BAD_VALUE, "version");
    REPLACE("\xa5\x01\x02", "\xa5\x01\x1b\xff\xff\xff\xff\xff\xff\xff\xff");
    decode_fails(CLOISTER_REFUSED_BAD_VALUE, "version");
}
END_TEST

/* What can stand in the place of any item. */
static const struct {
    const char *bytes;
    size_t size;
    enum cloister_refusal_code code;
} wrong_items[] = {
    {"\x20", 1, CLOISTER_REFUSED_BAD_TYPE},     /* -1 */
    {"\x38\x20", 2, CLOISTER_REFUSED_BAD_TYPE}, /* -33 */
    {"\x39\x01\x00", 3, CLOISTER_REFUSED_BAD_TYPE},
    {"\x3a\x01\x00\x00\x00", 5, CLOISTER_REFUSED_BAD_TYPE},
    {"\x3b\x01\x00\x00\x00\x00\x00\x00\x00", 9, CLOISTER_REFUSED_BAD_TYPE},
    {"\x61\x61", 2, CLOISTER_REFUSED_BAD_TYPE},     /* "a" */
    {"\xf4", 1, CLOISTER_REFUSED_BAD_TYPE},         /* false */
    {"\xf6", 1, CLOISTER_REFUSED_BAD_TYPE},         /* null */
    {"\xf7", 1, CLOISTER_REFUSED_BAD_TYPE},         /* undefined */
    {"\xf9\x3c\x00", 3, CLOISTER_REFUSED_BAD_TYPE}, /* 1.0 */
    {"\xfa\x3f\x80\x00\x00", 5, CLOISTER_REFUSED_BAD_TYPE},
    {"\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00", 9, CLOISTER_REFUSED_BAD_TYPE},
    {"\xc1\x00", 2, CLOISTER_REFUSED_BAD_TYPE}, /* tag 1 */
    {"\x1c", 1, CLOISTER_REFUSED_BAD_TYPE},     /* reserved */
    {"\xfc", 1, CLOISTER_REFUSED_BAD_TYPE},
    {"\x5f\x41\x00\xff", 4, CLOISTER_REFUSED_NOT_DETERMINISTIC}, /* indefinite bytes */
    {"\x7f\xff", 2, CLOISTER_REFUSED_NOT_DETERMINISTIC},
    {"\x9f\xff", 2, CLOISTER_REFUSED_NOT_DETERMINISTIC}, /* indefinite array */
    {"\xbf\xff", 2, CLOISTER_REFUSED_NOT_DETERMINISTIC}, /* indefinite map */
    {"\xff", 1, CLOISTER_REFUSED_NOT_DETERMINISTIC},     /* break */
};

#define WRONG_ITEMS ((int)(sizeof(wrong_items) / sizeof(wrong_items[0])))

START_TEST(wrong_whole)
{
    memcpy(scene.encoded, wrong_items[_i].bytes, wrong_items[_i].size);
    scene.size = wrong_items[_i].size;
    decode_fails(wrong_items[_i].code, "evidence");
}
END_TEST

START_TEST(wrong_version)
{
    replace("\xa5\x01\x01", 3, "\xa5\x01", 2);
    memmove(scene.encoded + 2 + wrong_items[_i].size, scene.encoded + 2, scene.size - 2);
    memcpy(scene.encoded + 2, wrong_items[_i].bytes, wrong_items[_i].size);
    scene.size += wrong_items[_i].size;
    decode_fails(wrong_items[_i].code, "version");
}
END_TEST

/* The same for byte strings, arrays and maps, wherever they are. */
static const struct {
    const char *head;
    size_t size, content;
    const char *what;
} places[] = {
    {"\x02\x58\x20\x42", 3, 32, "nonce"},   {"\x04\x87\x82\x00", 2, 0, "quote.pcrs"},
    {"\x05\x59\x01\x00", 4, 256, "record"}, {"\x06\x82\x59\x02", 2, 0, "reports"},
    {"\x03\xa4\x01\x58", 2, 0, "quote"},
};

START_TEST(wrong_place)
{
    for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++) {
        uint8_t *place;
        size_t at;

        start();
        place = memmem(scene.encoded, scene.size, places[p].head, 4);
        ck_assert(place);
        at = (size_t)(place - scene.encoded) + 1;
        memmove(scene.encoded + at + wrong_items[_i].size,
                scene.encoded + at + places[p].size - 1 + places[p].content,
                scene.size - at - (places[p].size - 1 + places[p].content));
        memcpy(scene.encoded + at, wrong_items[_i].bytes, wrong_items[_i].size);
        scene.size += wrong_items[_i].size - (places[p].size - 1 + places[p].content);
        decode_fails(wrong_items[_i].code, places[p].what);
    }
}
END_TEST

START_TEST(keys)
{
    REPLACE("\xa5\x01\x01\x02", "\xa5\x01\x01\x01"); /* repeated */
    decode_fails(CLOISTER_REFUSED_BAD_KEY, "evidence");
    start();
    REPLACE("\xa5\x01\x01\x02", "\xa5\x02\x01\x01"); /* out of order */
    decode_fails(CLOISTER_REFUSED_BAD_KEY, "evidence");
    start();
    REPLACE("\xa5\x01\x01\x02", "\xa5\x01\x01\x07"); /* unknown; 2 is missing */
    decode_fails(CLOISTER_REFUSED_BAD_KEY, "evidence");
    start();
    scene.encoded[0] = 0xa6; /* one more at the end */
    memcpy(scene.encoded + scene.size, "\x07\x00", 2);
    scene.size += 2;
    decode_fails(CLOISTER_REFUSED_BAD_KEY, "evidence");
    start();
    scene.encoded[0] = 0xa7;
    decode_fails(CLOISTER_REFUSED_BAD_SIZE, "evidence");
    start();
    scene.encoded[0] = 0xa4; /* one too few: its items follow */
    decode_fails(CLOISTER_REFUSED_BAD_KEY, "evidence");
    start();
    REPLACE("\x03\xa4\x01\x58", "\x03\xa4\x02\x58");
    decode_fails(CLOISTER_REFUSED_BAD_KEY, "quote");
    start();
    REPLACE("\x03\xa4\x01\x58", "\x03\xa3\x01\x58");
    decode_fails(CLOISTER_REFUSED_BAD_KEY, "quote");
    start();
    REPLACE("\x03\xa4\x01\x58", "\x03\xa5\x01\x58");
    decode_fails(CLOISTER_REFUSED_BAD_SIZE, "quote");
    start();
    REPLACE("\xa5\x01\x01\x02", "\xa5\x20\x01\x02"); /* a negative key */
    decode_fails(CLOISTER_REFUSED_BAD_TYPE, "evidence");
}
END_TEST

START_TEST(claimed_sizes)
{
    static const char *const heads[] = {
        "\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
        "\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
        "\x5a\xff\xff\xff\xff",
        "\x59\xff\xff",
    };
    static const char *const counts[] = {
        "\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
        "\xba\x10\x00\x00\x00",
        "\x9b\x00\x00\x00\x10\x00\x00\x00\x00",
        "\x9a\xff\xff\xff\xff",
    };

    for (size_t i = 0; i < 4; i++) {
        start();
        replace("\x58\x20\x42\x42", 2, heads[i], i < 2 ? 9 : i == 2 ? 5 : 3);
        decode_fails(CLOISTER_REFUSED_TRUNCATED, "nonce");
    }
    for (size_t i = 0; i < 4; i++) {
        start();
        replace("\xa5\x01", 1, counts[i], i == 0 || i == 2 ? 9 : 5);
        decode_fails(i < 2 ? CLOISTER_REFUSED_BAD_SIZE : CLOISTER_REFUSED_BAD_TYPE, "evidence");
        start();
        replace("\x06\x82\x59\x02", 2, "\x06\x9b\x00\x00\x00\x10\x00\x00\x00\x00", 10);
        decode_fails(CLOISTER_REFUSED_BAD_SIZE, "reports");
    }
}
END_TEST

START_TEST(longer_heads)
{
    REPLACE("\xa5\x01\x01", "\xb8\x05\x01\x01");
    decode_fails(CLOISTER_REFUSED_NOT_DETERMINISTIC, "evidence");
    start();
    REPLACE("\xa5\x01\x01", "\xa5\x18\x01\x01");
    decode_fails(CLOISTER_REFUSED_NOT_DETERMINISTIC, "evidence");
    start();
    REPLACE("\xa5\x01\x01", "\xa5\x01\x19\x00\x01");
    decode_fails(CLOISTER_REFUSED_NOT_DETERMINISTIC, "version");
    start();
    REPLACE("\x58\x20\x42", "\x59\x00\x20\x42");
    decode_fails(CLOISTER_REFUSED_NOT_DETERMINISTIC, "nonce");
    start();
    REPLACE("\x59\x01\x00", "\x5a\x00\x00\x01\x00");
    decode_fails(CLOISTER_REFUSED_NOT_DETERMINISTIC, "record");
    start();
    REPLACE("\x04\x87\x82\x00", "\x04\x98\x07\x82\x00");
    decode_fails(CLOISTER_REFUSED_NOT_DETERMINISTIC, "quote.pcrs");
}
END_TEST

START_TEST(pcr_items)
{
    REPLACE("\x82\x04\x58\x20\x44", "\x82\x00\x58\x20\x44"); /* PCR 0 again */
    decode_fails(CLOISTER_REFUSED_BAD_VALUE, "quote.pcrs[2]");
    start();
    REPLACE("\x82\x0d\x58\x20", "\x82\x18\x18\x58\x20"); /* PCR 24 */
    decode_fails(CLOISTER_REFUSED_BAD_VALUE, "quote.pcrs[6]");
    start();
    REPLACE("\x82\x04\x58\x20\x44", "\x83\x04\x58\x20\x44");
    decode_fails(CLOISTER_REFUSED_BAD_SIZE, "quote.pcrs[2]");
    start();
    REPLACE("\x82\x04\x58\x20\x44", "\x82\x04\x58\x1f");
    decode_fails(CLOISTER_REFUSED_BAD_SIZE, "quote.pcrs[2]");
    start();
    REPLACE("\x04\x87\x82\x00", "\x04\x80\x82\x00");
    decode_fails(CLOISTER_REFUSED_BAD_SIZE, "quote.pcrs");
    start();
    REPLACE("\x04\x87\x82\x00", "\x04\x98\x19\x82\x00"); /* 25 */
    decode_fails(CLOISTER_REFUSED_BAD_SIZE, "quote.pcrs");
}
END_TEST

START_TEST(report_items)
{
    REPLACE("\x06\x82\x59\x02\x00", "\x06\x82\x59\x01\xff");
    decode_fails(CLOISTER_REFUSED_BAD_SIZE, "reports[0]");
    start();
    REPLACE("\x06\x82\x59\x02\x00", "\x06\x81\x59\x02\x00");
    decode_fails(CLOISTER_REFUSED_TRAILING_BYTES, "evidence");
    start();
    REPLACE("\x06\x82\x59\x02\x00", "\x06\x83\x59\x02\x00");
    decode_fails(CLOISTER_REFUSED_TRUNCATED, "reports[2]");
    start();
    REPLACE("\x06\x82\x59\x02\x00", "\x06\x91\x59\x02\x00"); /* 17 */
    decode_fails(CLOISTER_REFUSED_BAD_SIZE, "reports");
}
END_TEST

/* --- COSE ---------------------------------------------------------------------------------- */

static const struct {
    const char *from, *to;
    size_t from_size, to_size;
    enum cloister_refusal_code code;
} cose_cases[] = {
#define COSE_CASE(from, to, code)                                                                  \
    {                                                                                              \
        from, to, sizeof(from) - 1, sizeof(to) - 1, code                                           \
    }
    COSE_CASE("\xd2\x84\x43", "\x84\x43", CLOISTER_REFUSED_BAD_TYPE),          /* no tag */
    COSE_CASE("\xd2\x84\x43", "\xd1\x84\x43", CLOISTER_REFUSED_BAD_VALUE),     /* COSE_Mac0 */
    COSE_CASE("\xd2\x84\x43", "\xd8\x62\x84\x43", CLOISTER_REFUSED_BAD_VALUE), /* COSE_Sign */
    COSE_CASE("\xd2\x84\x43", "\xd8\x12\x84\x43", CLOISTER_REFUSED_BAD_VALUE), /* longer */
    COSE_CASE("\xd2\x84\x43", "\xd2\xd2\x84\x43", CLOISTER_REFUSED_BAD_TYPE),
    COSE_CASE("\xd2\x84\x43", "\xd2\x83\x43", CLOISTER_REFUSED_BAD_SIZE),
    COSE_CASE("\xd2\x84\x43", "\xd2\x85\x43", CLOISTER_REFUSED_BAD_SIZE),
    COSE_CASE("\x43\xa1\x01\x26\xa0", "\x43\xa1\x01\x27\xa0", CLOISTER_REFUSED_BAD_VALUE),
    COSE_CASE("\x43\xa1\x01\x26\xa0", "\x40\xa0", CLOISTER_REFUSED_BAD_SIZE),
    COSE_CASE("\x43\xa1\x01\x26\xa0", "\x44\xa1\x01\x38\x22\xa0", CLOISTER_REFUSED_BAD_SIZE),
    COSE_CASE("\x43\xa1\x01\x26\xa0", "\x43\xa1\x01\x26\xa1\x01\x26", CLOISTER_REFUSED_BAD_SIZE),
    COSE_CASE("\x26\xa0\x59\x01\xc0", "\x26\xa0\x59\x01\xbf", CLOISTER_REFUSED_BAD_SIZE),
    COSE_CASE("\x26\xa0\x59\x01\xc0", "\x26\xa0\xf6", CLOISTER_REFUSED_BAD_TYPE), /* detached */
};

#define COSE_CASES ((int)(sizeof(cose_cases) / sizeof(cose_cases[0])))

START_TEST(cose_refused)
{
    replace(cose_cases[_i].from, cose_cases[_i].from_size, cose_cases[_i].to,
            cose_cases[_i].to_size);
    decode_fails(cose_cases[_i].code, "reports[1]");
}
END_TEST

/* What is signed, encoded by libcbor from RFC 9052, 4.4, is the prefix and the report. */
START_TEST(cose_sig_structure)
{
    static const uint8_t prefix[] = CLOISTER_REPORT_SIGNED_PREFIX;
    const uint8_t *report = (const uint8_t *)&scene.reports[0];
    const uint8_t header[] = {0xa1, 0x01, 0x26};
    cbor_item_t *array = cbor_new_definite_array(4);
    unsigned char *bytes = NULL;
    size_t size, room;

    ck_assert(cbor_array_push(array, cbor_move(cbor_build_string("Signature1"))));
    ck_assert(cbor_array_push(array, cbor_move(cbor_build_bytestring(header, sizeof(header)))));
    ck_assert(cbor_array_push(array, cbor_move(cbor_build_bytestring(header, 0))));
    ck_assert(cbor_array_push(
        array, cbor_move(cbor_build_bytestring(report, CLOISTER_REPORT_SIGNED_SIZE))));
    size = cbor_serialize_alloc(array, &bytes, &room);
    ck_assert_uint_eq(size, sizeof(prefix) + CLOISTER_REPORT_SIGNED_SIZE);
    ck_assert(!memcmp(bytes, prefix, sizeof(prefix)));
    ck_assert(!memcmp(bytes + sizeof(prefix), report, CLOISTER_REPORT_SIGNED_SIZE));
    free(bytes);
    cbor_decref(&array);
}
END_TEST

START_TEST(cose_same_report)
{
    uint8_t cose[CLOISTER_COSE_REPORT_SIZE + 1];
    struct cloister_report report;

    cloister_report_to_cose(&scene.reports[0], cose);
    ck_assert_int_eq(cloister_report_from_cose(cose, CLOISTER_COSE_REPORT_SIZE, &report), 0);
    ck_assert(!memcmp(&report, &scene.reports[0], sizeof(report)));
    for (size_t size = 0; size < CLOISTER_COSE_REPORT_SIZE; size++) {
        ck_assert_int_eq(cloister_report_from_cose(cose, size, &report), -EBADMSG);
    }
    cose[CLOISTER_COSE_REPORT_SIZE] = 0;
    ck_assert_int_eq(cloister_report_from_cose(cose, sizeof(cose), &report), -EBADMSG);
    /* Both forms of both reports are accepted. */
    for (int forms = 0; forms < 4; forms++) {
        scene.report_forms[0] = forms & 1;
        scene.report_forms[1] = forms >> 1;
        accepts();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("evidence");
    TCase *tcase = tcase_create("encoding");

    scene_prepare();
    tcase_set_timeout(tcase, 240);
    tcase_add_checked_fixture(tcase, start, NULL);
    tcase_add_loop_test(tcase, round_trip, 0, 8);
    tcase_add_test(tcase, encoder_limits);
    tcase_add_test(tcase, encoder_refuses);
    tcase_add_test(tcase, binding);
    tcase_add_test(tcase, truncated);
    tcase_add_test(tcase, followed);
    tcase_add_test(tcase, too_large);
    tcase_add_test(tcase, every_byte);
    tcase_add_test(tcase, versions);
    tcase_add_loop_test(tcase, wrong_whole, 0, WRONG_ITEMS);
    tcase_add_loop_test(tcase, wrong_version, 0, WRONG_ITEMS);
    tcase_add_loop_test(tcase, wrong_place, 0, WRONG_ITEMS);
    tcase_add_test(tcase, keys);
    tcase_add_test(tcase, claimed_sizes);
    tcase_add_test(tcase, longer_heads);
    tcase_add_test(tcase, pcr_items);
    tcase_add_test(tcase, report_items);
    tcase_add_loop_test(tcase, cose_refused, 0, COSE_CASES);
    tcase_add_test(tcase, cose_sig_structure);
    tcase_add_test(tcase, cose_same_report);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
