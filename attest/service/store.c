/* SPDX-License-Identifier: MIT */
#include "service/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/rand.h>

#include "base/say.h"

#define SCHEMA "1"

#define STATEMENTS(X)                                                                              \
    X(COMMIT, "COMMIT")                                                                            \
    X(ROLLBACK, "ROLLBACK")                                                                        \
    X(META_ADD, "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")    \
    X(META_GET, "SELECT value FROM meta WHERE name = $1")                                          \
    X(META_PUT, "INSERT INTO meta (name, value) VALUES ($1, $2) "                                  \
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value")                         \
    X(HOST_GET, "SELECT " HOST_COLUMNS " FROM hosts WHERE id = $1")                                \
    X(HOST_POLICY, "SELECT " HOST_COLUMNS                                                          \
                   ", (SELECT digest FROM policies WHERE id = $1) FROM hosts WHERE id = $2")       \
    X(HOST_LIST, "SELECT " HOST_COLUMNS " FROM hosts WHERE id > $1 ORDER BY id LIMIT $2")          \
    X(HOST_PUT, "INSERT INTO hosts (id, ek_digest, ak_digest, token_digest, enrolled) VALUES "     \
                "($1, $2, $3, $4, $5) "                                                            \
                "ON CONFLICT (ek_digest) DO UPDATE SET ak_digest = excluded.ak_digest, "           \
                "token_digest = excluded.token_digest, enrolled = excluded.enrolled RETURNING id") \
    X(HOST_ENROLLED, "SELECT id FROM hosts WHERE ek_digest = $1 AND ak_digest = $2 AND "           \
                     "token_digest = $3")                                                          \
    X(HOST_RENAME, "UPDATE hosts SET ek_digest = $1 WHERE ek_digest = $2 AND NOT EXISTS "          \
                   "(SELECT 1 FROM hosts WHERE ek_digest = $1)")                                   \
    X(HOST_FORGET, "DELETE FROM hosts WHERE ek_digest = $1")                                       \
    X(HOST_DELETE, "DELETE FROM hosts WHERE id = $1")                                              \
    X(HOST_SUCCESS, "UPDATE hosts SET last_attempt = $1, last_success = $2, last_reason = '' "     \
                    "WHERE id = $3 AND token_digest = $4")                                         \
    X(HOST_FAILURE,                                                                                \
      "UPDATE hosts SET last_attempt = $1, last_reason = $2 WHERE id = $3 AND token_digest = $4")  \
    X(TICKET_ADD, "INSERT INTO tickets (digest, ek_digest, expires) VALUES ($1, $2, $3) "          \
                  "ON CONFLICT (digest) DO NOTHING")                                               \
    X(TICKET_GET, "SELECT ek_digest FROM tickets WHERE digest = $1 AND expires > $2")              \
    X(TICKET_USE, "DELETE FROM tickets WHERE digest = $1 AND expires > $2")                        \
    X(TICKET_DELETE, "DELETE FROM tickets WHERE digest = $1")                                      \
    X(TICKET_LIST, "SELECT digest, ek_digest, expires FROM tickets WHERE digest > $1 AND "         \
                   "expires > $2 ORDER BY digest LIMIT $3")                                        \
    X(POLICY_GET, "SELECT digest, changed, content FROM policies WHERE id = $1")                   \
    X(POLICY_DIGEST, "SELECT digest FROM policies WHERE id = $1")                                  \
    X(POLICY_PUT,                                                                                  \
      "INSERT INTO policies (id, content, digest, changed) VALUES ($1, $2, $3, $4) "               \
      "ON CONFLICT (id) DO UPDATE SET content = excluded.content, digest = excluded.digest, "      \
      "changed = excluded.changed")                                                                \
    X(POLICY_DELETE, "DELETE FROM policies WHERE id = $1")                                         \
    X(POLICY_LIST, "SELECT id, digest, changed FROM policies ORDER BY id")                         \
    X(USED_ADD,                                                                                    \
      "INSERT INTO used (nonce, expires) VALUES ($1, $2) ON CONFLICT (nonce) DO NOTHING")          \
    X(ANSWER_ADD, "INSERT INTO answers (nonce, request, status, reply, expires) VALUES "           \
                  "($1, $2, $3, $4, $5) ON CONFLICT (nonce) DO NOTHING")                           \
    X(ANSWER_GET, "SELECT status, reply FROM answers WHERE nonce = $1 AND request = $2")           \
    X(EVENT_ADD, "INSERT INTO audit (id, time, event, host, administrator, address, subject, "     \
                 "result, token) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "                     \
                 "ON CONFLICT (id) DO NOTHING")                                                    \
    X(EVENT_LIST, "SELECT id, time, event, host, administrator, address, subject, result, token "  \
                  "FROM audit WHERE id > $1 ORDER BY id LIMIT $2")                                 \
    X(INSTANCE_PUT, "INSERT INTO instances (id, issuer, current, next, seen) VALUES "              \
                    "($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET issuer = "                \
                    "excluded.issuer, current = excluded.current, next = excluded.next, "          \
                    "seen = excluded.seen")                                                        \
    X(INSTANCE_LIST, "SELECT id, issuer, current, next, seen FROM instances WHERE seen >= $1")     \
    X(INSTANCE_DELETE, "DELETE FROM instances WHERE id = $1")                                      \
    X(SWEEP_INSTANCES, "DELETE FROM instances WHERE seen < $1")                                    \
    X(SWEEP_EVENTS, "DELETE FROM audit WHERE time < $1")                                           \
    X(JOB_COUNT, "SELECT id FROM jobs WHERE host = $1 AND status = 0")                             \
    X(JOB_ADD, "INSERT INTO jobs (id, host, content, expires) VALUES ($1, $2, $3, $4) "            \
               "ON CONFLICT (id) DO NOTHING")                                                      \
    X(JOB_NEXT,                                                                                    \
      "SELECT id, host, status, content FROM jobs WHERE status = 0 AND lease < $1 LIMIT 1")        \
    X(JOB_LEASE, "UPDATE jobs SET lease = $1 WHERE id = $2 AND status = 0 AND lease < $3")         \
    X(JOB_GET, "SELECT id, host, status, content FROM jobs WHERE id = $1 AND host = $2")           \
    X(JOB_FINISH, "UPDATE jobs SET status = $1, content = $2 WHERE id = $3 AND status = 0")        \
    X(SWEEP_USED, "DELETE FROM used WHERE expires < $1")                                           \
    X(SWEEP_ANSWERS, "DELETE FROM answers WHERE expires < $1")                                     \
    X(SWEEP_TICKETS, "DELETE FROM tickets WHERE expires < $1")                                     \
    X(SWEEP_JOBS, "DELETE FROM jobs WHERE expires < $1")

#define HOST_COLUMNS                                                                               \
    "id, ek_digest, ak_digest, token_digest, enrolled, last_attempt, last_success, last_reason"

/* %s: the backend's type for bytes. */
static const char *const tables[] = {
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value %s NOT NULL)",
    "CREATE TABLE IF NOT EXISTS hosts (id TEXT PRIMARY KEY, ek_digest %s NOT NULL UNIQUE, "
    "ak_digest %s NOT NULL, token_digest %s NOT NULL, enrolled BIGINT NOT NULL, "
    "last_attempt BIGINT NOT NULL DEFAULT 0, last_success BIGINT NOT NULL DEFAULT 0, "
    "last_reason TEXT NOT NULL DEFAULT '')",
    "CREATE TABLE IF NOT EXISTS tickets (digest %s PRIMARY KEY, ek_digest %s NOT NULL, "
    "expires BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS policies (id TEXT PRIMARY KEY, content %s NOT NULL, "
    "digest %s NOT NULL, changed BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS used (nonce %s PRIMARY KEY, expires BIGINT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS used_expires ON used (expires)",
    "CREATE TABLE IF NOT EXISTS answers (nonce %s PRIMARY KEY, request %s NOT NULL, "
    "status BIGINT NOT NULL, reply %s NOT NULL, expires BIGINT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS answers_expires ON answers (expires)",
    "CREATE TABLE IF NOT EXISTS audit (id TEXT PRIMARY KEY, time BIGINT NOT NULL, "
    "event TEXT NOT NULL, host TEXT NOT NULL, administrator TEXT NOT NULL, "
    "address TEXT NOT NULL, subject TEXT NOT NULL, result TEXT NOT NULL, token TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS audit_time ON audit (time)",
    "CREATE TABLE IF NOT EXISTS instances (id TEXT PRIMARY KEY, issuer TEXT NOT NULL, "
    "current TEXT NOT NULL, next TEXT NOT NULL, seen BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, host TEXT NOT NULL, "
    "status BIGINT NOT NULL DEFAULT 0, lease BIGINT NOT NULL DEFAULT 0, content %s NOT NULL, "
    "expires BIGINT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS jobs_host ON jobs (host)",
    "CREATE INDEX IF NOT EXISTS jobs_waiting ON jobs (status, lease)",
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))

