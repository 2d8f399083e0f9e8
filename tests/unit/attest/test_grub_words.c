/* SPDX-License-Identifier: MIT */
/* Command lines that GRUB's script reader hands over as they stand, and those that it changes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cloister/predict.h"
#include "../suite.h"

static const char *const kept[] = {
    "",
    "a",
    "a b c",
    "iommu=force dom0-iommu=strict cloister-tpm=required",
    "root=/dev/mapper/vg-root ro quiet console=ttyS0,115200n8",
    "root=UUID=3b1c-77 a#b c# x=#y a##", /* # inside of a word */
    "!",
    "! a",
    "= ==",
    "~ ^ % @ + : , . - _",
    "-- --",
    "(hd0,gpt2)/x",
    "[ ] [a] a[0] [[a ]]b a]] [[[",
    "if then else fi case esac for in do done while until select function elif",
    "name=\xc3\xa4\xff",
};

START_TEST(words_kept)
{
    const char *why = cloister_grub_changes(kept[_i]);

    ck_assert_msg(!why, "'%s': %s", kept[_i], why);
}
END_TEST

static const struct {
    const char *text, *why;
} changed[] = {
    {"#", "begins a comment"},
    {"#x", "begins a comment"},
    {"cloister-tpm=required #x", "begins a comment"},
    {"a # b", "begins a comment"},
    {"a #", "begins a comment"},
    {"\"a b\"", "quotation marks"},
    {"a='b", "quotation marks"},
    {"a\\ b", "backslash"},
    {"a\\", "backslash"},
    {"$x", "variable"},
    {"a=${root}", "variable"},
    {"a=1$", "variable"},
    {"{", "braces"},
    {"a}", "braces"},
    {"a{b,c}", "braces"},
    {"a; reboot", "end a command"},
    {"a;", "end a command"},
    {"a|b", "end a command"},
    {"a && b", "end a command"},
    {"a>b", "no part of a word"},
    {"<a", "no part of a word"},
    {"dyndbg=drivers/*", "pattern"},
    {"a?", "pattern"},
    {"[[", "no words"},
    {"a ]] b", "no words"},
    {" a", "blanks"},
    {"a ", "blanks"},
    {"a  b", "blanks"},
    {" ", "blanks"},
    {"a\tb", "control"},
    {"a\nb", "control"},
    {"a\rb", "control"},
    {"a\x7f", "control"},
    {"a\x01", "control"},
};

START_TEST(words_changed)
{
    const char *why = cloister_grub_changes(changed[_i].text);

    ck_assert_msg(why && strstr(why, changed[_i].why), "'%s': %s", changed[_i].text,
                  why ? why : "kept");
}
END_TEST

/* Every other character is one of a word, wherever it stands in it. */
START_TEST(each_character)
{
    static const char refused[] = "\"'\\${};|&<>*? \x7f";

    for (int c = 1; c < 256; c++) {
        char text[] = "a.b";
        const char one[] = {(char)c, 0};
        const bool good = c > ' ' && !strchr(refused, c);

        text[1] = (char)c;
        ck_assert_msg(!cloister_grub_changes_path(text) == good, "%#x in a word", c);
        ck_assert_msg(!cloister_grub_changes_path(one) == (good && c != '#'), "%#x alone", c);
    }
}
END_TEST

START_TEST(long_words)
{
    char *text = malloc(20000);

    memset(text, 'x', 20000);
    text[8191] = 0;
    ck_assert_ptr_null(cloister_grub_changes(text));
    text[8191] = 'x';
    text[8192] = 0;
    ck_assert_ptr_nonnull(cloister_grub_changes(text));
    text[4000] = ' ';
    ck_assert_ptr_null(cloister_grub_changes(text));
    free(text);
}
END_TEST

/* The files' names are words of the same commands. */
START_TEST(names)
{
    static const struct {
        const char *folder, *xen;
        int rc;
    } cases[] = {
        {"/boot", "/dev/null", 0},          {"(hd0,gpt2)/boot", "/dev/null", 0},
        {"/boot x", "/dev/null", -EILSEQ},  {"$root", "/dev/null", -EILSEQ},
        {"/bo*t", "/dev/null", -EILSEQ},    {"#boot", "/dev/null", -EILSEQ},
        {"/boot", "/dev/a b", -EILSEQ},     {"/boot", "/dev/{a}", -EILSEQ},
        {"/boot", "/a b/nothing", -ENOENT}, /* our folder is no word of GRUB's */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct cloister_grub_xen boot = {.folder = cases[i].folder, .xen = cases[i].xen};
        struct cloister_plan plan = {NULL, 0};

        ck_assert_msg(cloister_plan_grub_xen(&plan, &boot) == cases[i].rc, "%s, %s",
                      cases[i].folder, cases[i].xen);
        cloister_plan_free(&plan);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("grub words");
    TCase *tcase = tcase_create("words");

    tcase_add_loop_test(tcase, words_kept, 0, sizeof(kept) / sizeof(kept[0]));
    tcase_add_loop_test(tcase, words_changed, 0, sizeof(changed) / sizeof(changed[0]));
    tcase_add_test(tcase, each_character);
    tcase_add_test(tcase, long_words);
    tcase_add_test(tcase, names);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
