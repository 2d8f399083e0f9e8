/* SPDX-License-Identifier: MIT */
/* Unified images: what Xen would take from elsewhere, which PCR 4 does not cover. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cloister/predict.h"
#include "../suite.h"

/* Offsets in the file that start() makes: a PE32+ without a signature. */
enum {
    COFF = 64,
    OPTIONAL = COFF + 24,
    DIRECTORIES = OPTIONAL + 112,
    SECTIONS = OPTIONAL + 240,
    HEADERS = 1024,
    PIECE = 256, /* of each section */
};

static uint8_t image[HEADERS + 8 * PIECE];
static size_t image_size;
static uint32_t sections;
static char path[] = "/tmp/cloister-unified-XXXXXX";

static void put(size_t offset, uint32_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        image[offset + i] = (uint8_t)(value >> (8 * i));
    }
}

static void start(void)
{
    memset(image, 0, sizeof(image));
    memcpy(image, "MZ", 2);
    put(60, COFF, 4);
    memcpy(image + COFF, "PE\0\0", 4);
    put(COFF + 20, 240, 2);
    put(OPTIONAL, 0x20b, 2);
    put(OPTIONAL + 60, HEADERS, 4);
    put(DIRECTORIES - 4, 16, 4);
    image_size = HEADERS;
    sections = 0;
}

static void add(const char *name, const char *text)
{
    const size_t entry = SECTIONS + 40 * sections, size = strlen(text);

    put(COFF + 6, ++sections, 2);
    memcpy(image + entry, name, strlen(name));
    put(entry + 8, (uint32_t)size, 4);
    put(entry + 16, PIECE, 4);
    put(entry + 20, (uint32_t)image_size, 4);
    memcpy(image + image_size, text, size);
    image_size += PIECE;
}

static struct cloister_plan measure(void)
{
    struct cloister_plan plan = {NULL, 0};
    FILE *file;
    int descriptor;

    strcpy(path + strlen(path) - 6, "XXXXXX");
    descriptor = mkstemp(path);
    file = fdopen(descriptor, "w");
    ck_assert(file && fwrite(image, 1, image_size, file) == image_size && !fclose(file));
    ck_assert_int_eq(cloister_plan_application(&plan, 4, path), 0);
    unlink(path);
    ck_assert(plan.events[0].application);
    return plan;
}

static void lacks(const char *what)
{
    struct cloister_plan plan = measure();

    ck_assert_msg(plan.events[0].outside && strstr(plan.events[0].outside, what), "%s, not %s",
                  plan.events[0].outside, what);
    cloister_plan_free(&plan);
}

static void whole(void)
{
    struct cloister_plan plan = measure();

    ck_assert_msg(!plan.events[0].outside, "%s", plan.events[0].outside);
    cloister_plan_free(&plan);
}

#define CONFIG "[global]\ndefault=x\n\n[x]\noptions=a\nkernel=vmlinuz b\nramdisk=initrd.img\n"

START_TEST(whole_image)
{
    add(".text", "code");
    add(".config", CONFIG);
    add(".kernel", "kernel");
    add(".ramdisk", "ramdisk");
    whole();
}
END_TEST

START_TEST(missing_sections)
{
    add(".text", "code");
    lacks("no section .config");
    add(".kernel", "kernel");
    add(".ramdisk", "ramdisk");
    lacks("no section .config");
    start();
    add(".config", CONFIG);
    add(".ramdisk", "ramdisk");
    lacks("no section .kernel");
    add(".kernel", "");
    lacks("no section .kernel");
    start();
    add(".config", CONFIG);
    add(".kernel", "kernel");
    lacks("a ramdisk that is no section");
    add(".ramdisk", "ramdisk");
    whole();
}
END_TEST

/* Names that are no names of these sections. */
START_TEST(other_names)
{
    static const char *const names[] = {".confi", ".configx", "config", ".CONFIG", ".config\x01"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        start();
        add(names[i], CONFIG);
        add(".kernel", "kernel");
        add(".ramdisk", "ramdisk");
        lacks("no section .config");
    }
    start();
    add(".config", ""); /* the first of a name counts */
    add(".config", CONFIG);
    add(".kernel", "kernel");
    add(".ramdisk", "ramdisk");
    lacks("no section .config");
}
END_TEST

static const struct {
    const char *config, *lacks; /* NULL: nothing */
} configs[] = {
    {"[x]\nkernel=k", NULL},
    {"[x]\nkernel=k\nramdisk=r\n", "a ramdisk"},
    {"[x]\nkernel=k\r\n \tramdisk= r", "a ramdisk"},
    {"[x]\nkernel=k\n[y]\nxsm=policy", "an xsm policy"},
    {"ucode=u\n[x]\nkernel=k\n", "a ucode"},
    {"[global]\nchain=other.cfg\n", "another one"},
    {"[x]\nkernel=k\n#ramdisk=r\n;xsm=p\n", NULL},
    {"[x]\nkernel=k ramdisk=r chain=c\noptions=ucode=scan\n", NULL}, /* words of command lines */
    {"[x]\nkernel=k\nramdisk\nxramdisk=r\nramdisk =r\n", NULL},
};

START_TEST(configurations)
{
    add(".config", configs[_i].config);
    add(".kernel", "kernel");
    if (configs[_i].lacks) {
        lacks(configs[_i].lacks);
    } else {
        whole();
    }
}
END_TEST

/* What was never in memory is not what Xen reads. */
START_TEST(sizes_in_memory)
{
    add(".config", CONFIG);
    add(".kernel", "kernel");
    add(".ramdisk", "ramdisk");
    put(SECTIONS + 8, 0, 4);
    lacks("no section .config");
    put(SECTIONS + 8, UINT32_MAX, 4); /* more than the file has: zeros */
    whole();
    put(SECTIONS + 8, (uint32_t)strlen("[global]\ndefault=x\n"), 4);
    put(SECTIONS + 2 * 40 + 8, 0, 4);
    whole(); /* the line about a ramdisk is not read */
}
END_TEST

START_TEST(unaligned)
{
    for (size_t more = 0; more < 9; more++) {
        struct cloister_plan plan;

        start();
        add(".text", "code");
        image_size += more;
        plan = measure();
        ck_assert_int_eq(plan.events[0].unaligned, more % 8 != 0);
        cloister_plan_free(&plan);
    }
    /* Signed: what fills it up is measured already. */
    start();
    add(".text", "code");
    put(DIRECTORIES + 8 * 4, (uint32_t)image_size, 4);
    put(DIRECTORIES + 8 * 4 + 4, 5, 4);
    image_size += 5;
    struct cloister_plan plan = measure();
    ck_assert(!plan.events[0].unaligned);
    cloister_plan_free(&plan);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unified");
    TCase *tcase = tcase_create("images");

    tcase_add_checked_fixture(tcase, start, NULL);
    tcase_add_test(tcase, whole_image);
    tcase_add_test(tcase, missing_sections);
    tcase_add_test(tcase, other_names);
    tcase_add_loop_test(tcase, configurations, 0, sizeof(configs) / sizeof(configs[0]));
    tcase_add_test(tcase, sizes_in_memory);
    tcase_add_test(tcase, unaligned);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