enum statement {
#define STATEMENT_ID(name, sql) name,
    STATEMENTS(STATEMENT_ID)
#undef STATEMENT_ID
        BEGIN,
    HAS_TABLE,
    STATEMENT_COUNT,
};

static const char *const sql[] = {
#define STATEMENT_SQL(name, text) text,
    STATEMENTS(STATEMENT_SQL)
#undef STATEMENT_SQL
};

_Static_assert(STATEMENT_COUNT + TABLES <= DB_MAX_STATEMENTS, "each statement has its id");

/* --- transactions -------------------------------------------------------------------------- */

#define RUN(db, id, row, context, ...)                                                             \
    db_run(db, id, sql[id], (const struct db_value[]){__VA_ARGS__},                                \
           sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value), row, context)

/* What must change a row: 0, -ENOENT or -EIO. */
static int changed(int rows)
{
    return rows > 0 ? 0 : rows == 0 ? -ENOENT : -EIO;
}

static int done(int rows)
{
    return rows < 0 ? -EIO : 0;
}

int store_begin(struct db *db)
{
    return done(db_run(db, BEGIN, db->backend->begin, NULL, 0, NULL, NULL));
}

int store_commit(struct db *db)
{
    int rows = db_run(db, COMMIT, sql[COMMIT], NULL, 0, NULL, NULL);

    return rows == -EINPROGRESS ? rows : done(rows);
}

