/* SPDX-License-Identifier: MIT */
/*
 * A connection to the database, one thread's: SQLite or PostgreSQL, the same SQL for both. Every
 * failure of the database, whatever it is, is -EIO: the caller answers 503, and what the open
 * transaction did is undone; only of a COMMIT it can be that nobody knows. The reason goes to the
 * log. A lost connection is made anew at the next
 * use, at most once a second.
 */
#ifndef CLOISTER_SERVICE_DB_H
#define CLOISTER_SERVICE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DB_MAX_VALUES 12u

enum db_type { DB_NULL, DB_NUMBER, DB_TEXT, DB_BYTES };

/* A parameter or a column. Texts end with a zero that `size` does not count. */
struct db_value {
    enum db_type type;
    int64_t number;
    const void *data;
    size_t size;
};

#define DB_INT(value) ((struct db_value){DB_NUMBER, (int64_t)(value), NULL, 0})
#define DB_STRING(text) ((struct db_value){DB_TEXT, 0, (text), strlen(text)})
#define DB_BLOB(bytes, length) ((struct db_value){DB_BYTES, 0, (bytes), (length)})

/* Called for each row. Texts and bytes live until it returns. */
typedef void db_row(void *context, const struct db_value *columns, size_t count);

struct db;

/* What a backend does; `db` begins with a pointer to it. */
struct db_backend {
    const char *bytes_type; /* of a column */
    const char *begin;      /* of a transaction that writes */
    const char *has_table;  /* a row where there is a table of the name $1 */
    int (*run)(struct db *db, unsigned int id, const char *sql, const struct db_value *values,
               size_t count, db_row *row, void *context);
    void (*close)(struct db *db);
};

struct db {
    const struct db_backend *backend;
};

/* `where`: sqlite:PATH or postgresql://... NULL: no memory, or neither. It connects at the first
 * use. */
struct db *db_open(const char *where);
/*
 * The same to look only: nothing is made or changed, neither by us nor by the database. 0, with
 * *db, which is NULL where there is nothing yet and it could be made; -EINVAL after `why`.
 */
__attribute__((warn_unused_result)) int db_look(const char *where, struct db **db, char *why,
                                                size_t why_size);
void db_close(struct db *db);

/*
 * Runs one statement: the number of rows changed, or returned; -EIO: it was not done; -EINPROGRESS:
 * the database's answer was lost, so it may have been done, which matters of a COMMIT only. $1 is
 * values[0], and so on; in `sql` they appear first in this order. `id` names the statement, which
 * is prepared once: 0 .. DB_MAX_STATEMENTS - 1.
 */
#define DB_MAX_STATEMENTS 96u
__attribute__((warn_unused_result)) int db_run(struct db *db, unsigned int id, const char *sql,
                                               const struct db_value *values, size_t count,
                                               db_row *row, void *context);

/* The backends. */
struct db *db_sqlite_open(const char *path);
struct db *db_postgresql_open(const char *url);
int db_sqlite_look(const char *path, struct db **db, char *why, size_t why_size);
int db_postgresql_look(const char *url, struct db **db, char *why, size_t why_size);

#endif
