/* SPDX-License-Identifier: MIT */
/* The store with SQLite. PostgreSQL, and failures of both, are tried by tests/attest/suite. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/store.h"
#include "../suite.h"

static char folder[32];
static struct db *db;
static uint8_t key[SEAL_KEY_SIZE];
static const uint8_t none[STORE_DIGEST], token[STORE_DIGEST] = {7};

static void start(void)
{
    char where[64];

    strcpy(folder, "/tmp/cloister-store-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(where, sizeof(where), "sqlite:%s/store", folder);
    db = db_open(where);
    ck_assert_int_eq(store_prepare(db, key), 0);
}

static void end(void)
{
    char command[64];

    db_close(db);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static int commit(int rc)
{
    if (rc == -EIO) {
        store_rollback(db);
    } else {
        ck_assert_int_eq(store_commit(db), 0);
    }
    return rc;
}

static void begin(void)
{
    ck_assert_int_eq(store_begin(db), 0);
}

#define IN_TRANSACTION(action) (begin(), commit(action))

static int enrol(uint8_t number, const char *id, struct store_host *host)
{
    uint8_t ticket[STORE_DIGEST] = {number, 1};

    *host = (struct store_host){.enrolled = 5, .ek_digest = {number}, .ak_digest = {number, 2}};
    strcpy(host->id, id);
    memcpy(host->token_digest, token, sizeof(token));
    ck_assert_int_eq(IN_TRANSACTION(store_ticket_add(db, ticket, none, 100)), 0);
    return IN_TRANSACTION(store_host_enrol(db, ticket, 50, host->ek_digest, host));
}

START_TEST(key_stays)
{
    uint8_t again[SEAL_KEY_SIZE];

    ck_assert_int_eq(store_prepare(db, again), 0);
    ck_assert_mem_eq(again, key, sizeof(key));
}
END_TEST

START_TEST(tickets)
{
    const uint8_t ticket[STORE_DIGEST] = {1}, named[STORE_DIGEST] = {2};
    struct store_host host = {.id = "a", .ek_digest = {3}};
    uint8_t got[STORE_DIGEST];

    ck_assert_int_eq(store_ticket_get(db, ticket, 0, got), -ENOENT);
    ck_assert_int_eq(IN_TRANSACTION(store_ticket_add(db, ticket, named, 100)), 0);
    ck_assert_int_eq(store_ticket_get(db, ticket, 99, got), 0);
    ck_assert_mem_eq(got, named, sizeof(got));
    ck_assert_int_eq(store_ticket_get(db, ticket, 100, got), -ENOENT);
    ck_assert_int_eq(IN_TRANSACTION(store_host_enrol(db, ticket, 100, none, &host)), -ENOENT);
    ck_assert_int_eq(IN_TRANSACTION(store_host_enrol(db, named, 1, none, &host)), -ENOENT);
    ck_assert_int_eq(IN_TRANSACTION(store_host_enrol(db, ticket, 1, none, &host)), 0);
    ck_assert_int_eq(IN_TRANSACTION(store_host_enrol(db, ticket, 1, none, &host)), -ENOENT);
}
END_TEST

static int enrol_former(uint8_t number, uint8_t former_number, const char *id, struct store_host *host)
{
    const uint8_t ticket[STORE_DIGEST] = {number, 1}, former[STORE_DIGEST] = {former_number};

    *host = (struct store_host){.enrolled = 6, .ek_digest = {number}, .ak_digest = {number, 2}};
    strcpy(host->id, id);
    ck_assert_int_eq(IN_TRANSACTION(store_ticket_add(db, ticket, none, 100)), 0);
    return IN_TRANSACTION(store_host_enrol(db, ticket, 50, former, host));
}

/* Earlier versions knew a host by what it had sent: it is found, and is one host from then on. */
START_TEST(former_digests)
{
    struct store_host host, again;

    ck_assert_int_eq(enrol(11, "old", &host), 0);
    ck_assert_int_eq(enrol(12, "other", &host), 0);
    ck_assert_int_eq(enrol_former(21, 11, "new", &again), 0);
    ck_assert_str_eq(again.id, "old");
    ck_assert_int_eq(store_host_get(db, "old", &host), 0);
    ck_assert_uint_eq(host.ek_digest[0], 21);
    ck_assert_int_eq(enrol_former(21, 99, "newer", &again), 0); /* sent otherwise */
    ck_assert_str_eq(again.id, "old");
    ck_assert_int_eq(enrol_former(21, 21, "newest", &again), 0);
    ck_assert_str_eq(again.id, "old");
    /* One that was made of the same key is gone, and so is its token. */
    ck_assert_int_eq(enrol(13, "second", &host), 0);
    ck_assert_int_eq(enrol_former(21, 13, "newest", &again), 0);
    ck_assert_str_eq(again.id, "old");
    ck_assert_int_eq(store_host_get(db, "second", &host), -ENOENT);
    ck_assert_int_eq(store_host_get(db, "other", &host), 0);
}
END_TEST

