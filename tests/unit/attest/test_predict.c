/* SPDX-License-Identifier: MIT */
/* Predicted PCR values, and which file or text is not as planned. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cloister/predict.h"
#include "refuses.h"

#define EV_IPL 13u

static struct cloister_plan plan;
static char folder[] = "/tmp/cloister-predict-XXXXXX";
static char xen[64], kernel[64], initrd[64];
static struct cloister_difference difference;
static struct cloister_pcr pcrs[2];

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    ck_assert(file && fputs(text, file) >= 0 && !fclose(file));
}

static void make_plan(struct cloister_plan *into)
{
    const struct cloister_grub_xen boot = {
        .folder = "/boot",
        .xen = xen,
        .xen_cmdline = "iommu=force dom0-iommu=strict",
        .kernel = kernel,
        .kernel_cmdline = "root=/dev/xvda ro",
        .initrd = initrd,
    };

    ck_assert_int_eq(cloister_plan_text(into, 8, "command", "set root=hd0"), 0);
    ck_assert_int_eq(cloister_plan_grub_xen(into, &boot), 0);
}

static void start(void)
{
    scene_start(SCENE_ECC);
    ck_assert(mkdtemp(folder));
    snprintf(xen, sizeof(xen), "%s/xen.gz", folder);
    snprintf(kernel, sizeof(kernel), "%s/vmlinuz", folder);
    snprintf(initrd, sizeof(initrd), "%s/initrd.img", folder);
    write_file(xen, "xen");
    write_file(kernel, "kernel");
    write_file(initrd, "initrd");
    make_plan(&plan);
}

static void finish(void)
{
    cloister_plan_free(&plan);
    unlink(xen);
    unlink(kernel);
    unlink(initrd);
    rmdir(folder);
}

/* A machine that boots as this plan says: its values, and its log. */
static void boots(const struct cloister_plan *machine)
{
    scene.log_size = 0;
    for (uint32_t i = 0; i < 2; i++) {
        pcrs[i].index = 8 + i;
        ck_assert_int_ge(cloister_plan_value(machine, 8 + i, pcrs[i].value), 0);
    }
    for (size_t i = 0; i < machine->count; i++) {
        scene_log_event(machine->events[i].pcr, EV_IPL, machine->events[i].digest,
                        machine->events[i].name);
    }
}

static int compare(bool with_log)
{
    const struct cloister_bytes log = {scene.log, with_log ? scene.log_size : 0};

    return cloister_plan_compare(&plan, pcrs, 2, log, &difference);
}

static void expect_event(size_t i, uint32_t pcr, const char *content, const char *name)
{
    uint8_t digest[32];

    scene_sha256(content, strlen(content), digest);
    ck_assert_uint_eq(plan.events[i].pcr, pcr);
    ck_assert_msg(!memcmp(plan.events[i].digest, digest, 32), "event %zu: %s", i,
                  plan.events[i].name);
    ck_assert_msg(strstr(plan.events[i].name, name), "%s", plan.events[i].name);
}

START_TEST(what_grub_measures)
{
    ck_assert_uint_eq(plan.count, 10);
    expect_event(0, 8, "set root=hd0", "command");
    expect_event(1, 8, "multiboot2 /boot/xen.gz iommu=force dom0-iommu=strict", "command");
    expect_event(2, 9, "xen", "xen.gz");
    expect_event(3, 8, "iommu=force dom0-iommu=strict", "kernel-cmdline");
    expect_event(4, 8, "module2 /boot/vmlinuz root=/dev/xvda ro", "command");
    expect_event(5, 9, "kernel", "vmlinuz");
    expect_event(6, 8, "root=/dev/xvda ro", "module-cmdline");
    expect_event(7, 8, "module2 --nounzip /boot/initrd.img", "command");
    expect_event(8, 9, "initrd", "initrd.img");
    expect_event(9, 8, "", "module-cmdline");
}
END_TEST

