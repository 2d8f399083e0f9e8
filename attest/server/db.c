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
