/* SPDX-License-Identifier: MIT */
/* The store with SQLite. PostgreSQL, and failures of both, are tried by tests/attest/suite. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "service/instances.h"
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

static int add_ticket(const uint8_t *digest, const uint8_t *ek_digest, int64_t expires)
{
    struct store_ticket ticket = {.expires = expires};

    memcpy(ticket.digest, digest, STORE_DIGEST);
    memcpy(ticket.ek_digest, ek_digest, STORE_DIGEST);
    return store_ticket_add(db, &ticket);
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
    ck_assert_int_eq(IN_TRANSACTION(add_ticket(ticket, none, 100)), 0);
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
    ck_assert_int_eq(IN_TRANSACTION(add_ticket(ticket, named, 100)), 0);
    ck_assert_int_eq(store_ticket_get(db, ticket, 99, got), 0);
    ck_assert_mem_eq(got, named, sizeof(got));
    ck_assert_int_eq(store_ticket_get(db, ticket, 100, got), -ENOENT);
    ck_assert_int_eq(IN_TRANSACTION(store_host_enrol(db, ticket, 100, none, &host)), -ENOENT);
    ck_assert_int_eq(IN_TRANSACTION(store_host_enrol(db, named, 1, none, &host)), -ENOENT);
    ck_assert_int_eq(IN_TRANSACTION(add_ticket(ticket, none, 200)), 0);
    ck_assert_int_eq(store_ticket_get(db, ticket, 99, got), 0);
    ck_assert_mem_eq(got, named, sizeof(got)); /* it stays as it was */
    ck_assert_int_eq(store_ticket_get(db, ticket, 100, got), -ENOENT);
    ck_assert_int_eq(IN_TRANSACTION(store_host_enrol(db, ticket, 1, none, &host)), 0);
    ck_assert_int_eq(store_ticket_get(db, ticket, 1, got), -ENOENT);
}
END_TEST

struct tickets {
    unsigned int count;
    uint8_t digests[8];
};

static void note_ticket(void *context, const struct store_ticket *ticket)
{
    struct tickets *seen = context;

    ck_assert_uint_lt(seen->count, 8);
    ck_assert_int_gt(ticket->expires, 0);
    ck_assert_mem_eq(ticket->ek_digest, none, STORE_DIGEST);
    seen->digests[seen->count++] = ticket->digest[0];
}

START_TEST(listed_tickets)
{
    struct tickets seen = {0};

    for (uint8_t number = 5; number > 0; number--) {
        const uint8_t digest[STORE_DIGEST] = {number};

        ck_assert_int_eq(IN_TRANSACTION(add_ticket(digest, none, 100 * number)), 0);
    }
    ck_assert_int_eq(store_ticket_list(db, NULL, 0, 8, note_ticket, &seen), 0);
    ck_assert_uint_eq(seen.count, 5);
    ck_assert_mem_eq(seen.digests, "\1\2\3\4\5", 5);
    seen.count = 0; /* what has expired is not among them, nor what comes first */
    ck_assert_int_eq(
        store_ticket_list(db, (const uint8_t[STORE_DIGEST]){3}, 300, 1, note_ticket, &seen), 0);
    ck_assert_uint_eq(seen.count, 1);
    ck_assert_uint_eq(seen.digests[0], 4);
    ck_assert_int_eq(IN_TRANSACTION(store_ticket_delete(db, (const uint8_t[STORE_DIGEST]){4})), 0);
    ck_assert_int_eq(IN_TRANSACTION(store_ticket_delete(db, (const uint8_t[STORE_DIGEST]){4})),
                     -ENOENT);
    seen.count = 0;
    ck_assert_int_eq(store_ticket_list(db, NULL, 300, 8, note_ticket, &seen), 0);
    ck_assert_uint_eq(seen.count, 1);
    ck_assert_uint_eq(seen.digests[0], 5);
}
END_TEST

