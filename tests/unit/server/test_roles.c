/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/roles.h"
#include "../suite.h"

static const char good[] = "# who may what\n"
                           "\n"
                           "admin CN=carl,O=Example\n"
                           "  viewer\tCN=anna\r\n"
                           "operator     CN=bo\\, b\n"
                           "  # nobody else\n"
                           "relying-party CN=keys";

START_TEST(roles)
{
    char why[400] = "";
    struct roles *all = roles_parse("file", good, why, sizeof(why));

    ck_assert_msg(all != NULL, "%s", why);
    ck_assert_int_eq(roles_of(all, "CN=anna"), ROLE_VIEWER);
    ck_assert_int_eq(roles_of(all, "CN=bo\\, b"), ROLE_OPERATOR);
    ck_assert_int_eq(roles_of(all, "CN=carl,O=Example"), ROLE_ADMIN);
    ck_assert_int_eq(roles_of(all, "CN=keys"), ROLE_RELYING_PARTY);
    ck_assert(ROLE_RELYING_PARTY < ROLE_VIEWER && ROLE_VIEWER < ROLE_OPERATOR &&
              ROLE_OPERATOR < ROLE_ADMIN);
    ck_assert_str_eq(role_name(roles_of(all, "CN=anna")), "viewer");
    roles_free(all);
}
END_TEST

static const char *const strangers[] = {
    "",
    "CN=ann",
    "CN=annaa",
    "cn=anna",
    "CN=anna,O=Example",
    "CN=carl",
    "O=Example,CN=carl",
    "?(a subject of 300 characters)",
};

/* What is not exactly a subject of the file has no role. */
START_TEST(nobody)
{
    struct roles *all = roles_parse("file", good, (char[400]){0}, 400);

    ck_assert_int_eq(roles_of(all, strangers[_i]), ROLE_NONE);
    ck_assert_str_eq(role_name(roles_of(all, strangers[_i])), "none");
    roles_free(all);
}
END_TEST

/* Without a file: whom the CA has certified. */
START_TEST(without)
{
    ck_assert_int_eq(roles_of(NULL, "CN=anna"), ROLE_ADMIN);
}
END_TEST

static const char *const wrong[][2] = {
    {"", "it gives nobody a role"},
    {"# admin CN=a", "it gives nobody a role"},
    {"none CN=a", "line 1: a role is one of"},
    {"Admin CN=a", "line 1: a role is one of"},
    {"root CN=a", "line 1: a role is one of"},
    {"admin CN=a\nadmins CN=b", "line 2: a role is one of"},
    {"admin", "line 1: ROLE and the subject"},
    {"admin anna", "line 1: ROLE and the subject"},
    {"admin /CN=anna", "not with slashes"},
    {"admin CN=anna, O=Example", "no blank stands behind a comma"},
    {"admin CN=\xc3\xa4", "printable ASCII"},
    {"admin CN=a\001", "printable ASCII"},
    {"admin CN=a\n\nviewer CN=a", "'CN=a' has two lines"},
    {"admin CN=a\nadmin CN=a", "'CN=a' has two lines"},
};

START_TEST(refused)
{
    char why[400] = "";

    ck_assert_ptr_null(roles_parse("file", wrong[_i][0], why, sizeof(why)));
    ck_assert_msg(strstr(why, wrong[_i][1]) && strstr(why, "administrator-roles: file"), "%s: %s",
                  wrong[_i][0], why);
}
END_TEST

START_TEST(sizes)
{
    char text[400] = "admin CN=", why[400];
    struct roles *all;

    memset(text + 9, 'x', 252); /* with "CN=" 255 */
    all = roles_parse("file", text, why, sizeof(why));
    ck_assert_ptr_nonnull(all);
    ck_assert_int_eq(roles_of(all, text + 6), ROLE_ADMIN);
    text[9 + 252] = 'x';
    ck_assert_int_eq(roles_of(all, text + 6), ROLE_NONE);
    roles_free(all);
    ck_assert_ptr_null(roles_parse("file", text, why, sizeof(why)));
    ck_assert_msg(strstr(why, "at most 255") != NULL, "%s", why);
}
END_TEST

START_TEST(files)
{
    char path[] = "/tmp/cloister-roles-XXXXXX", why[400] = "";
    int fd = mkstemp(path);

    ck_assert_ptr_null(roles_load("/nonexistent/roles", why, sizeof(why)));
    ck_assert_msg(strstr(why, "/nonexistent/roles: No such file") != NULL, "%s", why);
    ck_assert_int_eq(write(fd, "admin CN=a\0b\n", 13), 13);
    ck_assert_ptr_null(roles_load(path, why, sizeof(why)));
    ck_assert_msg(strstr(why, "zero byte") != NULL, "%s", why);
    close(fd);
    unlink(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("roles");
    TCase *tcase = tcase_create("roles");

    tcase_add_test(tcase, roles);
    tcase_add_loop_test(tcase, nobody, 0, sizeof(strangers) / sizeof(strangers[0]));
    tcase_add_test(tcase, without);
    tcase_add_loop_test(tcase, refused, 0, sizeof(wrong) / sizeof(wrong[0]));
    tcase_add_test(tcase, sizes);
    tcase_add_test(tcase, files);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