START_TEST(values)
{
    uint8_t value[32], both[64] = {0};

    for (size_t i = 0; i < plan.count; i++) {
        if (plan.events[i].pcr == 9) {
            memcpy(both + 32, plan.events[i].digest, 32);
            scene_sha256(both, 64, both);
        }
    }
    ck_assert_int_eq(cloister_plan_value(&plan, 9, value), 3);
    ck_assert(!memcmp(value, both, 32));
    ck_assert_int_eq(cloister_plan_value(&plan, 8, value), 7);
    ck_assert_int_eq(cloister_plan_value(&plan, 7, value), 0);
    boots(&plan);
    ck_assert_int_eq(compare(true), 0);
    ck_assert_int_eq(compare(false), 0);
}
END_TEST

START_TEST(changed_file_is_named)
{
    const char *const files[] = {xen, kernel, initrd};
    struct cloister_plan machine = {0};

    write_file(files[_i], "changed");
    make_plan(&machine);
    boots(&machine);
    ck_assert_int_eq(compare(true), 1);
    ck_assert_uint_eq(difference.pcr, 9);
    ck_assert(difference.in_log);
    ck_assert(difference.planned && strstr(difference.planned->name, files[_i]));
    ck_assert(strstr(difference.said, files[_i]));
    /* Without a log the PCR is known, not the file. */
    ck_assert_int_eq(compare(false), 1);
    ck_assert_uint_eq(difference.pcr, 9);
    ck_assert(!difference.in_log && !difference.planned);
    cloister_plan_free(&machine);
}
END_TEST

START_TEST(changed_text_is_named)
{
    struct cloister_plan machine = {0};

    make_plan(&machine);
    scene_sha256("iommu=off", 9, machine.events[3].digest);
    boots(&machine);
    ck_assert_int_eq(compare(true), 1);
    ck_assert_uint_eq(difference.pcr, 8);
    ck_assert(strstr(difference.planned->name, "kernel-cmdline"));
    cloister_plan_free(&machine);
}
END_TEST

START_TEST(more_and_less)
{
    struct cloister_plan machine = {0};

    make_plan(&machine);
    ck_assert_int_eq(cloister_plan_text(&machine, 9, "file", "one more"), 0);
    boots(&machine);
    ck_assert_int_eq(compare(true), 1);
    ck_assert(difference.in_log && !difference.planned);
    ck_assert(strstr(difference.said, "one more"));
    cloister_plan_free(&machine);
    make_plan(&machine);
    free(machine.events[--machine.count].name);
    boots(&machine);
    ck_assert_int_eq(compare(true), 1);
    ck_assert_str_eq(difference.said, "");
    ck_assert(strstr(difference.planned->name, "module-cmdline"));
    cloister_plan_free(&machine);
}
END_TEST

START_TEST(lying_log)
{
    /* A log that says all is well, beside values that say otherwise, is not believed. */
    boots(&plan);
    pcrs[1].value[0] ^= 1;
    ck_assert_int_eq(compare(true), 1);
    ck_assert_uint_eq(difference.pcr, 9);
    ck_assert(!difference.in_log && !difference.planned);
    scene.log_size -= 3;
    ck_assert_int_eq(compare(true), -EBADMSG);
}
END_TEST

static const struct {
    const char *cmdline;
    bool requires;
} cmdlines[] = {
    {"cloister-tpm=required", true},
    {"iommu=force  cloister-tpm=required console=com1 ", true},
    {"cloister-tpm=required -- cloister-tpm=optional", true},
    {"", false},
    {"iommu=force", false},
    {"cloister-tpm=optional", false},
    {"cloister-tpm=requird", false},
    {"cloister-tpm=", false},
    {"cloister-tpm", false},
    {"no-cloister-tpm=required", false},
    {"xcloister-tpm=required", false},
    {"cloister-tpm=required,x", false},
    {"cloister-tpm=required cloister-tpm=optional", false},
    {"cloister-tpm=optional cloister-tpm=required", false},
    {"iommu=force -- cloister-tpm=required", false},
};

START_TEST(tpm_required)
{
    ck_assert_msg(cloister_cmdline_requires_tpm(cmdlines[_i].cmdline) == cmdlines[_i].requires,
                  "'%s'", cmdlines[_i].cmdline);
}
END_TEST