/* Who did not hear that it was done asks again; everybody else has no ticket any more. */
START_TEST(enrolled_again)
{
    const uint8_t ticket[STORE_DIGEST] = {1, 1}; /* the one that enrol() uses */
    struct store_host host, again;

    ck_assert_int_eq(enrol(1, "first", &host), 0);
    again = host;
    strcpy(again.id, "other");
    again.enrolled = 77;
    ck_assert_int_eq(IN_TRANSACTION(store_host_enrol(db, ticket, 50, none, &again)), -EALREADY);
    ck_assert_str_eq(again.id, "first");
    ck_assert_int_eq(store_host_get(db, "first", &again), 0);
    ck_assert_int_eq(again.enrolled, 5); /* nothing changed */
    for (int i = 0; i < 3; i++) {
        again = host;
        (i == 0 ? again.ek_digest : i == 1 ? again.ak_digest : again.token_digest)[9] ^= 1;
        ck_assert_int_eq(IN_TRANSACTION(store_host_enrol(db, ticket, 50, none, &again)), -ENOENT);
    }
    ck_assert_int_eq(IN_TRANSACTION(store_host_delete(db, "first")), 0);
    ck_assert_int_eq(IN_TRANSACTION(store_host_enrol(db, ticket, 50, none, &host)), -ENOENT);
}
END_TEST

static int enrol_former(uint8_t number, uint8_t former_number, const char *id,
                        struct store_host *host)
{
    const uint8_t ticket[STORE_DIGEST] = {number, 1}, former[STORE_DIGEST] = {former_number};

    *host = (struct store_host){.enrolled = 6, .ek_digest = {number}, .ak_digest = {number, 2}};
    strcpy(host->id, id);
    ck_assert_int_eq(IN_TRANSACTION(add_ticket(ticket, none, 100)), 0);
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

/* One whose request has the digest `request`, and whose answer is its first letters. */
static int try_answer(const char *host, const uint8_t *token_digest, const uint8_t *nonce,
                      int64_t expires, int64_t now, const char *reason, uint8_t request,
                      struct store_answer *answer)
{
    const struct store_attempt attempt = {host, token_digest, nonce, expires, now, reason};

