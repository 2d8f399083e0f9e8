/* SPDX-License-Identifier: MIT */
/* launch_check(): every field of the header, in and out of range, and on the boundary. */
#include <stdio.h>

#include "core/launch.h"
#include "scene.h"
#include "suite.h"

#define BASE CLOISTER_ENCLAVE_BASE
#define END (BASE + (uint64_t)SCENE_PAGE_COUNT * CLOISTER_PAGE_SIZE)
#define WHOLE ((uint64_t)SCENE_PAGE_COUNT * CLOISTER_PAGE_SIZE)

static struct image *image;

static void start(void)
{
    fake_start(1);
    image = scene_image();
}

static int check(struct cloister_head *head)
{
    memset(head, 0, sizeof(*head));
    return launch_check(&image->header, head);
}

#define ACCEPTED()                                                                                 \
    do {                                                                                           \
        struct cloister_head head_;                                                                \
        ck_assert_int_eq(check(&head_), 0);                                                        \
        ck_assert_uint_eq(head_.reason, 0);                                                        \
    } while (0)

#define REFUSED(why, found_value, allowed_value)                                                   \
    do {                                                                                           \
        struct cloister_head head_;                                                                \
        ck_assert_int_eq(check(&head_), -EINVAL);                                                  \
        ck_assert_str_eq(cloister_reason_name(head_.reason), #why);                                \
        ck_assert_uint_eq(head_.found, found_value);                                               \
        ck_assert_uint_eq(head_.allowed, allowed_value);                                           \
    } while (0)

START_TEST(a_good_header)
{
    ACCEPTED();
}
END_TEST

START_TEST(magic_and_versions)
{
    struct cloister_image_header *h = &image->header;

    for (int bit = 0; bit < 64; bit++) {
        h->magic = CLOISTER_IMAGE_MAGIC ^ UINT64_C(1) << bit;
        REFUSED(IMAGE_MAGIC, h->magic, CLOISTER_IMAGE_MAGIC);
    }
    h->magic = CLOISTER_IMAGE_MAGIC;
    for (uint32_t version = 0; version < 5; version++) {
        h->version = version;
        if (version != CLOISTER_IMAGE_VERSION) {
            REFUSED(IMAGE_VERSION, version, CLOISTER_IMAGE_VERSION);
        }
    }
    h->version = UINT32_MAX;
    REFUSED(IMAGE_VERSION, UINT32_MAX, CLOISTER_IMAGE_VERSION);
    h->version = CLOISTER_IMAGE_VERSION;
    h->header_size = 1023;
    REFUSED(IMAGE_VERSION, 1023, 1024);
    h->header_size = 1025;
    REFUSED(IMAGE_VERSION, 1025, 1024);
    h->header_size = 0;
    REFUSED(IMAGE_VERSION, 0, 1024);
}
END_TEST

START_TEST(flags)
{
    image->header.launch.flags = CLOISTER_IMAGE_DEBUG;
    ACCEPTED();
    for (int bit = 1; bit < 32; bit++) {
        image->header.launch.flags = 1u << bit;
        REFUSED(IMAGE_FLAGS, 1u << bit, CLOISTER_IMAGE_DEBUG);
        image->header.launch.flags |= CLOISTER_IMAGE_DEBUG;
        REFUSED(IMAGE_FLAGS, 1u << bit | CLOISTER_IMAGE_DEBUG, CLOISTER_IMAGE_DEBUG);
    }
}
END_TEST

START_TEST(reserved_bytes)
{
    for (size_t i = 0; i < sizeof(image->header.reserved); i++) {
        image->header.reserved[i] = 1;
        REFUSED(RESERVED_NOT_ZERO, 0, 0);
        image->header.reserved[i] = 0;
    }
    for (size_t i = 0; i < 3; i++) {
        image->header.launch.reserved[i] = UINT64_C(1) << 63;
        REFUSED(RESERVED_NOT_ZERO, 0, 0);
        image->header.launch.reserved[i] = 0;
    }
    ACCEPTED();
}
END_TEST

START_TEST(page_count)
{
    struct cloister_launch *l = &image->header.launch;

    l->page_count = 0;
    REFUSED(IMAGE_SIZE, 0, CLOISTER_MAX_PAGES);
    l->page_count = CLOISTER_MAX_PAGES;
    ACCEPTED();
    l->page_count = CLOISTER_MAX_PAGES + 1;
    REFUSED(IMAGE_SIZE, CLOISTER_MAX_PAGES + 1, CLOISTER_MAX_PAGES);
    l->page_count = UINT32_MAX;
    REFUSED(IMAGE_SIZE, UINT32_MAX, CLOISTER_MAX_PAGES);
}
END_TEST

START_TEST(record_count)
{
    struct cloister_launch *l = &image->header.launch;

    l->record_count = 0;
    REFUSED(IMAGE_SIZE, 0, SCENE_PAGE_COUNT);
    l->record_count = 1;
    ACCEPTED();
    l->record_count = SCENE_PAGE_COUNT;
    ACCEPTED();
    l->record_count = SCENE_PAGE_COUNT + 1;
    REFUSED(IMAGE_SIZE, SCENE_PAGE_COUNT + 1, SCENE_PAGE_COUNT);
    l->record_count = UINT32_MAX;
    REFUSED(IMAGE_SIZE, UINT32_MAX, SCENE_PAGE_COUNT);
}
END_TEST

START_TEST(thread_count)
{
    struct cloister_launch *l = &image->header.launch;

    l->thread_count = 0;
    REFUSED(IMAGE_THREADS, 0, CLOISTER_MAX_THREADS);
    l->thread_count = 1;
    ACCEPTED();
    l->thread_count = CLOISTER_MAX_THREADS;
    ACCEPTED();
    l->thread_count = CLOISTER_MAX_THREADS + 1;
    REFUSED(IMAGE_THREADS, CLOISTER_MAX_THREADS + 1, CLOISTER_MAX_THREADS);
    l->thread_count = UINT32_MAX;
    REFUSED(IMAGE_THREADS, UINT32_MAX, CLOISTER_MAX_THREADS);
}
END_TEST

START_TEST(shared_count)
{
    struct cloister_launch *l = &image->header.launch;

    l->shared_count = 0;
    REFUSED(IMAGE_SHARED, 0, CLOISTER_MAX_SHARED_PAGES);
    l->shared_count = 1;
    ACCEPTED();
    l->shared_count = CLOISTER_MAX_SHARED_PAGES;
    ACCEPTED();
    l->shared_count = CLOISTER_MAX_SHARED_PAGES + 1;
    REFUSED(IMAGE_SHARED, CLOISTER_MAX_SHARED_PAGES + 1, CLOISTER_MAX_SHARED_PAGES);
    l->shared_count = UINT32_MAX;
    REFUSED(IMAGE_SHARED, UINT32_MAX, CLOISTER_MAX_SHARED_PAGES);
}
END_TEST

START_TEST(root_page_table)
{
    struct cloister_launch *l = &image->header.launch;

    l->cr3_page = 0;
    ACCEPTED();
    l->cr3_page = SCENE_PAGE_COUNT - 1;
    ACCEPTED();
    l->cr3_page = SCENE_PAGE_COUNT;
    REFUSED(IMAGE_LAYOUT, SCENE_PAGE_COUNT, 0);
    l->cr3_page = UINT32_MAX;
    REFUSED(IMAGE_LAYOUT, UINT32_MAX, 0);
}
END_TEST

/* Where an area of `size` bytes may start, and where not. `field`: its place in the check. */
static void check_area(uint64_t *address, uint64_t size, unsigned int field)
{
    const uint64_t good[] = {BASE, BASE + 1, END - size};
    const uint64_t bad[] = {0,
                            1,
                            BASE - 1,
                            END - size + 1,
                            END + 1,
                            UINT64_MAX,
                            UINT64_MAX - size,
                            UINT64_C(0xffff800000000000),
                            CLOISTER_SHARED_BASE};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        *address = good[i];
        ACCEPTED();
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        *address = bad[i];
        REFUSED(IMAGE_LAYOUT, bad[i], field);
    }
}

