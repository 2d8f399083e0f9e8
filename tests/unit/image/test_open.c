/* SPDX-License-Identifier: MIT */
/* What cloister_image_open() refuses, and how it says so. */
#include "sample.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "suite.h"

static struct sample sample;

static void setup(void)
{
    sample_make(&sample);
}

START_TEST(good)
{
    struct cloister_image image;

    ck_assert_int_eq(cloister_image_open((void *)&sample, sizeof(sample), &image, NULL), 0);
    ck_assert_ptr_eq(image.header, &sample.header);
    ck_assert_ptr_eq(image.records, sample.records);
    ck_assert_ptr_eq(image.content, sample.content);
    ck_assert_uint_eq(image.content_count, SAMPLE_CONTENT);
    ck_assert_uint_eq(image.size, sizeof(sample));
    ck_assert_ptr_eq(cloister_image_page(&image, 0), sample.content[0]);
    ck_assert_ptr_null(cloister_image_page(&image, 1));
    ck_assert_ptr_null(cloister_image_page(&image, 2));
    ck_assert_ptr_eq(cloister_image_page(&image, 3), sample.content[1]);
}
END_TEST

START_TEST(good_without_content)
{
    for (size_t i = 0; i < SAMPLE_RECORDS; i++) {
        sample.records[i].flags |= CLOISTER_PAGE_ZERO;
    }
    ck_assert_int_eq(sample_open(&sample, 1024 + sizeof(sample.records), NULL), 0);
    sample_refused(&sample, CLOISTER_REASON_IMAGE_INCOMPLETE, "file");
}
END_TEST

START_TEST(every_truncation)
{
    struct cloister_image_error error;

    for (size_t size = 0; size < sizeof(sample); size++) {
        REQUIRE(sample_open(&sample, size, &error) == -EINVAL);
        REQUIRE(!strcmp(error.field, "file") && error.found == size && error.allowed > size);
        REQUIRE(error.reason ==
                (size < 1024 ? CLOISTER_REASON_IMAGE_MAGIC : CLOISTER_REASON_IMAGE_INCOMPLETE));
    }
}
END_TEST

START_TEST(too_long)
{
    struct cloister_image_error error;
    uint8_t *longer = calloc(1, sizeof(sample) + 4096);

    memcpy(longer, &sample, sizeof(sample));
    for (size_t more = 1; more <= 4096; more *= 2) {
        ck_assert_int_eq(sample_open(longer, sizeof(sample) + more, &error), -EINVAL);
        ck_assert_uint_eq(error.reason, CLOISTER_REASON_IMAGE_INCOMPLETE);
        ck_assert_uint_eq(error.found, sizeof(sample) + more);
        ck_assert_uint_eq(error.allowed, sizeof(sample));
        ck_assert_ptr_nonnull(strstr(error.text, "too long"));
    }
    free(longer);
}
END_TEST