void store_rollback(struct db *db)
{
    /* If this fails, too, there is no transaction any more. */
    (void)!db_run(db, ROLLBACK, sql[ROLLBACK], NULL, 0, NULL, NULL);
}

static bool take(const struct db_value *column, void *to, size_t size)
{
    if (column->type != DB_BYTES || column->size != size) {
        memset(to, 0, size);
        return false;
    }
    memcpy(to, column->data, size);
    return true;
}

static void take_text(const struct db_value *column, char *to, size_t room)
{
    snprintf(to, room, "%s", column->type == DB_TEXT ? (const char *)column->data : "");
}

/* --- schema -------------------------------------------------------------------------------- */

struct meta {
    uint8_t value[SEAL_KEY_SIZE];
    size_t size;
};

static void meta_row(void *context, const struct db_value *columns, size_t count)
{
    struct meta *meta = context;

    if (count == 1 && columns[0].size <= sizeof(meta->value)) {
        meta->size = columns[0].size;
        memcpy(meta->value, columns[0].data, meta->size);
    }
}

/* The value that it has, or gets now. */
static int meta_agree(struct db *db, const char *name, const void *value, size_t size,
                      struct meta *meta)
{
    if (RUN(db, META_ADD, NULL, NULL, DB_STRING(name), DB_BLOB(value, size)) < 0) {
        return -EIO;
    }
    return changed(RUN(db, META_GET, meta_row, meta, DB_STRING(name)));
}

