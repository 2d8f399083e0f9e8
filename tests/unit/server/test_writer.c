/* SPDX-License-Identifier: MIT */
/*
 * The writer, with a database whose answers are lost: a transaction is committed, and nobody hears
 * of it. What stands below it is SQLite's; db_open() and its like are ours.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/http.h"
#include "server/writer.h"
#include "service/store.h"
#include "../suite.h"

static struct service service;
static char folder[32];
static const uint8_t none[STORE_DIGEST];

/* How many COMMITs fail: done, but their answers are lost; or not done. */
static _Atomic int lost, failing;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t came = PTHREAD_COND_INITIALIZER;
static unsigned int delivered;

struct db *db_open(const char *where)
{
    return db_sqlite_open(where + strlen("sqlite:"));
}

/* Of store_check(), which nothing here calls. */
int db_look(const char *where, struct db **db, char *why, size_t why_size)
{
    (void)where;
    (void)db;
    (void)why;
    (void)why_size;
    return -EINVAL;
}

void db_close(struct db *db)
{
    if (db) {
        db->backend->close(db);
    }
}

int db_run(struct db *db, unsigned int id, const char *sql, const struct db_value *values,
           size_t count, db_row *row, void *context)
{
    int rows;

    if (strcmp(sql, "COMMIT")) {
        return db->backend->run(db, id, sql, values, count, row, context);
    }
    if (failing > 0) {
        failing--;
        return -EIO;
    }
    rows = db->backend->run(db, id, sql, values, count, row, context);
    if (lost > 0) {
        lost--;
        return -EINPROGRESS;
    }
    return rows;
}

/* In place of the event threads'. */
void http_deliver(struct request *request)
{
    (void)request;
    pthread_mutex_lock(&lock);
    delivered++;
    pthread_cond_signal(&came);
    pthread_mutex_unlock(&lock);
}

static void start(void)
{
    strcpy(folder, "/tmp/cloister-writer-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(service.config.store, sizeof(service.config.store), "sqlite:%s/store", folder);
    service.config.challenge_lifetime = 300;
    lost = failing = 0;
    delivered = 0;
}

static void end(void)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

/* Enters the ticket whose digest begins with request->query[0]. */
static int apply_ticket(struct db *db, struct request *request)
{
    const struct store_ticket ticket = {{(uint8_t)request->query[0]}, {0}, 1000};
    int rc = store_ticket_add(db, &ticket);

    if (!rc) {
        reply_text(request, 201, strdup(request->unsure ? "again" : "done"), 4);
    }
    return rc;
}

/* Removes the policy of the request's argument, as api_policies.c does. */
static int apply_removal(struct db *db, struct request *request)
{
    int rc = store_policy_delete(db, request->argument);

    reply_text(request, rc == -ENOENT && !request->unsure ? 404 : 200, strdup(""), 0);
    return rc == -EIO ? rc : 0;
}

static struct request *ask(int (*apply)(struct db *, struct request *), char letter)
{
    struct request *request = request_new();

    request->query[0] = letter;
    strcpy(request->argument, "policy");
    request->apply = apply;
    return request;
}

static void write_all(struct request **requests, size_t count)
{
    struct writer *writer;
    int some_lost = lost, some_failing = failing;

    lost = failing = 0; /* not of the tables */
    writer = writer_start(&service);
    ck_assert_ptr_nonnull(writer);
    lost = some_lost;
    failing = some_failing;
    for (size_t i = 0; i < count; i++) {
        writer_submit(writer, requests[i]);
    }
    pthread_mutex_lock(&lock);
    while (delivered < count) {
        pthread_cond_wait(&came, &lock);
    }
    pthread_mutex_unlock(&lock);
    writer_stop(writer);
}

static bool has_ticket(char letter)
{
    uint8_t digest[STORE_DIGEST] = {(uint8_t)letter}, got[STORE_DIGEST];
    struct db *db = db_open(service.config.store);
    int rc = store_ticket_get(db, digest, 1, got);

    db_close(db);
    return rc == 0;
}

/* The first COMMIT is of the tables. */
static void prepare(void)
{
    struct writer *writer = writer_start(&service);

    ck_assert_ptr_nonnull(writer);
    writer_stop(writer);
    ck_assert(service.ready);
}

START_TEST(good)
{
    struct request *request = ask(apply_ticket, 'a');

    write_all(&request, 1);
    ck_assert_int_eq(request->status, 201);
    ck_assert_str_eq(request->reply, "done");
    ck_assert(has_ticket('a') && !has_ticket('b'));
    request_free(request);
}
END_TEST

START_TEST(not_done)
{
    struct request *request = ask(apply_ticket, 'a');

    prepare();
    failing = 1;
    write_all(&request, 1);
    ck_assert_int_eq(request->status, 503);
    ck_assert_ptr_nonnull(strstr(request->reply, "nothing was changed"));
    ck_assert(!has_ticket('a'));
    request_free(request);
}
END_TEST

START_TEST(answer_lost)
{
    struct request *request = ask(apply_ticket, 'a');

    prepare();
    lost = 1;
    write_all(&request, 1);
    ck_assert_int_eq(request->status, 201);
    ck_assert_str_eq(request->reply, "again");
    ck_assert(has_ticket('a'));
    request_free(request);
}
END_TEST

START_TEST(removal_answer_lost)
{
    struct request *request = ask(apply_removal, 'a');
    struct db *db;

    prepare();
    db = db_open(service.config.store);
    ck_assert_int_eq(store_begin(db), 0);
    ck_assert_int_eq(store_policy_put(db, "policy", "x", 1, none, 1), 0);
    ck_assert_int_eq(store_commit(db), 0);
    db_close(db);
    lost = 1;
    write_all(&request, 1);
    ck_assert_int_eq(request->status, 200); /* though it is not there any more */
    request_free(request);
    request = ask(apply_removal, 'a');
    delivered = 0;
    write_all(&request, 1);
    ck_assert_int_eq(request->status, 404);
    request_free(request);
}
END_TEST

/* Nobody knows: that is what is said, and never that nothing was changed. */
START_TEST(nobody_knows)
{
    struct request *request = ask(apply_ticket, 'a');

    prepare();
    lost = 3;
    write_all(&request, 1);
    ck_assert_int_eq(request->status, 503);
    ck_assert_ptr_nonnull(strstr(request->reply, "uncertain"));
    ck_assert_ptr_null(strstr(request->reply, "nothing was changed"));
    ck_assert_uint_gt(request->retry_after, 0);
    ck_assert(has_ticket('a'));
    request_free(request);
}
END_TEST

START_TEST(many)
{
    struct request *requests[20];

    prepare();
    for (size_t i = 0; i < 20; i++) {
        requests[i] = ask(apply_ticket, (char)('a' + i));
    }
    lost = _i;
    write_all(requests, 20);
    for (size_t i = 0; i < 20; i++) {
        ck_assert_int_eq(requests[i]->status, 201);
        ck_assert(has_ticket((char)('a' + i)));
        request_free(requests[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("writer");
    TCase *tcase = tcase_create("writer");

    tcase_add_checked_fixture(tcase, start, end);
    tcase_add_test(tcase, good);
    tcase_add_test(tcase, not_done);
    tcase_add_test(tcase, answer_lost);
    tcase_add_test(tcase, removal_answer_lost);
    tcase_add_test(tcase, nobody_knows);
    tcase_add_loop_test(tcase, many, 0, 3);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
