/* SPDX-License-Identifier: MIT */
/* Which domains there are and how they are found, with a pretended xenstore and no libvirt. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/loop.h"
#include "domains/domains.h"
#include "domains/libvirtd.h"
#include "domains/store.h"
#include "log/names.h"
#include "../../suite.h"

#define DOMAINS 3u

static const char *stored[DOMAINS + 1]; /* names, by id */
static struct config config;
static void (*tell)(void);
static uint64_t until;

int store_initialise(char *why, size_t why_size)
{
    (void)why, (void)why_size;
    return 0;
}

void store_finalise(void)
{
}

void store_on_domains(void (*changed)(void))
{
    tell = changed;
}

int store_domains(uint16_t **ids)
{
    int count = 0;

    *ids = calloc(DOMAINS, sizeof(**ids));
    for (uint16_t i = 1; i <= DOMAINS; i++) {
        if (stored[i])
            (*ids)[count++] = i;
    }
    return count;
}

void store_identity(uint16_t domain, char name[RECORD_NAME], char *uuid, size_t uuid_size)
{
    names_fit(name, stored[domain]);
    snprintf(uuid, uuid_size, "00000000-0000-0000-0000-%012u", domain);
}

int libvirtd_initialise(const char *uri)
{
    (void)uri;
    return 0;
}

int libvirtd_descriptor(void)
{
    return eventfd(0, EFD_CLOEXEC); /* never readable here */
}

struct libvirtd_domain *libvirtd_domains(size_t *count, bool *connected)
{
    *count = 0;
    *connected = false;
    return NULL;
}

static int call(struct hypercalls *monitor, uint32_t op, void *argument)
{
    (void)monitor, (void)op, (void)argument;
    return 0;
}

static struct hypercalls monitor = {.call = call};

static void ignore(const struct domain *domain)
{
    (void)domain;
}

static bool stop(uint64_t now)
{
    if (now >= until)
        loop_stop();
    return false;
}

/* One look at all of them. */
static void look(void)
{
    tell();
    until = 0;
    loop_run();
}

static void setup(void)
{
    static const struct domain_hooks hooks = {.appeared = ignore, .gone = ignore};
    char why[200];

    config_initialise(&config);
    strcpy(config.state_directory, "/nonexistent");
    stored[1] = "one";
    stored[2] = "two";
    stored[3] = "three";
    ck_assert_int_eq(loop_initialise(), 0);
    ck_assert_int_eq(domains_initialise(&config, &monitor, &hooks, why, sizeof(why)), 0);
    loop_on_round(stop);
    look();
}

static const char *name_of(uint16_t id)
{
    static struct record_names names;

    names_get(id, &names);
    return names.name;
}

static unsigned int found(const char *text)
{
    const struct domain *domain = domains_find(text);

    return domain ? domain->id : 0;
}

static char longest[RECORD_NAME], longer[2 * RECORD_NAME], other[2 * RECORD_NAME], letters[301];

static const char *const strange[] = {
    "a b",
    " ",
    "  two  ",
    "\x1b[31mred",
    "tab\tnew\nline",
    "\"quoted\" 'twice'",
    "back\\slash",
    "gr\xc3\xbc\xc3\x9f dich",
    "not \xff utf-8",
    "\x7f",
    "-n",
    letters,
    longest,
    longer,
};

/* In lists, in the trace and in commands, and the name before is nobody's. */
START_TEST(follows_every_name)
{
    memset(letters, 'x', 300);
    memset(longest, 'y', RECORD_NAME - 1);
    memset(longer, 'z', sizeof(longer) - 1);
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        char kept[RECORD_NAME];

        names_fit(kept, strange[i]);
        stored[2] = strange[i];
        look();
        ck_assert_str_eq(name_of(2), kept);
        ck_assert_uint_eq(found(strange[i]), 2);
        ck_assert_uint_eq(found(kept), 2);
        ck_assert_uint_eq(found("2"), 2);
        ck_assert_uint_eq(found("two"), 0);
        ck_assert_uint_eq(found("00000000-0000-0000-0000-000000000002"), 2);
        /* Another one may have the name now. */
        stored[1] = "two";
        look();
        ck_assert_uint_eq(found("two"), 1);
        stored[1] = "one";
    }
}
END_TEST

START_TEST(follows_without_being_told)
{
    stored[2] = "a b";
    until = loop_now() + 6500;
    loop_run();
    ck_assert_str_eq(name_of(2), "a b");
    ck_assert_uint_eq(found("a b"), 2);
}
END_TEST

/* Nobody is taken for another whose name was cut to the same. */
START_TEST(two_names_that_begin_alike)
{
    memset(longer, 'z', sizeof(longer) - 1);
    memset(other, 'z', sizeof(other) - 1);
    other[RECORD_NAME + 5] = 'a';
    stored[1] = longer;
    look();
    ck_assert_uint_eq(found(other), 1); /* as far as it can be told */
    stored[3] = other;
    look();
    ck_assert_uint_eq(found(longer), 0);
    ck_assert_uint_eq(found(other), 0);
    ck_assert_uint_eq(found("1"), 1);
    ck_assert_uint_eq(found("3"), 3);
}
END_TEST

START_TEST(finds_nobody)
{
    static const char *const none[] = {"",
                                       "0",
                                       "4",
                                       "65537",
                                       "onetwo",
                                       "One",
                                       "1x",
                                       "-1",
                                       "+1",
                                       " 1",
                                       "00000000-0000-0000-0000-000000000009"};

    stored[3] = "";
    look();
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        ck_assert_uint_eq(found(none[i]), 0);
    ck_assert_uint_eq(found("3"), 3);
}
END_TEST

/* A cut never leaves half a character. */
START_TEST(cuts_between_characters)
{
    char kept[RECORD_NAME];

    for (size_t shift = 0; shift < 4; shift++) {
        memset(longer, 'a', shift);
        for (size_t at = shift; at + 4 < sizeof(longer); at += 4)
            memcpy(longer + at, "\xf0\x9f\x90\xa7", 5);
        names_fit(kept, longer);
        ck_assert_uint_lt(strlen(kept), RECORD_NAME);
        ck_assert_uint_ge(strlen(kept), RECORD_NAME - 5);
        ck_assert_str_eq(kept + strlen(kept) - 3, "...");
        for (size_t at = 0; kept[at];) {
            size_t length = line_utf8(kept + at, strlen(kept + at));

            ck_assert_uint_ne(length, 0);
            at += length;
        }
    }
}
END_TEST

START_TEST(is_shown_as_it_is)
{
    static const struct {
        const char *name, *json;
    } shown[] = {
        {"a b", "\"a b\""},
        {"\x1b[0m", "\"\\u001b[0m\""},
        {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
        {"\xff\xc3", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"", "\"\""},
    };

    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        json_object *name = names_view(shown[i].name);

        ck_assert_str_eq(json_object_to_json_string(name), shown[i].json);
        json_object_put(name);
    }
    memset(longest, '\xff', RECORD_NAME - 1);
    json_object *name = names_view(longest);
    ck_assert_int_eq(json_object_get_string_len(name), 3 * (RECORD_NAME - 1));
    json_object_put(name);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("domains");
    TCase *tests = tcase_create("names");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, NULL); /* each is a process */
    tcase_add_test(tests, follows_every_name);
    tcase_add_test(tests, follows_without_being_told);
    tcase_add_test(tests, two_names_that_begin_alike);
    tcase_add_test(tests, finds_nobody);
    tcase_add_test(tests, cuts_between_characters);
    tcase_add_test(tests, is_shown_as_it_is);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