static int prepare(struct db *db, uint8_t sealing_key[SEAL_KEY_SIZE])
{
    const char *type = db->backend->bytes_type;
    struct meta schema = {.size = 0}, key = {.size = 0};
    uint8_t fresh[SEAL_KEY_SIZE];
    char text[512];

    for (size_t i = 0; i < TABLES; i++) {
        snprintf(text, sizeof(text), tables[i], type, type, type);
        if (db_run(db, STATEMENT_COUNT + (unsigned int)i, text, NULL, 0, NULL, NULL) < 0) {
            return -EIO;
        }
    }
    if (meta_agree(db, "schema", SCHEMA, strlen(SCHEMA), &schema)) {
        return -EIO;
    }
    if (schema.size != strlen(SCHEMA) || memcmp(schema.value, SCHEMA, schema.size)) {
        say_error("store: its tables have version %.*s; this service needs " SCHEMA,
                  (int)schema.size, (const char *)schema.value);
        return -EPROTO;
    }
    if (RAND_bytes(fresh, sizeof(fresh)) != 1 ||
        meta_agree(db, "sealing-key", fresh, sizeof(fresh), &key) || key.size != SEAL_KEY_SIZE) {
        return -EIO;
    }
    memcpy(sealing_key, key.value, SEAL_KEY_SIZE);
    return 0;
}

int store_prepare(struct db *db, uint8_t sealing_key[SEAL_KEY_SIZE])
{
    int rc = store_begin(db);

    if (rc) {
        return rc;
    }
    rc = prepare(db, sealing_key);
    if (!rc) {
        rc = store_commit(db);
    }
    if (rc) {
        store_rollback(db);
    }
    return rc;
}

static int check_schema(struct db *db, char *why, size_t why_size)
{
    struct meta schema = {.size = 0};
    int rows = db_run(db, HAS_TABLE, db->backend->has_table,
                      (const struct db_value[]){DB_STRING("meta")}, 1, NULL, NULL);

    if (rows > 0) {
        rows = RUN(db, META_GET, meta_row, &schema, DB_STRING("schema"));
    } else if (rows == 0) {
        return 0; /* an empty database: its tables will be made */
    }
    if (rows < 0) {
        snprintf(why, why_size, "store: the database cannot be used");
        return -EINVAL;
    }
    if (schema.size != strlen(SCHEMA) || memcmp(schema.value, SCHEMA, schema.size)) {
        snprintf(why, why_size, "store: its tables have version %.*s; this service needs " SCHEMA,
                 (int)schema.size, (const char *)schema.value);
        return -EINVAL;
    }
    return 0;
}

int store_check(const char *where, char *why, size_t why_size)
{
    struct db *db;
    int rc = db_look(where, &db, why, why_size);

    if (!rc && db) {
        rc = check_schema(db, why, why_size);
    }
    db_close(db);
    return rc;
}

/* --- hosts --------------------------------------------------------------------------------- */

static void read_host(const struct db_value *columns, struct store_host *host)
{
    take_text(&columns[0], host->id, sizeof(host->id));
    take(&columns[1], host->ek_digest, STORE_DIGEST);
    take(&columns[2], host->ak_digest, STORE_DIGEST);
    take(&columns[3], host->token_digest, STORE_DIGEST);
    host->enrolled = columns[4].number;
    host->last_attempt = columns[5].number;
    host->last_success = columns[6].number;
    take_text(&columns[7], host->last_reason, sizeof(host->last_reason));
}

static void host_row(void *context, const struct db_value *columns, size_t count)
{
    (void)count;
    read_host(columns, context);
}

int store_host_get(struct db *db, const char *id, struct store_host *host)
{
    return changed(RUN(db, HOST_GET, host_row, host, DB_STRING(id)));
}

struct host_and_policy {
    struct store_host *host;
    uint8_t *digest;
    bool known;
};

static void host_and_policy_row(void *context, const struct db_value *columns, size_t count)
{
    struct host_and_policy *both = context;

    read_host(columns, both->host);
    both->known = take(&columns[count - 1], both->digest, STORE_DIGEST);
}

