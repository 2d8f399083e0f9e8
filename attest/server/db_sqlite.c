/* SPDX-License-Identifier: MIT */
/* SQLite in WAL mode: readers do not wait for the writer. */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libgen.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/db.h"
#include "base/say.h"
#include "server/quiet.h"
#include "server/clock.h"

#define BUSY_MS 3000
#define SAY_S 10
#define QUIETS 61u

struct sqlite {
    struct db db;
    char *path;
    bool looks; /* nothing is changed */
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

/* The same is said once in SAY_S seconds, however many requests come to it. */
static int failed(struct sqlite *lite, const char *what)
{
    static struct quiet quiet[QUIETS];
    unsigned int code = lite->handle ? (unsigned int)sqlite3_extended_errcode(lite->handle) : 0;
    uint64_t more;

    if (quiet_may_say(&quiet[code % QUIETS], clock_nanoseconds() / 1000000000, SAY_S, &more)) {
        say_error("store: %s: %s%s", what,
                  lite->handle ? sqlite3_errmsg(lite->handle) : "out of memory",
                  more ? ", as several times since this was said last" : "");
    }
    return -EIO;
}

/* What an earlier version left readable for others: its key may be known to them. */
static void tighten(const char *path)
{
    struct stat found;

    if (!stat(path, &found) && S_ISREG(found.st_mode) && found.st_mode & 077 &&
        !chmod(path, 0600)) {
        say_warning("store: %s could be used by others (mode %04o); it cannot any more", path,
                    found.st_mode & 07777u);
    }
}

/*
 * Where somebody uses it there is a file of the name PATH-wal, and its content counts; else SQLite
 * is told that nothing will change, so that it makes no file of its own.
 */
static int connect_to_look(struct sqlite *lite)
{
    char uri[1200], wal[700];

    snprintf(wal, sizeof(wal), "%s-wal", lite->path);
    snprintf(uri, sizeof(uri), "file:%s?mode=ro%s", lite->path,
             access(wal, F_OK) ? "&immutable=1" : "");
    if (sqlite3_open_v2(uri, &lite->handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) !=
        SQLITE_OK) {
        failed(lite, lite->path);
        disconnect(lite);
        return -EIO;
    }
    return 0;
}

static int connect(struct sqlite *lite)
{
    if (lite->handle) {
        return 0;
    }
    if (lite->looks) {
        return connect_to_look(lite);
    }
    tighten(lite->path);
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

static bool has_uri_signs(const char *path)
{
    return strpbrk(path, "?#%") != NULL;
}

int db_sqlite_look(const char *path, struct db **db, char *why, size_t why_size)
{
    char copy[600];
    struct stat found;

    *db = NULL;
    snprintf(copy, sizeof(copy), "%s", path);
    if (has_uri_signs(path)) {
        snprintf(why, why_size, "store: %s: the name has ?, # or %%", path);
        return -EINVAL;
    }
    if (stat(path, &found)) {
        if (errno != ENOENT || access(dirname(copy), W_OK | X_OK)) {
            snprintf(why, why_size, "store: %s cannot be made: %s", path, strerror(errno));
            return -EINVAL;
        }
        return 0;
    }
    if (!S_ISREG(found.st_mode) || found.st_mode & 077) {
        snprintf(why, why_size, "store: %s: %s (mode %04o): chmod 0600", path,
                 S_ISREG(found.st_mode) ? "others can use it, and the key of challenges is in it"
                                        : "no regular file",
                 found.st_mode & 07777u);
        return -EINVAL;
    }
    *db = db_sqlite_open(path);
    if (*db) {
        ((struct sqlite *)*db)->looks = true;
    }
    snprintf(why, why_size, "out of memory");
    return *db ? 0 : -EINVAL;
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

/* It was written, and perhaps it is on the disk, perhaps not. */
static bool is_unsure(int code)
{
    return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
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
        bool unsure = is_unsure(sqlite3_extended_errcode(lite->handle));

        rows = failed(lite, sql);
        rows = unsure ? -EINPROGRESS : rows;
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

static const struct db_backend backend = {
    "BLOB", "BEGIN IMMEDIATE", "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1",
    run, close_sqlite};

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
