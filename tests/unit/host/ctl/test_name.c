/* SPDX-License-Identifier: MIT */
/* Names on a terminal: as a shell takes them, and nothing that a terminal obeys. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "log/record.h"
#include "../../suite.h"

static const char *shown(const char *name)
{
    static json_object *object;

    json_object_put(object);
    object = json_object_new_object();
    json_object_object_add(object, "name", json_object_new_string(name));
    return ctl_name(object, "name");
}

START_TEST(as_a_shell_takes_it)
{
    ck_assert_str_eq(shown("alice"), "alice");
    ck_assert_str_eq(shown("web-1.example:a@b"), "web-1.example:a@b");
    ck_assert_str_eq(shown("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
    ck_assert_str_eq(shown("a b"), "'a b'");
    ck_assert_str_eq(shown("$(reboot)"), "'$(reboot)'");
    ck_assert_str_eq(shown("a\\b"), "'a\\b'");
    ck_assert_str_eq(shown("it's"), "$'it\\'s'");
    ck_assert_str_eq(shown("\x1b[2J\\\n"), "$'\\033[2J\\\\\\012'");
    ck_assert_str_eq(shown(""), "");
}
END_TEST

/* Whatever it is, bash reads the name back, and a terminal sees no control character. */
START_TEST(can_be_given_to_a_command_again)
{
    char name[RECORD_NAME], command[8192], back[RECORD_NAME + 1];

    for (int first = 1; first < 256; first += 7) {
        for (int i = 0; i < 40; i++)
            name[i] = (char)((first + i * 31) % 255 + 1);
        name[40] = 0;
        const char *text = shown(name);
        for (const char *at = text; *at; at++)
            ck_assert((unsigned char)*at >= 0x20 && *at != 0x7f);
        snprintf(command, sizeof(command), "exec bash -c \"$CLOISTER_TEST\"");
        char script[8192];
        snprintf(script, sizeof(script), "printf %%s %s", text);
        setenv("CLOISTER_TEST", script, 1);
        setenv("LC_ALL", "C", 1);
        FILE *shell = popen(command, "r");
        ck_assert_ptr_nonnull(shell);
        back[fread(back, 1, RECORD_NAME, shell)] = 0;
        ck_assert_int_eq(pclose(shell), 0);
        ck_assert_str_eq(back, name);
    }
}
END_TEST

START_TEST(has_room_for_the_longest)
{
    char name[3 * RECORD_NAME];

    memset(name, 7, sizeof(name));
    name[sizeof(name) - 1] = 0;
    ck_assert_uint_eq(strlen(shown(name)), 3 + 4 * (sizeof(name) - 1));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("name");
    TCase *tests = tcase_create("name");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, as_a_shell_takes_it);
    tcase_add_test(tests, can_be_given_to_a_command_again);
    tcase_add_test(tests, has_room_for_the_longest);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
