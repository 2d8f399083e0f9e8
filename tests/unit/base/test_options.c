/* SPDX-License-Identifier: MIT */
/* Options: which are taken, and what is said about the others. */
#include "base/options.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../suite.h"

static char taken[200];

static int take(char **argv, int option, void *context)
{
    const size_t used = strlen(taken);

    ck_assert_ptr_eq(context, taken);
    ck_assert_str_eq(argv[0], "program");
    snprintf(taken + used, sizeof(taken) - used, "%c%s;", option, optarg ? optarg : "");
    return option == 'x' ? 5 : 0;
}

static const struct option list[] = {
    {"output", required_argument, NULL, 'o'}, {"json", no_argument, NULL, 'j'},
    {"jump", no_argument, NULL, 'J'},         {"exit", no_argument, NULL, 'x'},
    {"help", no_argument, NULL, 'h'},         {0},
};

/* Standard output and error of options_take() with these words; the first is made up. */
static int run(struct options options, const char *const *words, char *said, size_t size)
{
    char *argv[8] = {(char *)"program"};
    int argc = 1, ends[2], kept[2] = {dup(1), dup(2)};

    while (words[argc - 1]) {
        argv[argc] = (char *)words[argc - 1];
        argc++;
    }
    taken[0] = 0;
    ck_assert_int_eq(pipe(ends), 0);
    fflush(stdout);
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    options.take = take;
    options.list = list;
    int rc = options_take(&options, argc, argv, taken);
    fflush(stdout);
    dup2(kept[0], 1);
    dup2(kept[1], 2);
    close(ends[1]);
    ssize_t got = read(ends[0], said, size - 1);
    said[got < 0 ? 0 : got] = 0;
    close(ends[0]);
    close(kept[0]);
    close(kept[1]);
    return rc;
}

static const struct options plain = {.program = "tool", .letters = "o:j", .help = "the help\n"};

static const struct {
    const char *words[5];
    int rc;
    const char *taken, *said;
} cases[] = {
    {{NULL}, 0, "", ""},
    {{"-o", "a", "--json", "--output=b"}, 0, "oa;j;ob;", ""},
    {{"-joa"}, 0, "j;oa;", ""},
    {{"--out", "c"}, 0, "oc;", ""},
    {{"-o", "-j"}, 0, "o-j;", ""},
    {{"--output="}, 0, "o;", ""},
    {{"-j", "--help", "--nonsense"}, OPTIONS_DONE, "j;", "the help\n"},
    {{"-h"}, OPTIONS_DONE, "", "the help\n"},
    {{"--exit", "--nonsense"}, 5, "x;", ""},
    {{"--none"}, 2, "", "tool: there is no option '--none' (see tool --help)\n"},
    {{"-j", "--none=5"}, 2, "j;", "tool: there is no option '--none=5' (see tool --help)\n"},
    {{"--j"}, 2, "", "tool: there is no option '--j' (see tool --help)\n"}, /* which of two? */
    {{"-q"}, 2, "", "tool: there is no option '-q' (see tool --help)\n"},
    {{"-jq"}, 2, "j;", "tool: there is no option '-q' (see tool --help)\n"},
    {{"--output"}, 2, "", "tool: --output needs a value (see tool --help)\n"},
    {{"-o"}, 2, "", "tool: -o needs a value (see tool --help)\n"},
    {{"-jo"}, 2, "j;", "tool: -o needs a value (see tool --help)\n"},
    {{"--json=yes"}, 2, "", "tool: --json takes no value, not 'yes' (see tool --help)\n"},
    {{"--json", "yes"}, 2, "j;", "tool: 'yes' is no option (see tool --help)\n"},
    {{"--", "-j"}, 2, "", "tool: '-j' is no option (see tool --help)\n"},
};

START_TEST(words)
{
    char said[300];

    ck_assert_int_eq(run(plain, cases[_i].words, said, sizeof(said)), cases[_i].rc);
    ck_assert_str_eq(taken, cases[_i].taken);
    ck_assert_str_eq(said, cases[_i].said);
}
END_TEST

START_TEST(of_a_subcommand)
{
    static const char *const words[] = {"a", "-j", "b", NULL}, *const wrong[] = {"--none", NULL};
    struct options options = plain;
    char said[300];

    options.command = "make";
    options.arguments = true;
    ck_assert_int_eq(run(options, words, said, sizeof(said)), 0);
    ck_assert_str_eq(taken, "j;");
    ck_assert_int_eq(optind, 2); /* the two arguments have moved behind the options */
    ck_assert_int_eq(run(options, wrong, said, sizeof(said)), 2);
    ck_assert_str_eq(said, "tool make: there is no option '--none' (see tool make --help)\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base options");
    TCase *tcase = tcase_create("options");

    tcase_add_loop_test(tcase, words, 0, sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(tcase, of_a_subcommand);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