int store_host_and_policy(struct db *db, const char *id, const char *policy,
                          struct store_host *host, uint8_t digest[STORE_DIGEST], bool *known)
{
    struct host_and_policy both = {host, digest, false};
    int rc =
        changed(RUN(db, HOST_POLICY, host_and_policy_row, &both, DB_STRING(policy), DB_STRING(id)));

    *known = both.known;
    return rc;
}

struct host_list {
    store_host_row *row;
    void *context;
};

static void host_list_row(void *context, const struct db_value *columns, size_t count)
{
    struct host_list *list = context;
    struct store_host host;

    (void)count;
    read_host(columns, &host);
    list->row(list->context, &host);
}

int store_host_list(struct db *db, const char *after, uint32_t limit, store_host_row *row,
                    void *context)
{
    struct host_list list = {row, context};

    return done(RUN(db, HOST_LIST, host_list_row, &list, DB_STRING(after), DB_INT(limit)));
}

static void id_row(void *context, const struct db_value *columns, size_t count)
{
    (void)count;
    take_text(&columns[0], context, STORE_ID_SIZE);
}

/* A host that is known by this digest of its EK is known by the new one, or is one too many. */
static int take_former(struct db *db, const struct store_host *host, const uint8_t *former)
{
    int rc;

    if (!memcmp(former, host->ek_digest, STORE_DIGEST)) {
        return 0;
    }
    rc = done(RUN(db, HOST_RENAME, NULL, NULL, DB_BLOB(host->ek_digest, STORE_DIGEST),
                  DB_BLOB(former, STORE_DIGEST)));
    return rc ? rc : done(RUN(db, HOST_FORGET, NULL, NULL, DB_BLOB(former, STORE_DIGEST)));
}

int store_host_enrol(struct db *db, const uint8_t ticket[STORE_DIGEST], int64_t now,
                     const uint8_t former[STORE_DIGEST], struct store_host *host)
{
    int rc = changed(RUN(db, TICKET_USE, NULL, NULL, DB_BLOB(ticket, STORE_DIGEST), DB_INT(now)));

    if (rc == -ENOENT) {
        rc = changed(
            RUN(db, HOST_ENROLLED, id_row, host->id, DB_BLOB(host->ek_digest, STORE_DIGEST),
                DB_BLOB(host->ak_digest, STORE_DIGEST), DB_BLOB(host->token_digest, STORE_DIGEST)));
        return rc ? rc : -EALREADY;
    }
    rc = rc ? rc : take_former(db, host, former);
    if (rc) {
        return rc;
    }
    rc = RUN(db, HOST_PUT, id_row, host->id, DB_STRING(host->id),
             DB_BLOB(host->ek_digest, STORE_DIGEST), DB_BLOB(host->ak_digest, STORE_DIGEST),
             DB_BLOB(host->token_digest, STORE_DIGEST), DB_INT(host->enrolled));
    return rc > 0 ? 0 : -EIO;
}

int store_host_delete(struct db *db, const char *id)
{
    return changed(RUN(db, HOST_DELETE, NULL, NULL, DB_STRING(id)));
}

/* --- tickets ------------------------------------------------------------------------------- */

int store_ticket_add(struct db *db, const struct store_ticket *ticket)
{
    return done(RUN(db, TICKET_ADD, NULL, NULL, DB_BLOB(ticket->digest, STORE_DIGEST),
                    DB_BLOB(ticket->ek_digest, STORE_DIGEST), DB_INT(ticket->expires)));
}

int store_ticket_delete(struct db *db, const uint8_t digest[STORE_DIGEST])
{
    return changed(RUN(db, TICKET_DELETE, NULL, NULL, DB_BLOB(digest, STORE_DIGEST)));
}

struct ticket_list {
    store_ticket_row *row;
    void *context;
};

static void ticket_list_row(void *context, const struct db_value *columns, size_t count)
{
    const struct ticket_list *list = context;
    struct store_ticket ticket;

    (void)count;
    take(&columns[0], ticket.digest, STORE_DIGEST);
    take(&columns[1], ticket.ek_digest, STORE_DIGEST);
    ticket.expires = columns[2].number;
    list->row(list->context, &ticket);
}

