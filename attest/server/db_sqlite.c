/* SPDX-License-Identifier: MIT */
/* SQLite in WAL mode: readers do not wait for the writer. */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/db.h"
#include "base/say.h"

#define BUSY_MS 3000

struct sqlite {
    struct db db;
    char *path;
    sqlite3 *handle;
    sqlite3_stmt *statements[DB_MAX_STATEMENTS];
};

static void disconnect(struct sqlite *lite)
{
    for (size_t i = 0; i < DB_MAX_STATEMENTS; i++) {
        sqlite3_finalize(lite->statements[i]);
        lite->statements[i] = NULL;
    }
    sqlite3_close(lite->handle);
    lite->handle = NULL;
}

static int failed(struct sqlite *lite, const char *what)
{
    say_error("store: %s: %s", what, lite->handle ? sqlite3_errmsg(lite->handle) : "out of memory");
    return -EIO;
}

static int connect(struct sqlite *lite)
{
    if (lite->handle) {
        return 0;
    }
    /* FULL: what is committed is on the disk, so a used challenge stays used after a power cut. */
    if (sqlite3_open_v2(lite->path, &lite->handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(lite->handle, BUSY_MS) != SQLITE_OK ||
        sqlite3_exec(lite->handle,
                     "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                     "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;",
                     NULL, NULL, NULL) != SQLITE_OK) {
        failed(lite, lite->path);
        disconnect(lite);
        return -EIO;
    }
    return 0;
}

static int bind(sqlite3_stmt *statement, int index, const struct db_value *value)
{
    switch (value->type) {
    case DB_NUMBER:
        return sqlite3_bind_int64(statement, index, value->number);
    case DB_TEXT:
        return sqlite3_bind_text(statement, index, value->data, (int)value->size, SQLITE_STATIC);
    case DB_BYTES:
        return sqlite3_bind_blob(statement, index, value->size ? value->data : "", (int)value->size,
                                 SQLITE_STATIC);
    default:
        return sqlite3_bind_null(statement, index);
    }
}

static void give_row(sqlite3_stmt *statement, db_row *row, void *context)
{
    struct db_value columns[DB_MAX_VALUES];
    int count = sqlite3_column_count(statement);

    for (int i = 0; i < count && i < (int)DB_MAX_VALUES; i++) {
        struct db_value *column = &columns[i];

        *column = (struct db_value){.type = DB_NULL};
        switch (sqlite3_column_type(statement, i)) {
        case SQLITE_INTEGER:
            *column = DB_INT(sqlite3_column_int64(statement, i));
            break;
        case SQLITE_TEXT:
            column->type = DB_TEXT;
            column->data = sqlite3_column_text(statement, i);
            column->size = (size_t)sqlite3_column_bytes(statement, i);
            break;
        case SQLITE_BLOB:
            column->type = DB_BYTES;
            column->data = sqlite3_column_blob(statement, i);
            column->size = (size_t)sqlite3_column_bytes(statement, i);
            break;
        }
    }
    row(context, columns, (size_t)count);
}

static int run(struct db *db, unsigned int id, const char *sql, const struct db_value *values,
               size_t count, db_row *row, void *context)
{
    struct sqlite *lite = (struct sqlite *)db;
    sqlite3_stmt *statement;
    int rc, rows = 0;

    if (connect(lite)) {
        return -EIO;
    }
    if (!lite->statements[id] &&
        sqlite3_prepare_v3(lite->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &lite->statements[id],
                           NULL) != SQLITE_OK) {
        return failed(lite, sql);
    }
    statement = lite->statements[id];
    for (size_t i = 0; i < count; i++) {
        if (bind(statement, (int)i + 1, &values[i]) != SQLITE_OK) {
            return failed(lite, sql);
        }
    }
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        rows++;
        if (row) {
            give_row(statement, row, context);
        }
    }
    if (rc == SQLITE_DONE && !sqlite3_stmt_readonly(statement) &&
        !sqlite3_column_count(statement)) {
        rows = sqlite3_changes(lite->handle);
    }
    if (rc != SQLITE_DONE) {
        rows = failed(lite, sql);
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return rows;
}

static void close_sqlite(struct db *db)
{
    struct sqlite *lite = (struct sqlite *)db;

    disconnect(lite);
    free(lite->path);
    free(lite);
}

static const struct db_backend backend = {"BLOB", "BEGIN IMMEDIATE", run, close_sqlite};

struct db *db_sqlite_open(const char *path)
{
    struct sqlite *lite = calloc(1, sizeof(*lite));

    if (!lite || !(lite->path = strdup(path))) {
        free(lite);
        return NULL;
    }
    lite->db.backend = &backend;
    return &lite->db;
}
