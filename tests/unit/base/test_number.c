/* SPDX-License-Identifier: MIT */
/* Numbers and bytes as text: what they are, and what they are not. */
#include <string.h>

#include "base/hex.h"
#include "base/number.h"

#include "../suite.h"

START_TEST(numbers)
{
    static const struct {
        const char *text;
        unsigned int base;
        uint64_t least, most, value;
    } good[] = {
        {"0", 10, 0, 0, 0},
        {"007", 10, 7, 7, 7},
        {"18446744073709551615", 10, 0, UINT64_MAX, UINT64_MAX},
        {"0000000000000000000000000000001", 10, 0, 1, 1},
        {"0777", 8, 0, 0777, 0777},
        {"fFfFfFfFfFfFfFfF", 16, 0, UINT64_MAX, UINT64_MAX},
        {"10", 2, 2, 2, 2},
    };
    static const struct {
        const char *text;
        unsigned int base;
        uint64_t least, most;
    } bad[] = {
        {"", 10, 0, UINT64_MAX},
        {" 1", 10, 0, UINT64_MAX},
        {"1 ", 10, 0, UINT64_MAX},
        {"1\n", 10, 0, UINT64_MAX},
        {"+1", 10, 0, UINT64_MAX},
        {"-1", 10, 0, UINT64_MAX},
        {"-0", 10, 0, UINT64_MAX},
        {"0x1", 10, 0, UINT64_MAX},
        {"0x1", 16, 0, UINT64_MAX},
        {"1e3", 10, 0, UINT64_MAX},
        {"1.0", 10, 0, UINT64_MAX},
        {"8", 8, 0, UINT64_MAX},
        {"a", 10, 0, UINT64_MAX},
        {"g", 16, 0, UINT64_MAX},
        {"18446744073709551616", 10, 0, UINT64_MAX},
        {"99999999999999999999999999", 10, 0, UINT64_MAX},
        {"10000000000000000", 16, 0, UINT64_MAX},
        {"5", 10, 6, 7},
        {"8", 10, 6, 7},
    };
    uint64_t number;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_msg(number_read(good[i].text, good[i].base, good[i].least, good[i].most, &number),
                      "%s", good[i].text);
        ck_assert_uint_eq(number, good[i].value);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        number = 77;
        ck_assert_msg(!number_read(bad[i].text, bad[i].base, bad[i].least, bad[i].most, &number),
                      "%s", bad[i].text);
        ck_assert_uint_eq(number, 77);
    }
}
END_TEST

START_TEST(bytes)
{
    static const char *const bad[] = {"0",  "0g", "g0",    " 00",      "00 ",        "0x00",
                                      "+1", "-1", "00 00", "\xc3\xa4", "0011223344", "001"};
    uint8_t data[4] = {0};
    char text[9];

    ck_assert_int_eq(hex_read("", data, sizeof(data)), 0);
    ck_assert_int_eq(hex_read("0aFf", data, sizeof(data)), 2);
    ck_assert(data[0] == 0x0a && data[1] == 0xff);
    ck_assert_int_eq(hex_read("00112233", data, sizeof(data)), 4);
    ck_assert(hex_decode("DEADbeef", data, 4));
    hex_encode(data, 4, text);
    ck_assert_str_eq(text, "deadbeef");
    ck_assert(!hex_decode("deadbeef", data, 3));
    ck_assert(!hex_decode("dead", data, 3));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(hex_read(bad[i], data, sizeof(data)) == -1, "%s", bad[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base number");
    TCase *tcase = tcase_create("number");

    tcase_add_test(tcase, numbers);
    tcase_add_test(tcase, bytes);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