int store_ticket_list(struct db *db, const uint8_t *after, int64_t now, uint32_t limit,
                      store_ticket_row *row, void *context)
{
    struct ticket_list list = {row, context};

    return done(RUN(db, TICKET_LIST, ticket_list_row, &list,
                    DB_BLOB(after ? after : (const uint8_t *)"", after ? STORE_DIGEST : 0),
                    DB_INT(now), DB_INT(limit)));
}

static void digest_row(void *context, const struct db_value *columns, size_t count)
{
    (void)count;
    take(&columns[0], context, STORE_DIGEST);
}

int store_ticket_get(struct db *db, const uint8_t digest[STORE_DIGEST], int64_t now,
                     uint8_t ek_digest[STORE_DIGEST])
{
    return changed(
        RUN(db, TICKET_GET, digest_row, ek_digest, DB_BLOB(digest, STORE_DIGEST), DB_INT(now)));
}

/* --- policies ------------------------------------------------------------------------------ */

static char *copy(const struct db_value *column)
{
    char *text = malloc(column->size + 1);

    if (text) {
        memcpy(text, column->data ? column->data : "", column->size);
        text[column->size] = 0;
    }
    return text;
}

static void policy_row(void *context, const struct db_value *columns, size_t count)
{
    struct store_policy *policy = context;

    (void)count;
    take(&columns[0], policy->digest, STORE_DIGEST);
    policy->changed = columns[1].number;
    policy->text = copy(&columns[2]);
    policy->size = columns[2].size;
}

int store_policy_get(struct db *db, const char *id, struct store_policy *policy)
{
    int rc;

    policy->text = NULL;
    rc = changed(RUN(db, POLICY_GET, policy_row, policy, DB_STRING(id)));
    return !rc && !policy->text ? -EIO : rc;
}

int store_policy_digest(struct db *db, const char *id, uint8_t digest[STORE_DIGEST])
{
    return changed(RUN(db, POLICY_DIGEST, digest_row, digest, DB_STRING(id)));
}

int store_policy_put(struct db *db, const char *id, const char *text, size_t size,
                     const uint8_t digest[STORE_DIGEST], int64_t now)
{
    return done(RUN(db, POLICY_PUT, NULL, NULL, DB_STRING(id), DB_BLOB(text, size),
                    DB_BLOB(digest, STORE_DIGEST), DB_INT(now)));
}

int store_policy_delete(struct db *db, const char *id)
{
    return changed(RUN(db, POLICY_DELETE, NULL, NULL, DB_STRING(id)));
}

struct policy_list {
    store_policy_row *row;
    void *context;
};

static void policy_list_row(void *context, const struct db_value *columns, size_t count)
{
    struct policy_list *list = context;
    uint8_t digest[STORE_DIGEST];

    (void)count;
    take(&columns[1], digest, sizeof(digest));
    list->row(list->context, columns[0].data, digest, columns[2].number);
}

int store_policy_list(struct db *db, store_policy_row *row, void *context)
{
    struct policy_list list = {row, context};

    return done(db_run(db, POLICY_LIST, sql[POLICY_LIST], NULL, 0, policy_list_row, &list));
}

/* --- attempts ------------------------------------------------------------------------------ */

static void answer_row(void *context, const struct db_value *columns, size_t count)
{
    struct store_answer *answer = context;

    (void)count;
    free(answer->reply);
    answer->status = (int)columns[0].number;
    answer->reply = copy(&columns[1]);
    answer->size = columns[1].size;
}

/* The challenge was used. Was it by this request? */
static int find_answer(struct db *db, const struct store_attempt *attempt,
                       struct store_answer *answer)
{
    int rc = changed(RUN(db, ANSWER_GET, answer_row, answer, DB_BLOB(attempt->nonce, STORE_DIGEST),
                         DB_BLOB(answer->request, STORE_DIGEST)));

    return rc ? rc : answer->reply ? -EALREADY : -EIO;
}