START_TEST(hosts)
{
    struct store_host host, again;

    ck_assert_int_eq(store_host_get(db, "first", &host), -ENOENT);
    ck_assert_int_eq(enrol(1, "first", &host), 0);
    ck_assert_int_eq(enrol(2, "second", &host), 0);
    ck_assert_int_eq(store_host_get(db, "second", &host), 0);
    ck_assert_int_eq(host.enrolled, 5);
    ck_assert_int_eq(host.last_attempt, 0);
    ck_assert_uint_eq(host.ek_digest[0], 2);
    ck_assert_int_eq(enrol(1, "third", &again), 0); /* the first's EK */
    ck_assert_str_eq(again.id, "first");
    ck_assert_int_eq(store_host_get(db, "third", &host), -ENOENT);
    ck_assert_int_eq(IN_TRANSACTION(store_host_delete(db, "first")), 0);
    ck_assert_int_eq(IN_TRANSACTION(store_host_delete(db, "first")), -ENOENT);
    ck_assert_int_eq(store_host_get(db, "' OR '1'='1", &host), -ENOENT);
}
END_TEST

START_TEST(attempts)
{
    const uint8_t nonce[STORE_DIGEST] = {9}, wrong[STORE_DIGEST] = {8};
    struct store_host host;

    ck_assert_int_eq(enrol(1, "host", &host), 0);
    ck_assert_int_eq(IN_TRANSACTION(store_attempt(db, "other", token, nonce, 9, 1, NULL)), -ENOENT);
    ck_assert_int_eq(IN_TRANSACTION(store_attempt(db, "host", token, nonce, 9, 2, NULL)), -EEXIST);
    ck_assert_int_eq(store_host_get(db, "host", &host), 0);
    ck_assert_str_eq(host.last_reason, "challenge-replayed");
    ck_assert_int_eq(host.last_attempt, 2);
    ck_assert_int_eq(host.last_success, 0);
    ck_assert_int_eq(IN_TRANSACTION(store_attempt(db, "host", wrong, NULL, 9, 3, NULL)), -ENOENT);
    ck_assert_int_eq(IN_TRANSACTION(store_attempt(db, "host", token, wrong, 9, 4, NULL)), 0);
    ck_assert_int_eq(IN_TRANSACTION(store_attempt(db, "host", token, NULL, 9, 5, "why")), 0);
    ck_assert_int_eq(store_host_get(db, "host", &host), 0);
    ck_assert_str_eq(host.last_reason, "why");
    ck_assert_int_eq(host.last_attempt, 5);
    ck_assert_int_eq(host.last_success, 4);
}
END_TEST

START_TEST(rolled_back)
{
    const uint8_t nonce[STORE_DIGEST] = {9};
    struct store_host host;

    ck_assert_int_eq(enrol(1, "host", &host), 0);
    ck_assert_int_eq(store_begin(db), 0);
    ck_assert_int_eq(store_attempt(db, "host", token, nonce, 9, 1, NULL), 0);
    store_rollback(db);
    ck_assert_int_eq(IN_TRANSACTION(store_attempt(db, "host", token, nonce, 9, 2, NULL)), 0);
}
END_TEST

