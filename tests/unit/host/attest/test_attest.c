/* SPDX-License-Identifier: MIT */
/* The host's client: addresses, members, settings, pauses, what it keeps. tests/attest tries the whole. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attest/client.h"
#include "../../suite.h"

START_TEST(addresses)
{
    static const char *const good[][2] = {
        {"https://a", "https://a"},
        {"https://a/", "https://a"},
        {"https://a.example:8443", "https://a.example:8443"},
        {"https://[::1]:8443/", "https://[::1]:8443"},
        {"https://a/b/", "https://a/b"},
    };
    struct web_service service;
    char why[WEB_WHY];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_msg(web_set_url(&service, good[i][0], why), "%s", why);
        ck_assert_str_eq(service.url, good[i][1]);
    }
}
END_TEST

static const char *const no_addresses[] = {
    "",
    "/",
    "https://",
    "https:///",
    "https://#",
    "http://a",
    "HTTPS://a",
    "https:/a",
    "a:8443",
    "https://a b",
    "https://a?b",
    "https://a#b",
    "https://u@a",
    "https://a\n",
    "https://a\"",
    "https://a\\b",
    "https://<a>",
    "file:///etc/passwd",
};

START_TEST(refused_addresses)
{
    struct web_service service = {.url = "before"};
    char why[WEB_WHY] = "";

    ck_assert(!web_set_url(&service, no_addresses[_i], why));
    ck_assert_msg(strstr(why, "https://HOST:PORT") != NULL, "%s", why);
    ck_assert_str_eq(service.url, "before");
}
END_TEST

START_TEST(longest_address)
{
    char url[WEB_URL + 8] = "https://", why[WEB_WHY];
    struct web_service service;

    memset(url + 8, 'a', WEB_URL - 9);
    ck_assert(web_set_url(&service, url, why));
    ck_assert_uint_eq(strlen(service.url), WEB_URL - 1);
    url[WEB_URL - 1] = '/';
    ck_assert(web_set_url(&service, url, why));
    url[WEB_URL - 1] = 'a';
    ck_assert(!web_set_url(&service, url, why));
}
END_TEST

/* What a service sends is text of bounded size that can be printed, or nothing. */
START_TEST(members)
{
    json_object *object =
        json_tokener_parse("{\"good\":\"abc\",\"empty\":\"\",\"zero\":\"a\\u0000b\",\"control\":"
                           "\"a\\u001bb\",\"wide\":\"\\u00e4\","
                           "\"number\":1,\"null\":null,\"list\":[\"a\"]}");
    static const char *const wrong[] = {"empty",  "zero", "control", "wide",
                                        "number", "null", "list",    "missing"};

    ck_assert_str_eq(web_text(object, "good", 3), "abc");
    ck_assert_ptr_null(web_text(object, "good", 2));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(!web_text(object, wrong[i], 100), "%s", wrong[i]);
    json_object_put(object);
}
END_TEST

START_TEST(pauses)
{
    for (unsigned int i = 0; i < 200; i++) {
        for (unsigned int failures = 0; failures < 40; failures += 3) {
            const double most = failures < 9 ? (double)(1u << failures) : 300;
            const double pause = client_backoff(failures, 0);

            ck_assert(pause <= most && pause <= 300 && pause >= (most < 300 ? most : 300) / 2);
        }
        ck_assert(client_backoff(0, 60) >= 60 && client_backoff(0, 60) <= 61);
        ck_assert(client_jitter(100) >= 90 && client_jitter(100) <= 110);
    }
}
END_TEST

static char folder[64], path[80];

static void start(void)
{
    strcpy(folder, "/tmp/cloister-client-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/state", folder);
}