START_TEST(only_one_event)
{
    cloister_plan_free(&plan);
    ck_assert_int_eq(cloister_plan_file(&plan, 4, kernel), 0);
    pcrs[0].index = 4;
    memset(pcrs[0].value, 0, 32);
    ck_assert_int_eq(
        cloister_plan_compare(&plan, pcrs, 1, (struct cloister_bytes){NULL, 0}, &difference), 1);
    ck_assert(strstr(difference.planned->name, "vmlinuz"));
}
END_TEST

START_TEST(reference_values)
{
    const struct cloister_bytes none = {NULL, 0};
    uint8_t golden[32], value[32];

    memset(golden, 7, sizeof(golden));
    ck_assert_int_eq(cloister_plan_reference(&plan, 7, golden, "reference"), 0);
    ck_assert_int_eq(cloister_plan_value(&plan, 7, value), 1);
    ck_assert(!memcmp(value, golden, 32));
    pcrs[0].index = 7;
    memcpy(pcrs[0].value, golden, 32);
    ck_assert_int_eq(cloister_plan_compare(&plan, pcrs, 1, none, &difference), 0);
    pcrs[0].value[31] ^= 1;
    ck_assert_int_eq(cloister_plan_compare(&plan, pcrs, 1, none, &difference), 1);
    ck_assert_str_eq(difference.planned->name, "reference");
    ck_assert(!memcmp(difference.expected, golden, 32));
    /* There is one value of a PCR, and none where events are planned. */
    ck_assert_int_eq(cloister_plan_reference(&plan, 7, golden, "again"), -EEXIST);
    ck_assert_int_eq(cloister_plan_reference(&plan, 9, golden, "beside events"), -EEXIST);
    ck_assert_int_eq(cloister_plan_reference(&plan, 24, golden, "no PCR"), -EINVAL);
}
END_TEST

START_TEST(words_that_grub_changes)
{
    static const char *const texts[] = {"a\"b", "a'b",  "a\\b", "$a",   "a;b", "a|b", "a&b", "a<b",
                                        "a>b",  "a\tb", "a\nb", "a  b", " a",  "a ",  " "};
    struct cloister_plan other = {0};
    struct cloister_grub_xen boot = {.folder = "/boot", .xen = xen, .xen_cmdline = texts[_i]};

    ck_assert_int_eq(cloister_plan_grub_xen(&other, &boot), -EILSEQ);
    boot.xen_cmdline = "a";
    boot.kernel = kernel;
    boot.kernel_cmdline = texts[_i];
    ck_assert_int_eq(cloister_plan_grub_xen(&other, &boot), -EILSEQ);
    cloister_plan_free(&other);
}
END_TEST

START_TEST(refused)
{
    uint8_t digest[32] = {0};

    ck_assert_int_eq(cloister_plan_digest(&plan, 24, digest, "x"), -EINVAL);
    ck_assert_int_eq(cloister_plan_text(&plan, UINT32_MAX, "x", "x"), -EINVAL);
    ck_assert_int_eq(cloister_plan_file(&plan, 9, "/nonexistent"), -ENOENT);
    ck_assert_int_eq(cloister_plan_file(&plan, 9, folder), -EIO);
    ck_assert_uint_eq(plan.count, 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("predict");
    TCase *tcase = tcase_create("plans");

    scene_prepare();
    tcase_add_checked_fixture(tcase, start, finish);
    tcase_add_test(tcase, what_grub_measures);
    tcase_add_test(tcase, values);
    tcase_add_loop_test(tcase, changed_file_is_named, 0, 3);
    tcase_add_test(tcase, changed_text_is_named);
    tcase_add_test(tcase, more_and_less);
    tcase_add_test(tcase, lying_log);
    tcase_add_loop_test(tcase, tpm_required, 0, sizeof(cmdlines) / sizeof(cmdlines[0]));
    tcase_add_test(tcase, only_one_event);
    tcase_add_test(tcase, reference_values);
    tcase_add_loop_test(tcase, words_that_grub_changes, 0, 15);
    tcase_add_test(tcase, refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