static int note_attempt(struct db *db, const struct store_attempt *attempt, const char *reason)
{
    const struct db_value token = DB_BLOB(attempt->token_digest, STORE_DIGEST);

    return changed(reason ? RUN(db, HOST_FAILURE, NULL, NULL, DB_INT(attempt->now),
                                DB_STRING(reason), DB_STRING(attempt->host), token)
                          : RUN(db, HOST_SUCCESS, NULL, NULL, DB_INT(attempt->now),
                                DB_INT(attempt->now), DB_STRING(attempt->host), token));
}

int store_attempt(struct db *db, const struct store_attempt *attempt, struct store_answer *answer)
{
    const uint8_t *nonce = attempt->nonce;
    int rc, fresh = !nonce ? 1
                           : RUN(db, USED_ADD, NULL, NULL, DB_BLOB(nonce, STORE_DIGEST),
                                 DB_INT(attempt->expires));

    if (fresh < 0) {
        return -EIO;
    }
    if (!fresh) {
        rc = find_answer(db, attempt, answer);
        if (rc != -ENOENT) {
            return rc;
        }
        rc = note_attempt(db, attempt, "challenge-replayed");
        return rc ? rc : -EEXIST;
    }
    rc = note_attempt(db, attempt, attempt->reason);
    if (!rc && nonce) {
        rc = done(RUN(db, ANSWER_ADD, NULL, NULL, DB_BLOB(nonce, STORE_DIGEST),
                      DB_BLOB(answer->request, STORE_DIGEST), DB_INT(answer->status),
                      DB_BLOB(answer->reply, answer->size), DB_INT(attempt->expires)));
    }
    return rc;
}

/* --- jobs ---------------------------------------------------------------------------------- */

int store_job_add(struct db *db, const struct store_job *job, int64_t expires)
{
    int rows = RUN(db, JOB_GET, NULL, NULL, DB_STRING(job->id), DB_STRING(job->host));

    if (rows > 0) {
        return 0;
    }
    rows = rows ? rows : RUN(db, JOB_COUNT, NULL, NULL, DB_STRING(job->host));
    if (rows < 0) {
        return -EIO;
    }
    if (rows >= STORE_JOBS_PER_HOST) {
        return -EDQUOT;
    }
    return done(RUN(db, JOB_ADD, NULL, NULL, DB_STRING(job->id), DB_STRING(job->host),
                    DB_BLOB(job->content, job->size), DB_INT(expires)));
}

static void job_row(void *context, const struct db_value *columns, size_t count)
{
    struct store_job *job = context;

    (void)count;
    take_text(&columns[0], job->id, sizeof(job->id));
    take_text(&columns[1], job->host, sizeof(job->host));
    job->status = columns[2].number;
    job->content = copy(&columns[3]);
    job->size = columns[3].size;
}

int store_job_take(struct db *db, int64_t now, int64_t lease, struct store_job *job)
{
    int rc;

    job->content = NULL;
    rc = changed(RUN(db, JOB_NEXT, job_row, job, DB_INT(now)));
    if (!rc) {
        rc =
            changed(RUN(db, JOB_LEASE, NULL, NULL, DB_INT(lease), DB_STRING(job->id), DB_INT(now)));
    }
    if (!rc && !job->content) {
        rc = -EIO;
    }
    if (rc) {
        free(job->content);
        job->content = NULL;
    }
    return rc;
}

int store_job_get(struct db *db, const char *id, const char *host, struct store_job *job)
{
    int rc;

    job->content = NULL;
    rc = changed(RUN(db, JOB_GET, job_row, job, DB_STRING(id), DB_STRING(host)));
    return !rc && !job->content ? -EIO : rc;
}

int store_job_finish(struct db *db, const char *id, int64_t status, const char *reply, size_t size)
{
    return changed(
        RUN(db, JOB_FINISH, NULL, NULL, DB_INT(status), DB_BLOB(reply, size), DB_STRING(id)));
}

/* --- the audit ----------------------------------------------------------------------------- */