static void end(void)
{
    char command[80];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(state)
{
    char why[STATE_WHY] = "", name[120];
    json_object *object;
    struct stat status;
    int fd;

    ck_assert_msg(state_open(path, why), "%s", why);
    ck_assert_ptr_null(state_read("x", why));
    ck_assert_str_eq(why, "");
    ck_assert(state_write("x", "{\"a\":\"b\",\"n\":7}", why));
    object = state_read("x", why);
    ck_assert_str_eq(state_text(object, "a"), "b");
    ck_assert_int_eq(state_number(object, "n"), 7);
    ck_assert_str_eq(state_text(object, "n"), "");
    json_object_put(object);
    snprintf(name, sizeof(name), "%s/x", path);
    ck_assert(!stat(name, &status) && (status.st_mode & 07777) == 0600);
    fd = state_lock(why);
    ck_assert_int_ge(fd, 0);
    close(fd);
    for (size_t i = 0; i < 3; i++) {
        static const char *const damaged[] = {"", "{\"a\"", "[]"};

        ck_assert(state_write("x", damaged[i], why));
        ck_assert_ptr_null(state_read("x", why));
        ck_assert_msg(strstr(why, "damaged") != NULL, "%s", why);
    }
    state_remove("x");
    ck_assert_ptr_null(state_read("x", why));
    ck_assert_str_eq(why, "");
}
END_TEST

START_TEST(no_state)
{
    char why[STATE_WHY] = "", name[120];

    ck_assert(!state_open("/nonexistent/state", why));
    ck_assert_msg(strstr(why, "cannot be made") != NULL, "%s", why);
    ck_assert(!mkdir(path, 0750));
    ck_assert(!state_open(path, why));
    ck_assert_msg(strstr(why, "chmod 700") != NULL, "%s", why);
    ck_assert(!chmod(path, 0700) && state_open(path, why));
    snprintf(name, sizeof(name), "%s/link", folder);
    ck_assert(!symlink(path, name));
    ck_assert(!state_open(name, why));
    ck_assert_msg(strstr(why, "no folder") != NULL, "%s", why);
    snprintf(name, sizeof(name), "%s/lock", path);
    ck_assert(!symlink("/dev/null", name));
    ck_assert(state_open(path, why) && state_lock(why) < 0);
}
END_TEST

static const char *const settings_texts[][2] = {
    {"", NULL},
    {"policy = p\naudience = https://k\nformat = cwt\ninterval = 86400\n", NULL},
    {"policy = ", "policy"},
    {"polcy = x", "no setting"},
    {"format = JWT", "jwt, cwt or ear"},
    {"format = ", "jwt, cwt or ear"},
    {"interval = -1", "interval"},
    {"interval = 86401", "interval"},
    {"policy = a\npolicy = b", "twice"},
};

START_TEST(settings)
{
    struct client_settings values;
    char why[STATE_WHY] = "";
    struct client client = {.config = path};
    FILE *file = fopen(path, "w");

    fputs(settings_texts[_i][0], file);
    fclose(file);
    ck_assert_int_eq(client_settings(&client, &values, why), !settings_texts[_i][1]);
    if (settings_texts[_i][1])
        ck_assert_msg(strstr(why, settings_texts[_i][1]) && strstr(why, path), "%s", why);
    else
        ck_assert_str_eq(values.policy, _i ? "p" : "default");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client");
    TCase *plain = tcase_create("plain"), *files = tcase_create("files");

    tcase_add_test(plain, addresses);
    tcase_add_loop_test(plain, refused_addresses, 0,
                        sizeof(no_addresses) / sizeof(no_addresses[0]));
    tcase_add_test(plain, longest_address);
    tcase_add_test(plain, members);
    tcase_add_test(plain, pauses);
    suite_add_tcase(suite, plain);
    tcase_add_checked_fixture(files, start, end);
    tcase_add_test(files, state);
    tcase_add_test(files, no_state);
    tcase_add_loop_test(files, settings, 0, sizeof(settings_texts) / sizeof(settings_texts[0]));
    suite_add_tcase(suite, files);
    return run_suite(suite);
}