START_TEST(swept)
{
    const uint8_t nonce[STORE_DIGEST] = {9}, ticket[STORE_DIGEST] = {4};
    const int64_t late = 1000 + STORE_USED_MARGIN;
    struct store_host host;
    uint8_t got[STORE_DIGEST];

    ck_assert_int_eq(enrol(1, "host", &host), 0);
    ck_assert_int_eq(IN_TRANSACTION(store_ticket_add(db, ticket, none, 2000)), 0);
    ck_assert_int_eq(IN_TRANSACTION(store_attempt(db, "host", token, nonce, 1000, 1, NULL)), 0);
    ck_assert_int_eq(IN_TRANSACTION(store_sweep(db, late)), 0);
    ck_assert_int_eq(IN_TRANSACTION(store_attempt(db, "host", token, nonce, 1000, 2, NULL)),
                     -EEXIST);
    ck_assert_int_eq(store_ticket_get(db, ticket, 1, got), -ENOENT);
    ck_assert_int_eq(IN_TRANSACTION(store_sweep(db, late + 1)), 0);
    ck_assert_int_eq(IN_TRANSACTION(store_attempt(db, "host", token, nonce, 1000, 3, NULL)), 0);
}
END_TEST

START_TEST(jobs)
{
    struct store_job job = {.host = "host", .content = (char *)(uintptr_t) "body", .size = 4}, got;

    ck_assert_int_eq(IN_TRANSACTION(store_job_take(db, 10, 20, &got)), -ENOENT);
    for (int i = 0; i < STORE_JOBS_PER_HOST; i++) {
        snprintf(job.id, sizeof(job.id), "%d", i);
        ck_assert_int_eq(IN_TRANSACTION(store_job_add(db, &job, 100)), 0);
    }
    strcpy(job.id, "more");
    ck_assert_int_eq(IN_TRANSACTION(store_job_add(db, &job, 100)), -EDQUOT);
    for (int i = 0; i < STORE_JOBS_PER_HOST; i++) {
        ck_assert_int_eq(IN_TRANSACTION(store_job_take(db, 10, 20, &got)), 0);
        ck_assert_str_eq(got.content, "body");
        free(got.content);
    }
    ck_assert_int_eq(IN_TRANSACTION(store_job_take(db, 19, 30, &got)), -ENOENT); /* all leased */
    ck_assert_int_eq(IN_TRANSACTION(store_job_take(db, 21, 30, &got)), 0);
    free(got.content);
    ck_assert_int_eq(IN_TRANSACTION(store_job_finish(db, got.id, 200, "reply", 5)), 0);
    ck_assert_int_eq(IN_TRANSACTION(store_job_finish(db, got.id, 200, "other", 5)), -ENOENT);
    ck_assert_int_eq(store_job_get(db, got.id, "stranger", &job), -ENOENT);
    ck_assert_int_eq(store_job_get(db, got.id, "host", &job), 0);
    ck_assert_int_eq(job.status, 200);
    ck_assert_str_eq(job.content, "reply");
    free(job.content);
}
END_TEST

START_TEST(unusable)
{
    static const char *const wrong[] = {"mysql:x", "", "sqlite", "postgres://x"};
    uint8_t other[SEAL_KEY_SIZE];
    struct db *missing = db_open("sqlite:/missing/store");

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_ptr_null(db_open(wrong[i]));
    }
    ck_assert_int_eq(store_prepare(missing, other), -EIO);
    db_close(missing);
    db_close(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *tcase = tcase_create("store");

    tcase_add_checked_fixture(tcase, start, end);
    tcase_add_test(tcase, key_stays);
    tcase_add_test(tcase, tickets);
    tcase_add_test(tcase, hosts);
    tcase_add_test(tcase, former_digests);
    tcase_add_test(tcase, attempts);
    tcase_add_test(tcase, rolled_back);
    tcase_add_test(tcase, swept);
    tcase_add_test(tcase, jobs);
    tcase_add_test(tcase, unusable);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
