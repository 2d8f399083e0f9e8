/* SPDX-License-Identifier: MIT */
/* Sizes as people write them. */
#include "base/size.h"

#include "../suite.h"

static uint64_t frames;

START_TEST(sizes)
{
    static const struct {
        const char *text;
        uint64_t frames;
    } good[] = {
        {"0", 0},         {"1", 256},
        {"64", 16384},    {"64M", 16384},
        {"64MiB", 16384}, {"64 MiB", 16384},
        {"1G", 262144},   {"1GiB", 262144},
        {"4K", 1},        {"1K", 1},
        {"5K", 2},        {"512k", 128},
        {"1T", 1u << 28}, {"4096T", UINT64_C(1) << 40},
    };
    static const char *const bad[] = {
        "",
        " ",
        "M",
        "-1",
        "+1",
        "1.5G",
        "5X",
        "5MB",
        "5 ",
        "5  M",
        "0x10",
        "64M ",
        "64MM",
        "4097T",
        "18446744073709551616",
        "18446744073709551615T",
        "99999999999999999999999",
        "1e3",
        "default",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_msg(size_parse(good[i].text, &frames), "%s", good[i].text);
        ck_assert_uint_eq(frames, good[i].frames);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!size_parse(bad[i], &frames), "%s", bad[i]);
}
END_TEST

START_TEST(printing)
{
    char text[32];

    size_print(0, text);
    ck_assert_str_eq(text, "0 KiB");
    size_print(3, text);
    ck_assert_str_eq(text, "12 KiB");
    size_print(16384, text);
    ck_assert_str_eq(text, "64 MiB");
    size_print(393216, text);
    ck_assert_str_eq(text, "1.5 GiB");
    size_print(SIZE_MAX_FRAMES, text);
    ck_assert_str_eq(text, "4096 TiB");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base size");
    TCase *tcase = tcase_create("size");

    tcase_add_test(tcase, sizes);
    tcase_add_test(tcase, printing);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
