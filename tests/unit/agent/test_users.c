/* SPDX-License-Identifier: MIT */
/* How fast each user may ask, and who answers for whom. */
#include "suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/account.h"
#include "base/say.h"
#include "agent/users.h"

static struct users users;

/* How many requests of `uid` are taken at `now`. */
static unsigned int ask_all(uid_t uid, uint64_t now, uint32_t rate)
{
    unsigned int taken = 0;

    while (!users_ask(&users, uid, now, rate))
        REQUIRE(++taken < 5000);
    return taken;
}

START_TEST(takes_two_seconds_at_a_stretch)
{
    static const uint32_t rates[] = {1, 2, 20, 50, 125, 1000};

    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        const uint32_t rate = rates[i];

        memset(&users, 0, sizeof(users));
        ck_assert_uint_eq(ask_all(7, 0, rate), 2 * rate);
        ck_assert_uint_eq(ask_all(7, 1000, rate), rate);
        ck_assert_uint_eq(ask_all(7, 1000, rate), 0);
        ck_assert_uint_eq(ask_all(7, 100000, rate), 2 * rate);
    }
}
END_TEST

START_TEST(says_how_long_to_wait)
{
    memset(&users, 0, sizeof(users));
    ck_assert_uint_eq(ask_all(7, 5000, 20), 40);
    uint64_t wait = users_ask(&users, 7, 5000, 20);
    ck_assert_uint_eq(wait, 50);
    ck_assert_uint_ne(users_ask(&users, 7, 5000 + wait - 1, 20), 0);
    ck_assert_uint_eq(users_ask(&users, 7, 5000 + wait, 20), 0);
}
END_TEST

START_TEST(one_user_takes_nothing_from_another)
{
    memset(&users, 0, sizeof(users));
    for (uid_t uid = 0; uid < USERS_KEPT; uid++)
        REQUIRE(ask_all(uid, 1, 20) == 40);
    for (uid_t uid = 0; uid < USERS_KEPT; uid++)
        REQUIRE(users_ask(&users, uid, 1, 20) != 0);
}
END_TEST

/* With more users than there is room for, whoever has asked lately stays known. */
START_TEST(forgets_who_asked_longest_ago)
{
    memset(&users, 0, sizeof(users));
    for (uid_t uid = 0; uid < USERS_KEPT; uid++)
        REQUIRE(ask_all(uid, 1 + uid, 20) == 40);
    ck_assert_uint_eq(ask_all(5000, USERS_KEPT, 20), 40);
    ck_assert_uint_ne(users_ask(&users, USERS_KEPT - 1, USERS_KEPT, 20), 0);
    ck_assert_uint_ne(users_ask(&users, 1, USERS_KEPT - 1, 20) ? 1u : 0u, 1u);
}
END_TEST

static void read_accounts(const char *text)
{
    char path[] = "/tmp/cloister-subuid-XXXXXX";
    int file = mkstemp(path);

    REQUIRE(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text));
    close(file);
    account_read(path);
    unlink(path);
}

START_TEST(finds_who_answers_for_a_user)
{
    read_accounts("1000:100000:65536\n1001:165536:65536\nroot:300000:1\n");
    ck_assert_uint_eq(account_of(0), 0);
    ck_assert_uint_eq(account_of(1000), 1000);
    ck_assert_uint_eq(account_of(99999), 99999);
    ck_assert_uint_eq(account_of(100000), 1000);
    ck_assert_uint_eq(account_of(165535), 1000);
    ck_assert_uint_eq(account_of(165536), 1001);
    ck_assert_uint_eq(account_of(231071), 1001);
    ck_assert_uint_eq(account_of(231072), 231072);
    ck_assert_uint_eq(account_of(300000), 0);
    ck_assert_uint_eq(account_of(300001), 300001);
}
END_TEST

START_TEST(passes_over_lines_that_are_none)
{
    static const char *const wrong[] = {"",
                                        "\n",
                                        "1000\n",
                                        "1000:5\n",
                                        "1000:5:\n",
                                        "1000:a:9\n",
                                        "1000:5:9x\n",
                                        ":100000:65536\n",
                                        "nosuchuser:5:9\n",
                                        "-1:5:9\n",
                                        "1000:99999999999:9\n",
                                        "1000:-5:65536\n",
                                        "1000:5:4294967296\n"};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[128];

        snprintf(text, sizeof(text), "%s2000:700:2\n", wrong[i]);
        read_accounts(text);
        ck_assert_uint_eq(account_of(8), 8);
        ck_assert_uint_eq(account_of(100001), 100001);
        ck_assert_uint_eq(account_of(701), 2000);
    }
    account_read("/nonexistent/subuid");
    ck_assert_uint_eq(account_of(701), 701);
}
END_TEST

SUITE_MAIN("users", takes_two_seconds_at_a_stretch, says_how_long_to_wait,
           one_user_takes_nothing_from_another, forgets_who_asked_longest_ago,
           finds_who_answers_for_a_user, passes_over_lines_that_are_none)
