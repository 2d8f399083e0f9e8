/* SPDX-License-Identifier: MIT */
/* PostgreSQL by libpq. A statement that does not end is ended by the server after some seconds. */
#include <endian.h>
#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/db.h"
#include "base/say.h"
#include "server/quiet.h"

#define STATEMENT_MS "5000"
#define CONNECT_S "3"
#define OPTIONS                                                                                    \
    "-c statement_timeout=" STATEMENT_MS " -c lock_timeout=" STATEMENT_MS                          \
    " -c idle_in_transaction_session_timeout=10000 -c client_min_messages=warning"
#define SAY_S 30
#define RETRY_S 1

enum { OID_BYTEA = 17, OID_INT8 = 20, OID_TEXT = 25 }; /* catalog/pg_type.dat */

struct postgresql {
    struct db db;
    char *url;
    bool looks; /* nothing is changed */
    PGconn *connection;
    time_t next_try; /* CLOCK_MONOTONIC */
    bool prepared[DB_MAX_STATEMENTS];
};

static time_t seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void disconnect(struct postgresql *pg)
{
    PQfinish(pg->connection);
    pg->connection = NULL;
    memset(pg->prepared, 0, sizeof(pg->prepared));
}

/*
 * -EINPROGRESS: the connection was lost, and with it the answer. While the database is away that is
 * said once in SAY_S seconds for all connections.
 */
static int failed(struct postgresql *pg, const char *what)
{
    static struct quiet quiet[2];
    const char *message = pg->connection ? PQerrorMessage(pg->connection) : "out of memory";

    bool connecting = pg->connection && PQstatus(pg->connection) != CONNECTION_OK;
    uint64_t more;

    if (quiet_may_say(&quiet[connecting], seconds(), SAY_S, &more)) {
        say_error("store: %s: %.*s%s", what, (int)strcspn(message, "\n"), message,
                  more ? ", as several times since this was said last" : "");
    }
    if (pg->connection && PQstatus(pg->connection) != CONNECTION_OK) {
        disconnect(pg);
        return -EINPROGRESS;
    }
    return -EIO;
}

static int connect(struct postgresql *pg)
{
    const char *const keys[] = {"dbname",  "connect_timeout",           "tcp_user_timeout",
                                "options", "fallback_application_name", NULL};
    const char *const values[] = {pg->url,
                                  CONNECT_S,
                                  STATEMENT_MS,
                                  pg->looks ? OPTIONS " -c default_transaction_read_only=on"
                                            : OPTIONS,
                                  "cloister-attestd",
                                  NULL};

    if (pg->connection) {
        return 0;
    }
    if (seconds() < pg->next_try) {
        return -EIO;
    }
    pg->connection = PQconnectdbParams(keys, values, 1);
    if (!pg->connection || PQstatus(pg->connection) != CONNECTION_OK) {
        pg->next_try = seconds() + RETRY_S;
        failed(pg, "connecting");
        disconnect(pg);
        return -EIO;
    }
    return 0;
}

static int prepare(struct postgresql *pg, unsigned int id, const char *name, const char *sql,
                   const struct db_value *values, size_t count)
{
    static const Oid types[] = {[DB_NULL] = OID_BYTEA,
                                [DB_NUMBER] = OID_INT8,
                                [DB_TEXT] = OID_TEXT,
                                [DB_BYTES] = OID_BYTEA};
    Oid given[DB_MAX_VALUES];
    PGresult *result;

    if (pg->prepared[id]) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        given[i] = types[values[i].type];
    }
    result = PQprepare(pg->connection, name, sql, (int)count, given);
    pg->prepared[id] = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    if (!pg->prepared[id]) {
        (void)!failed(pg, sql);
        return -EIO; /* it was not even begun */
    }
    return 0;
}

static void give_rows(PGresult *result, db_row *row, void *context)
{
    struct db_value columns[DB_MAX_VALUES];
    int count = PQnfields(result);

    for (int i = 0; i < PQntuples(result); i++) {
        for (int j = 0; j < count && j < (int)DB_MAX_VALUES; j++) {
            struct db_value *column = &columns[j];
            Oid type = PQftype(result, j);

            *column = (struct db_value){.type = DB_NULL};
            if (PQgetisnull(result, i, j)) {
                continue;
            }
            column->data = PQgetvalue(result, i, j);
            column->size = (size_t)PQgetlength(result, i, j);
            column->type = type == OID_BYTEA ? DB_BYTES : DB_TEXT;
            if (type == OID_INT8 && column->size == sizeof(uint64_t)) {
                uint64_t big;

                memcpy(&big, column->data, sizeof(big));
                *column = DB_INT(be64toh(big));
            }
        }
        row(context, columns, (size_t)count);
    }
}

static int run(struct db *db, unsigned int id, const char *sql, const struct db_value *values,
               size_t count, db_row *row, void *context)
{
    struct postgresql *pg = (struct postgresql *)db;
    const char *data[DB_MAX_VALUES];
    int sizes[DB_MAX_VALUES], formats[DB_MAX_VALUES], rows;
    uint64_t numbers[DB_MAX_VALUES];
    PGresult *result;
    char name[16];

    snprintf(name, sizeof(name), "s%u", id);
    if (connect(pg) || prepare(pg, id, name, sql, values, count)) {
        return -EIO;
    }
    for (size_t i = 0; i < count; i++) {
        formats[i] = 1;
        data[i] = values[i].type == DB_BYTES && !values[i].size ? "" : values[i].data;
        sizes[i] = (int)values[i].size;
        if (values[i].type == DB_NUMBER) {
            numbers[i] = htobe64((uint64_t)values[i].number);
            data[i] = (const char *)&numbers[i];
            sizes[i] = sizeof(numbers[i]);
        }
    }
    result = PQexecPrepared(pg->connection, name, (int)count, data, sizes, formats, 1);
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
        rows = atoi(PQcmdTuples(result));
        break;
    case PGRES_TUPLES_OK:
        rows = PQntuples(result);
        if (row) {
            give_rows(result, row, context);
        }
        break;
    default:
        rows = failed(pg, sql);
    }
    PQclear(result);
    return rows;
}

static void close_postgresql(struct db *db)
{
    struct postgresql *pg = (struct postgresql *)db;

    disconnect(pg);
    free(pg->url);
    free(pg);
}

static const struct db_backend backend = {
    "BYTEA", "BEGIN",
    "SELECT 1 FROM pg_tables WHERE tablename = $1 AND schemaname = ANY (current_schemas(false))",
    run, close_postgresql};

struct db *db_postgresql_open(const char *url)
{
    struct postgresql *pg = calloc(1, sizeof(*pg));

    if (!pg || !(pg->url = strdup(url))) {
        free(pg);
        return NULL;
    }
    pg->db.backend = &backend;
    return &pg->db;
}

int db_postgresql_look(const char *url, struct db **db, char *why, size_t why_size)
{
    *db = db_postgresql_open(url);
    if (*db) {
        ((struct postgresql *)*db)->looks = true;
    }
    snprintf(why, why_size, "out of memory");
    return *db ? 0 : -EINVAL;
}