/* Every value of `values` in this field of the header is refused. */
#define REFUSED(member, reason, ...)                                                               \
    do {                                                                                           \
        const uint64_t values[] = {__VA_ARGS__};                                                   \
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {                          \
            sample_make(&sample);                                                                  \
            sample.header.member = (__typeof__(sample.header.member))values[i];                    \
            sample_refused(&sample, CLOISTER_REASON_##reason, #member);                            \
        }                                                                                          \
    } while (0)
#define END (CLOISTER_ENCLAVE_BASE + 5 * 4096)

START_TEST(identity)
{
    REFUSED(magic, IMAGE_MAGIC, 0, CLOISTER_IMAGE_MAGIC + 1, UINT64_MAX);
    REFUSED(version, IMAGE_VERSION, 0, 2, UINT32_MAX);
    REFUSED(header_size, IMAGE_VERSION, 0, 1023, 1025, 4096, UINT32_MAX);
    REFUSED(launch.flags, IMAGE_FLAGS, 2, 3, 1u << 31, UINT32_MAX);
}
END_TEST

START_TEST(counts)
{
    REFUSED(launch.page_count, IMAGE_SIZE, 0, CLOISTER_MAX_PAGES + 1, UINT32_MAX);
    REFUSED(launch.record_count, IMAGE_SIZE, 0, 6, CLOISTER_MAX_PAGES, UINT32_MAX);
    REFUSED(launch.thread_count, IMAGE_THREADS, 0, CLOISTER_MAX_THREADS + 1, UINT32_MAX);
    REFUSED(launch.shared_count, IMAGE_SHARED, 0, CLOISTER_MAX_SHARED_PAGES + 1, UINT32_MAX);
}
END_TEST

START_TEST(launch_state)
{
    REFUSED(launch.cr3_page, IMAGE_LAYOUT, 5, UINT32_MAX);
    REFUSED(launch.entry, IMAGE_LAYOUT, 0, CLOISTER_ENCLAVE_BASE - 1, END, UINT64_MAX);
    REFUSED(launch.stack_top, IMAGE_LAYOUT, 0, CLOISTER_ENCLAVE_BASE - 8, END - 0x1000 + 1, END + 8,
            UINT64_MAX);
}
END_TEST

START_TEST(launch_areas)
{
    REFUSED(launch.tls_base, IMAGE_LAYOUT, 0, CLOISTER_ENCLAVE_BASE - 1, END - 63, UINT64_MAX);
    REFUSED(launch.tss_base, IMAGE_LAYOUT, 0, CLOISTER_ENCLAVE_BASE - 1, END - 128 - 103, END,
            UINT64_MAX - 50);
    REFUSED(launch.gdt_base, IMAGE_LAYOUT, 0, CLOISTER_ENCLAVE_BASE - 1, END - 23, UINT64_MAX);
    REFUSED(launch.idt_base, IMAGE_LAYOUT, 0, CLOISTER_ENCLAVE_BASE - 1, END - 511, UINT64_MAX);
    REFUSED(launch.code_selector, IMAGE_LAYOUT, 9, 11, 12, 24, UINT16_MAX);
    REFUSED(launch.data_selector, IMAGE_LAYOUT, 17, 19, 24, 32, UINT16_MAX);
}
END_TEST

/* A stride is the fault of the area that it makes too long. */
START_TEST(launch_strides)
{
    const uint64_t values[] = {0x5001, UINT64_C(1) << 63, UINT64_MAX};

    for (size_t i = 0; i < 3; i++) {
        sample_make(&sample);
        sample.header.launch.stack_stride = values[i];
        sample_refused(&sample, CLOISTER_REASON_IMAGE_LAYOUT, "launch.stack_top");
        sample_make(&sample);
        sample.header.launch.tls_stride = values[i];
        sample_refused(&sample, CLOISTER_REASON_IMAGE_LAYOUT, "launch.tls_base");
        sample_make(&sample);
        sample.header.launch.tss_stride = values[i];
        sample_refused(&sample, CLOISTER_REASON_IMAGE_LAYOUT, "launch.tss_base");
    }
    sample_make(&sample);
    sample.header.launch.gdt_limit = 22;
    sample_refused(&sample, CLOISTER_REASON_IMAGE_LAYOUT, "launch.data_selector");
    sample_make(&sample);
    sample.header.launch.gdt_limit = 14;
    sample_refused(&sample, CLOISTER_REASON_IMAGE_LAYOUT, "launch.code_selector");
    sample_make(&sample);
    sample.header.launch.gdt_base = END - 64;
    sample.header.launch.gdt_limit = 64;
    sample_refused(&sample, CLOISTER_REASON_IMAGE_LAYOUT, "launch.gdt_base");
}
END_TEST

START_TEST(reserved)
{
    for (size_t i = 0; i < sizeof(sample.header.reserved); i++) {
        sample_make(&sample);
        sample.header.reserved[i] = 1;
        sample_refused(&sample, CLOISTER_REASON_RESERVED_NOT_ZERO, "reserved");
    }
    for (size_t i = 0; i < sizeof(sample.header.launch.reserved); i++) {
        sample_make(&sample);
        ((uint8_t *)sample.header.launch.reserved)[i] = 0x80;
        sample_refused(&sample, CLOISTER_REASON_RESERVED_NOT_ZERO, "launch.reserved");
    }
}
END_TEST

static void record_refused(uint32_t index, struct cloister_page_record record,
                           enum cloister_reason reason)
{
    struct cloister_image_error error;
    char name[32];

    sample_make(&sample);
    sample.records[index] = record;
    sample_refused(&sample, reason, "record");
    ck_assert_int_eq(sample_open(&sample, sizeof(sample), &error), -EINVAL);
    snprintf(name, sizeof(name), "record %u:", index);
    ck_assert_int_eq(strncmp(error.text, name, strlen(name)), 0);
    ck_assert_uint_eq(error.index, index);
}

START_TEST(records)
{
    const uint32_t r = CLOISTER_PAGE_R, w = CLOISTER_PAGE_W, x = CLOISTER_PAGE_X;

    record_refused(3, (struct cloister_page_record){5, r}, CLOISTER_REASON_PAGE_RANGE);
    record_refused(0, (struct cloister_page_record){UINT32_MAX, r}, CLOISTER_REASON_PAGE_RANGE);
    record_refused(1, (struct cloister_page_record){0, r}, CLOISTER_REASON_PAGE_DUPLICATE);
    record_refused(2, (struct cloister_page_record){1, r}, CLOISTER_REASON_PAGE_DUPLICATE);
    record_refused(2, (struct cloister_page_record){0, r}, CLOISTER_REASON_PAGE_DUPLICATE);
    record_refused(3, (struct cloister_page_record){2, r}, CLOISTER_REASON_PAGE_DUPLICATE);
    record_refused(0, (struct cloister_page_record){0, 0}, CLOISTER_REASON_PAGE_FLAGS);
    record_refused(0, (struct cloister_page_record){0, w}, CLOISTER_REASON_PAGE_FLAGS);
    record_refused(0, (struct cloister_page_record){0, x}, CLOISTER_REASON_PAGE_FLAGS);
    record_refused(0, (struct cloister_page_record){0, r | w | x}, CLOISTER_REASON_PAGE_FLAGS);
    record_refused(0, (struct cloister_page_record){0, w | x}, CLOISTER_REASON_PAGE_FLAGS);
    for (uint32_t bit = 4; bit < 32; bit++) {
        record_refused(3, (struct cloister_page_record){4, r | UINT32_C(1) << bit},
                       CLOISTER_REASON_PAGE_FLAGS);
    }
}
END_TEST

/* One page more or less of content than the records say. */
START_TEST(content)
{
    sample.records[1].flags &= ~CLOISTER_PAGE_ZERO;
    sample_refused(&sample, CLOISTER_REASON_IMAGE_INCOMPLETE, "file");
    sample_make(&sample);
    sample.records[0].flags |= CLOISTER_PAGE_ZERO;
    sample_refused(&sample, CLOISTER_REASON_IMAGE_INCOMPLETE, "file");
    sample_make(&sample);
    sample.header.launch.record_count = 3;
    sample_refused(&sample, CLOISTER_REASON_IMAGE_INCOMPLETE, "file");
}
END_TEST

/* Whatever it is: an answer, and no access outside (the sanitizers see to that). */
START_TEST(random_mutations)
{
    static const size_t hot = sizeof(struct cloister_image_header) + 8 * SAMPLE_RECORDS;
    struct cloister_image_error error;
    struct sample mutated;
    unsigned int accepted = 0;

    srand(1);
    for (unsigned int round = 0; round < 100000; round++) {
        const unsigned int changes = 1 + (unsigned int)rand() % 4;
        size_t size = sizeof(mutated);

        mutated = sample;
        for (unsigned int i = 0; i < changes; i++) {
            uint8_t *byte = (uint8_t *)&mutated + (size_t)rand() % hot;

            *byte = rand() % 2 ? (uint8_t)rand() : *byte ^ (uint8_t)(1 << rand() % 8);
        }
        if (rand() % 8 == 0) {
            size = (size_t)rand() % sizeof(mutated);
        }
        memset(&error, 0, sizeof(error));
        if (sample_open(&mutated, size, &error)) {
            REQUIRE(error.field && error.reason != CLOISTER_REASON_NONE && strlen(error.text) > 10);
        } else {
            accepted++;
        }
    }
    /* Names, versions, key and signature are free. */
    ck_assert_uint_gt(accepted, 1000);
}
END_TEST

SUITE_MAIN("image open", setup, good, good_without_content, every_truncation, too_long, identity,
           counts, launch_state, launch_areas, launch_strides, reserved, records, content,
           random_mutations)