START_TEST(entry_point)
{
    check_area(&image->header.launch.entry, 1, 1);
}
END_TEST

START_TEST(descriptor_tables)
{
    struct cloister_launch *l = &image->header.launch;

    for (uint32_t limit = 0x1f; limit <= 0xffff; limit += 0x1010) {
        l->gdt_limit = limit;
        check_area(&l->gdt_base, limit + 1, 5);
        l->gdt_base = BASE;
    }
    l->gdt_limit = 0xffff;
    check_area(&l->gdt_base, 0x10000, 5);
    l->gdt_base = BASE;
    l->idt_limit = 0;
    check_area(&l->idt_base, 1, 6);
    l->idt_limit = 0xffff;
    check_area(&l->idt_base, 0x10000, 6);
}
END_TEST

/* Areas of threads: one, a few and the most of them; strides at their limits. */
static void check_strided(uint64_t *base, uint64_t *stride, uint64_t size, unsigned int field)
{
    struct cloister_launch *l = &image->header.launch;
    static const uint32_t threads[] = {1, 2, 3, CLOISTER_MAX_THREADS};
    uint64_t good_stride[4] = {l->stack_stride, l->tls_stride, l->tss_stride};
    uint64_t good_base[4] = {l->stack_top, l->tls_base, l->tss_base};

    for (size_t t = 0; t < 4; t++) {
        static const uint64_t strides[] = {0, 1, 104, 4096, 65536};
        l->thread_count = threads[t];
        for (size_t s = 0; s < 5; s++) {
            *stride = strides[s];
            check_area(base, (threads[t] - 1) * strides[s] + size, field);
        }
        *base = BASE;
        *stride = threads[t] == 1 ? WHOLE : (WHOLE - size) / (threads[t] - 1);
        ACCEPTED();
        ++*stride;
        REFUSED(IMAGE_LAYOUT, BASE, field);
        static const uint64_t wild[] = {UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 58,
                                        UINT64_MAX / 63, UINT64_MAX / 63 + 1};
        for (size_t s = 0; s < sizeof(wild) / sizeof(wild[0]); s++) {
            *stride = wild[s];
            REFUSED(IMAGE_LAYOUT, BASE, field);
        }
        l->stack_stride = good_stride[0];
        l->tls_stride = good_stride[1];
        l->tss_stride = good_stride[2];
        l->stack_top = good_base[0];
        l->tls_base = good_base[1];
        l->tss_base = good_base[2];
    }
}