    *answer = (struct store_answer){.request = {request}, .status = 200 + request};
    answer->reply = strdup(reason ? reason : "good");
    answer->size = strlen(answer->reply);
    return IN_TRANSACTION(store_attempt(db, &attempt, answer));
}

/* Each of them is another request. */
static int attempt(const char *host, const uint8_t *token_digest, const uint8_t *nonce,
                   int64_t expires, int64_t now, const char *reason)
{
    static uint8_t request;
    struct store_answer answer;
    int rc = try_answer(host, token_digest, nonce, expires, now, reason, ++request, &answer);

    free(answer.reply);
    return rc;
}

START_TEST(answered_again)
{
    const uint8_t nonce[STORE_DIGEST] = {9};
    struct store_answer answer;
    struct store_host host;

    ck_assert_int_eq(enrol(1, "host", &host), 0);
    ck_assert_int_eq(try_answer("host", token, nonce, 9, 1, NULL, 3, &answer), 0);
    free(answer.reply);
    ck_assert_int_eq(try_answer("host", token, nonce, 9, 2, "not this", 3, &answer), -EALREADY);
    ck_assert_str_eq(answer.reply, "good");
    ck_assert_uint_eq(answer.size, 4);
    ck_assert_int_eq(answer.status, 203);
    free(answer.reply);
    ck_assert_int_eq(store_host_get(db, "host", &host), 0);
    ck_assert_int_eq(host.last_attempt, 1); /* nothing changed */
    ck_assert_str_eq(host.last_reason, "");
    ck_assert_int_eq(try_answer("host", token, nonce, 9, 3, NULL, 4, &answer), -EEXIST);
    free(answer.reply);
    ck_assert_int_eq(IN_TRANSACTION(store_sweep(db, 9, 0)), 0); /* the challenge still lives */
    ck_assert_int_eq(try_answer("host", token, nonce, 9, 4, NULL, 3, &answer), -EALREADY);
    free(answer.reply);
    ck_assert_int_eq(IN_TRANSACTION(store_sweep(db, 10, 0)), 0);
    ck_assert_int_eq(try_answer("host", token, nonce, 9, 4, NULL, 3, &answer), -EEXIST);
    free(answer.reply);
}
END_TEST

START_TEST(attempts)
{
    const uint8_t nonce[STORE_DIGEST] = {9}, wrong[STORE_DIGEST] = {8};
    struct store_host host;

    ck_assert_int_eq(enrol(1, "host", &host), 0);
    ck_assert_int_eq(attempt("other", token, nonce, 9, 1, NULL), -ENOENT);
    ck_assert_int_eq(attempt("host", token, nonce, 9, 2, NULL), -EEXIST);
    ck_assert_int_eq(store_host_get(db, "host", &host), 0);
    ck_assert_str_eq(host.last_reason, "challenge-replayed");
    ck_assert_int_eq(host.last_attempt, 2);
    ck_assert_int_eq(host.last_success, 0);
    ck_assert_int_eq(attempt("host", wrong, NULL, 9, 3, NULL), -ENOENT);
    ck_assert_int_eq(attempt("host", token, wrong, 9, 4, NULL), 0);
    ck_assert_int_eq(attempt("host", token, NULL, 9, 5, "why"), 0);
    ck_assert_int_eq(store_host_get(db, "host", &host), 0);
    ck_assert_str_eq(host.last_reason, "why");
    ck_assert_int_eq(host.last_attempt, 5);
    ck_assert_int_eq(host.last_success, 4);
}
END_TEST

START_TEST(rolled_back)
{
    const uint8_t nonce[STORE_DIGEST] = {9};
    const struct store_attempt first = {"host", token, nonce, 9, 1, NULL};
    struct store_answer answer = {.reply = (char *)(uintptr_t) "", .status = 200};
    struct store_host host;

    ck_assert_int_eq(enrol(1, "host", &host), 0);
    ck_assert_int_eq(store_begin(db), 0);
    ck_assert_int_eq(store_attempt(db, &first, &answer), 0);
    store_rollback(db);
    ck_assert_int_eq(attempt("host", token, nonce, 9, 2, NULL), 0);
}
END_TEST

START_TEST(swept)
{
    const uint8_t nonce[STORE_DIGEST] = {9}, ticket[STORE_DIGEST] = {4};
    const int64_t late = 1000 + STORE_USED_MARGIN;
    struct store_host host;
    uint8_t got[STORE_DIGEST];

    ck_assert_int_eq(enrol(1, "host", &host), 0);
    ck_assert_int_eq(IN_TRANSACTION(add_ticket(ticket, none, 2000)), 0);
    ck_assert_int_eq(attempt("host", token, nonce, 1000, 1, NULL), 0);
    ck_assert_int_eq(IN_TRANSACTION(store_sweep(db, late, 0)), 0);
    ck_assert_int_eq(attempt("host", token, nonce, 1000, 2, NULL), -EEXIST);
    ck_assert_int_eq(store_ticket_get(db, ticket, 1, got), -ENOENT);
    ck_assert_int_eq(IN_TRANSACTION(store_sweep(db, late + 1, 0)), 0);
    ck_assert_int_eq(attempt("host", token, nonce, 1000, 3, NULL), 0);
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
    strcpy(job.id, "2"); /* asked for again */
    ck_assert_int_eq(IN_TRANSACTION(store_job_add(db, &job, 100)), 0);
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

static unsigned int listed;
static char last[STORE_ID_SIZE];

static void event_row(void *context, const struct store_event *event)
{
    const char *expected = context;

    ck_assert_str_gt(event->id, last);
    snprintf(last, sizeof(last), "%s", event->id);
    ck_assert_msg(strchr(expected, event->event[0]) != NULL, "%s", event->event);
    ck_assert_str_eq(event->subject, "policy");
    ck_assert_str_eq(event->token, "");
    listed++;
}

START_TEST(events)
{
    char id[STORE_ID_SIZE], text[2], first[STORE_ID_SIZE] = "";
    struct store_event event = {.id = id,
                                .event = text,
                                .host = "",
                                .administrator = "/CN=x",
                                .address = "::1",
                                .subject = "policy",
                                .result = "",
                                .token = ""};

    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(store_event_id(id), 0);
        ck_assert_str_gt(id, first);
        memcpy(first, i ? first : id, sizeof(first));
        snprintf(text, sizeof(text), "%c", 'a' + i);
        ck_assert_int_eq(IN_TRANSACTION(store_event_add(db, &event)), 0);
        ck_assert_int_eq(IN_TRANSACTION(store_event_add(db, &event)), 0); /* once */
    }
    listed = 0;
    last[0] = 0;
    ck_assert_int_eq(store_event_list(db, "", 100, event_row, (char *)(uintptr_t) "abcde"), 0);
    ck_assert_uint_eq(listed, 5);
    last[0] = 0;
    ck_assert_int_eq(store_event_list(db, first, 2, event_row, (char *)(uintptr_t) "bc"), 0);
    ck_assert_uint_eq(listed, 7);
    ck_assert_int_eq(IN_TRANSACTION(store_sweep(db, 1, time(NULL) - 900)), 0);
    last[0] = 0;
    ck_assert_int_eq(store_event_list(db, "", 100, event_row, (char *)(uintptr_t) "abcde"), 0);
    ck_assert_uint_eq(listed, 12);
    ck_assert_int_eq(IN_TRANSACTION(store_sweep(db, 1, time(NULL) + 5)), 0);
    ck_assert_int_eq(store_event_list(db, "", 100, event_row, (char *)(uintptr_t) ""), 0);
    ck_assert_uint_eq(listed, 12);
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

static struct store_instance instance(const char *issuer, const char *key, const char *next)
{
    struct store_instance made = {.seen = 100};

    strcpy(made.issuer, issuer);
    strcpy(made.key, key);
    strcpy(made.next_key, next);
    return made;
}

/* Each signs by a key that the other announces. */
START_TEST(fitting_instances)
{
    static const struct {
        const char *issuer, *key, *next, *differs;
    } cases[] = {
        {"i", "a", "", NULL},           {"i", "a", "b", NULL},
        {"i", "b", "a", NULL},          {"j", "a", "b", "issuer"},
        {"", "a", "b", "issuer"},       {"i", "b", "", "signing-key"},
        {"i", "c", "a", "signing-key"}, {"i", "b", "c", "signing-key"},
        {"i", "", "", "signing-key"},
    };
    const struct store_instance ours = instance("i", "a", "b");

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct store_instance other = instance(cases[i].issuer, cases[i].key, cases[i].next);
        const char *found = instances_differ(&ours, &other),
                   *back = instances_differ(&other, &ours);

        ck_assert_pstr_eq(found, cases[i].differs);
        ck_assert_pstr_eq(back, cases[i].differs);
    }
}
END_TEST

static void count_instance(void *context, const struct store_instance *found)
{
    ck_assert_str_eq(found->issuer, "https://i");
    (*(unsigned int *)context)++;
}

START_TEST(instances_come_and_go)
{
    struct store_instance one = instance("https://i", "a", ""), other = one;
    unsigned int count = 0;

    strcpy(one.id, "1");
    strcpy(other.id, "2");
    other.seen = 200;
    ck_assert_int_eq(IN_TRANSACTION(store_instance_put(db, &one, 0)), 0);
    ck_assert_int_eq(IN_TRANSACTION(store_instance_put(db, &one, 0)), 0);
    ck_assert_int_eq(IN_TRANSACTION(store_instance_put(db, &other, 100)), 0);
    ck_assert_int_eq(store_instance_list(db, 100, count_instance, &count), 0);
    ck_assert_uint_eq(count, 2);
    count = 0;
    ck_assert_int_eq(store_instance_list(db, 101, count_instance, &count), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(IN_TRANSACTION(store_instance_put(db, &other, 101)),
                     0); /* forgets the first */
    count = 0;
    ck_assert_int_eq(store_instance_list(db, 0, count_instance, &count), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(IN_TRANSACTION(store_instance_delete(db, "2")), 0);
    count = 0;
    ck_assert_int_eq(store_instance_list(db, 0, count_instance, &count), 0);
    ck_assert_uint_eq(count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *tcase = tcase_create("store");

    tcase_add_checked_fixture(tcase, start, end);
    tcase_add_test(tcase, key_stays);
    tcase_add_test(tcase, tickets);
    tcase_add_test(tcase, listed_tickets);
    tcase_add_test(tcase, instances_come_and_go);
    tcase_add_test(tcase, fitting_instances);
    tcase_add_test(tcase, hosts);
    tcase_add_test(tcase, enrolled_again);
    tcase_add_test(tcase, former_digests);
    tcase_add_test(tcase, attempts);
    tcase_add_test(tcase, answered_again);
    tcase_add_test(tcase, rolled_back);
    tcase_add_test(tcase, swept);
    tcase_add_test(tcase, jobs);
    tcase_add_test(tcase, events);
    tcase_add_test(tcase, unusable);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
