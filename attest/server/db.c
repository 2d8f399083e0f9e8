/* SPDX-License-Identifier: MIT */
#include "server/db.h"

#include <string.h>

struct db *db_open(const char *where)
{
    if (!strncmp(where, "sqlite:", 7)) {
        return db_sqlite_open(where + 7);
    }
    if (!strncmp(where, "postgresql://", 13)) {
        return db_postgresql_open(where);
    }
    return NULL;
}

int db_look(const char *where, struct db **db, char *why, size_t why_size)
{
    if (!strncmp(where, "sqlite:", 7)) {
        return db_sqlite_look(where + 7, db, why, why_size);
    }
    return db_postgresql_look(where, db, why, why_size);
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
    return db->backend->run(db, id, sql, values, count, row, context);
}