START_TEST(stacks)
{
    /* A stack's top may be the very end. */
    check_strided(&image->header.launch.stack_top, &image->header.launch.stack_stride, 0, 2);
}
END_TEST

START_TEST(thread_storage)
{
    check_strided(&image->header.launch.tls_base, &image->header.launch.tls_stride, 0, 3);
}
END_TEST

START_TEST(task_state_segments)
{
    check_strided(&image->header.launch.tss_base, &image->header.launch.tss_stride, 104, 4);
}
END_TEST

static void check_selector(uint16_t *selector, unsigned int field)
{
    image->header.launch.gdt_limit = 0x27;
    for (uint32_t value = 0; value <= UINT16_MAX; value++) {
        *selector = value;
        struct cloister_head head;
        int rc = check(&head);
        bool good = value % 8 == 0 && value + 7 <= 0x27;
        if (good != (rc == 0) || (!good && (head.reason != CLOISTER_REASON_IMAGE_LAYOUT ||
                                            head.found != value || head.allowed != field))) {
            ck_abort_msg("selector %#x: %d", value, rc);
        }
    }
}

START_TEST(selectors)
{
    check_selector(&image->header.launch.code_selector, 7);
    image->header.launch.code_selector = 8;
    check_selector(&image->header.launch.data_selector, 8);
}
END_TEST

START_TEST(a_descriptor_that_the_limit_cuts_off)
{
    image->header.launch.gdt_limit = 0x16; /* one byte short of the third descriptor */
    REFUSED(IMAGE_LAYOUT, 16, 8);
    image->header.launch.gdt_limit = 0x17;
    ACCEPTED();
    image->header.launch.gdt_limit = 0;
    REFUSED(IMAGE_LAYOUT, 8, 7);
}
END_TEST

/* No header, however wild, is read wrongly or makes a sum overflow (sanitizers look on). */
START_TEST(random_headers)
{
    struct cloister_head head;
    uint64_t random = 88172645463325252u;

    for (int i = 0; i < 200000; i++) {
        struct cloister_launch *l = &image->header.launch;
        uint64_t *words = (uint64_t *)l;
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        words[random % (sizeof(*l) / 8)] = i % 3 ? random : END - random % 4096;
        int rc = check(&head);
        ck_assert(rc == 0 || (rc == -EINVAL && head.reason != 0));
        if (i % 16 == 0) {
            image = scene_image();
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch");
    TCase *cases = suite_case(suite, "fields", 60);

    tcase_add_checked_fixture(cases, start, NULL);
    tcase_add_test(cases, a_good_header);
    tcase_add_test(cases, magic_and_versions);
    tcase_add_test(cases, flags);
    tcase_add_test(cases, reserved_bytes);
    tcase_add_test(cases, page_count);
    tcase_add_test(cases, record_count);
    tcase_add_test(cases, thread_count);
    tcase_add_test(cases, shared_count);
    tcase_add_test(cases, root_page_table);
    tcase_add_test(cases, entry_point);
    tcase_add_test(cases, descriptor_tables);
    tcase_add_test(cases, stacks);
    tcase_add_test(cases, thread_storage);
    tcase_add_test(cases, task_state_segments);
    tcase_add_test(cases, selectors);
    tcase_add_test(cases, a_descriptor_that_the_limit_cuts_off);
    tcase_add_test(cases, random_headers);
    return suite_run(suite);
}
