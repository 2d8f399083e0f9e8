/* SPDX-License-Identifier: MIT */
/* Sizes as libvirt writes them, and the files that keep them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/size.h"
#include "domains/quota.h"
#include "../../suite.h"
#include "base/textfile.h"

#define UUID "c0a4fe59-ade9-41b7-8b02-8254df4c5870"

static uint64_t frames;

START_TEST(metadata)
{
    static const struct {
        const char *xml;
        uint64_t frames;
    } good[] = {
        {"<enclave-memory unit='MiB'>64</enclave-memory>", 16384},
        {"<enclave-memory unit=\"MiB\">64</enclave-memory>\n", 16384},
        {"<cloister:enclave-memory xmlns:cloister='https://cloister.dev/xmlns/domain/1' "
         "unit='GiB'>1</cloister:enclave-memory>",
         262144},
        {" <enclave-memory\n unit = 'KiB' >\n 8 \n</enclave-memory>", 2},
        {"<enclave-memory>8</enclave-memory>", 2},
        {"<enclave-memory unit='b'>4097</enclave-memory>", 2},
        {"<enclave-memory unit='MB'>1</enclave-memory>", 245},
        {"<enclave-memory unit='MiB'>0</enclave-memory>", 0},
    };
    static const char *const bad[] = {
        "",
        "64",
        "<",
        "<enclave-memory",
        "<enclave-memory>",
        "<enclave-memory/>",
        "<enclave-memory unit='MiB'/>",
        "<enclave-memory></enclave-memory>",
        "<enclave-memory unit='MiB'>64",
        "<enclave-memory unit='MiB>64</enclave-memory>",
        "<enclave-memory unit='furlong'>64</enclave-memory>",
        "<enclave-memory unit=''>64</enclave-memory>",
        "<enclave-memory unit>64</enclave-memory>",
        "<enclave-memory unit=MiB>64</enclave-memory>",
        "<enclave-memory unit='MiB'>-64</enclave-memory>",
        "<enclave-memory unit='MiB'>64 MiB</enclave-memory>",
        "<enclave-memory unit='MiB'>sixty-four</enclave-memory>",
        "<enclave-memory unit='TiB'>99999999</enclave-memory>",
        "<enclave-memory unit='TiB'>18446744073709551615</enclave-memory>",
        "<enclave-memory><b>64</b></enclave-memory>",
        "<enclave-memories>64</enclave-memories>",
        "<a:b:enclave-memory>64</a:b:enclave-memory>",
        "<other>64</other>",
        "<!-- enclave-memory -->",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_msg(quota_parse_metadata(good[i].xml, &frames), "%s", good[i].xml);
        ck_assert_uint_eq(frames, good[i].frames);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!quota_parse_metadata(bad[i], &frames), "%s", bad[i]);
}
END_TEST

/* Every prefix of an element, in memory of exactly its size. */
START_TEST(metadata_cut_off)
{
    static const char xml[] =
        "<c:enclave-memory xmlns:c='https://cloister.dev' unit='MiB'>64</c:enclave-memory>";

    for (size_t size = 0; size < sizeof(xml) - 1; size++) {
        char *part = strndup(xml, size);

        bool whole = size >= (size_t)(strstr(xml, "</") + 2 - xml);
        ck_assert_int_eq(quota_parse_metadata(part, &frames), whole);
        free(part);
    }
}
END_TEST

START_TEST(metadata_noise)
{
    static const char xml[] = "<c:enclave-memory x='y' unit='MiB'>64</c:enclave-memory>";
    unsigned long long state = 11;

    for (unsigned int round = 0; round < 100000; round++) {
        char *copy = strdup(xml);

        for (unsigned int i = (unsigned int)(next_random(&state) % 4); i > 0; i--)
            copy[next_random(&state) % (sizeof(xml) - 1)] = (char)next_random(&state);
        if (quota_parse_metadata(copy, &frames))
            ck_assert_uint_le(frames, SIZE_MAX_FRAMES);
        free(copy);
    }
}
END_TEST

START_TEST(uuids)
{
    static const char *const bad[] = {
        "",
        "c0a4fe59",
        "C0A4FE59-ADE9-41B7-8B02-8254DF4C5870",
        "../../../../etc/passwd",
        UUID "0",
        UUID "/",
        "c0a4fe59-ade9-41b7-8b02-8254df4c587",
        "c0a4fe59_ade9_41b7_8b02_8254df4c5870",
        "c0a4fe59-ade9-41b7-8b02-8254df4c587g",
        "-0a4fe59-ade9-41b7-8b02-8254df4c5870",
    };

    ck_assert(quota_is_uuid(UUID));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert(!quota_is_uuid(bad[i]));
        ck_assert_int_eq(quota_set_override("/tmp", bad[i], &frames), -EINVAL);
        ck_assert_int_eq(quota_override("/tmp", bad[i], &frames), -ENOENT);
    }
}
END_TEST

START_TEST(overrides)
{
    char directory[] = "/tmp/cloister-quota-XXXXXX", path[128];
    uint64_t value = 12345;

    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(quota_override(directory, UUID, &frames), -ENOENT);
    ck_assert_int_eq(quota_set_override(directory, UUID, &value), 0);
    ck_assert_int_eq(quota_override(directory, UUID, &frames), 0);
    ck_assert_uint_eq(frames, 12345);
    value = 0;
    ck_assert_int_eq(quota_set_override(directory, UUID, &value), 0);
    ck_assert_int_eq(quota_override(directory, UUID, &frames), 0);
    ck_assert_uint_eq(frames, 0);
    snprintf(path, sizeof(path), "%s/%s", directory, UUID);
    ck_assert_int_eq(textfile_replace(path, "plenty\n"), 0);
    ck_assert_int_eq(quota_override(directory, UUID, &frames), -EINVAL);
    ck_assert_int_eq(textfile_replace(path, ""), 0);
    ck_assert_int_eq(quota_override(directory, UUID, &frames), -EINVAL);
    char large[200];
    memset(large, '1', sizeof(large));
    large[199] = 0;
    ck_assert_int_eq(textfile_replace(path, large), 0);
    ck_assert_int_eq(quota_override(directory, UUID, &frames), -EFBIG);
    ck_assert_int_eq(quota_set_override(directory, UUID, NULL), 0);
    ck_assert_int_eq(quota_set_override(directory, UUID, NULL), 0);
    ck_assert_int_eq(quota_override(directory, UUID, &frames), -ENOENT);
    rmdir(directory);
    /* a directory that is not there yet is made; one that cannot be is an error */
    ck_assert_int_eq(quota_set_override(directory, UUID, &value), 0);
    ck_assert_int_eq(quota_set_override(directory, UUID, NULL), 0);
    rmdir(directory);
    ck_assert_int_lt(quota_set_override("/proc/none/quota.d", UUID, &value), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("quota");
    TCase *tests = tcase_create("sizes");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, metadata);
    tcase_add_test(tests, metadata_cut_off);
    tcase_add_test(tests, metadata_noise);
    tcase_add_test(tests, uuids);
    tcase_add_test(tests, overrides);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