/* Nanoseconds since 1970 and 64 random bits. */
int store_event_id(char id[STORE_ID_SIZE])
{
    struct timespec now;
    uint64_t random;

    if (RAND_bytes((uint8_t *)&random, sizeof(random)) != 1) {
        return -EIO;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(id, STORE_ID_SIZE, "%016" PRIx64 "%016" PRIx64,
             (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, random);
    return 0;
}

int store_event_add(struct db *db, const struct store_event *event)
{
    return done(RUN(db, EVENT_ADD, NULL, NULL, DB_STRING(event->id), DB_INT(time(NULL)),
                    DB_STRING(event->event), DB_STRING(event->host),
                    DB_STRING(event->administrator), DB_STRING(event->address),
                    DB_STRING(event->subject), DB_STRING(event->result), DB_STRING(event->token)));
}

struct event_list {
    store_event_row *row;
    void *context;
};

static const char *text_of(const struct db_value *column)
{
    return column->type == DB_TEXT ? column->data : "";
}

static void event_list_row(void *context, const struct db_value *columns, size_t count)
{
    struct event_list *list = context;
    const struct store_event event = {
        .id = text_of(&columns[0]),
        .time = columns[1].number,
        .event = text_of(&columns[2]),
        .host = text_of(&columns[3]),
        .administrator = text_of(&columns[4]),
        .address = text_of(&columns[5]),
        .subject = text_of(&columns[6]),
        .result = text_of(&columns[7]),
        .token = text_of(&columns[8]),
    };

    (void)count;
    list->row(list->context, &event);
}

int store_event_list(struct db *db, const char *after, uint32_t limit, store_event_row *row,
                     void *context)
{
    struct event_list list = {row, context};

    return done(RUN(db, EVENT_LIST, event_list_row, &list, DB_STRING(after), DB_INT(limit)));
}

/* --- instances ----------------------------------------------------------------------------- */

int store_instance_put(struct db *db, const struct store_instance *instance, int64_t before)
{
    int rc = done(RUN(db, SWEEP_INSTANCES, NULL, NULL, DB_INT(before)));

    return rc ? rc
              : done(RUN(db, INSTANCE_PUT, NULL, NULL, DB_STRING(instance->id),
                         DB_STRING(instance->issuer), DB_STRING(instance->key),
                         DB_STRING(instance->next_key), DB_INT(instance->seen)));
}

int store_instance_delete(struct db *db, const char *id)
{
    return done(RUN(db, INSTANCE_DELETE, NULL, NULL, DB_STRING(id)));
}

struct instance_list {
    store_instance_row *row;
    void *context;
};

static void instance_list_row(void *context, const struct db_value *columns, size_t count)
{
    const struct instance_list *list = context;
    struct store_instance instance;

    (void)count;
    take_text(&columns[0], instance.id, sizeof(instance.id));
    take_text(&columns[1], instance.issuer, sizeof(instance.issuer));
    take_text(&columns[2], instance.key, sizeof(instance.key));
    take_text(&columns[3], instance.next_key, sizeof(instance.next_key));
    instance.seen = columns[4].number;
    list->row(list->context, &instance);
}

int store_instance_list(struct db *db, int64_t since, store_instance_row *row, void *context)
{
    struct instance_list list = {row, context};

    return done(RUN(db, INSTANCE_LIST, instance_list_row, &list, DB_INT(since)));
}

int store_sweep(struct db *db, int64_t now, int64_t events_before)
{
    if (RUN(db, SWEEP_USED, NULL, NULL, DB_INT(now - STORE_USED_MARGIN)) < 0 ||
        RUN(db, SWEEP_ANSWERS, NULL, NULL, DB_INT(now)) < 0 ||
        RUN(db, SWEEP_TICKETS, NULL, NULL, DB_INT(now)) < 0 ||
        RUN(db, SWEEP_EVENTS, NULL, NULL, DB_INT(events_before)) < 0 ||
        RUN(db, SWEEP_JOBS, NULL, NULL, DB_INT(now)) < 0) {
        return -EIO;
    }
    return 0;
}

int store_probe(struct db *db, int64_t now)
{
    return done(RUN(db, META_PUT, NULL, NULL, DB_STRING("probe"), DB_BLOB(&now, sizeof(now))));
}
