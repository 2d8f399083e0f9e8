/* SPDX-License-Identifier: MIT */
/*
 * Enrolment tickets: made, listed, revoked. The store knows SHA-256 of a ticket's text, which is also
 * the id by which administrators name it: nobody can enrol with that.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "base/hex.h"
#include "service/api.h"
#include "verify/base64.h"
#include "server/body.h"
#include "verify/refuse.h"

#define SECRET 32u
#define TICKET_LEAST_S 60u
#define TICKET_MOST_S (30u * 86400u)
#define TICKET_DEFAULT_S 86400u
#define PAGE 1000u
#define DIGEST_TEXT (2 * STORE_DIGEST + 1)

static const uint8_t no_digest[STORE_DIGEST];

/* --- one is made --------------------------------------------------------------------------- */

struct ticket {
    char text[BASE64_ROOM(SECRET)];
    struct store_ticket row;
};

/* A random text of Base64 for URLs, and its digest. */
static bool make_text(struct ticket *ticket)
{
    uint8_t secret[SECRET];
    bool good = RAND_bytes(secret, sizeof(secret)) == 1;

    base64_encode(BASE64_URL, secret, sizeof(secret), ticket->text);
    OPENSSL_cleanse(secret, sizeof(secret));
    return good && EVP_Digest(ticket->text, strlen(ticket->text), ticket->row.digest, NULL,
                              EVP_sha256(), NULL) == 1;
}

/* "" where the ticket names no endorsement key. */
static void name_ek(const uint8_t *ek_digest, char text[DIGEST_TEXT])
{
    text[0] = 0;
    if (memcmp(ek_digest, no_digest, sizeof(no_digest))) {
        hex_text(ek_digest, STORE_DIGEST, text, DIGEST_TEXT);
    }
}

/* Its id goes where other events have a result, and the EK that it names is the subject. */
static int note(struct db *db, struct request *request, const char *event,
                const struct store_ticket *row)
{
    char named[DIGEST_TEXT], id[DIGEST_TEXT];

    name_ek(row->ek_digest, named);
    hex_text(row->digest, STORE_DIGEST, id, sizeof(id));
    return api_note(db, request,
                    &(struct api_event){.event = event, .subject = named, .result = id});
}

static int apply_ticket(struct db *db, struct request *request)
{
    struct ticket *ticket = request->context;
    char id[DIGEST_TEXT];
    json_object *object;
    int rc = store_ticket_add(db, &ticket->row);

    rc = rc ? rc : note(db, request, "ticket", &ticket->row);
    if (rc) {
        return rc;
    }
    object = json_object_new_object();
    if (object) {
        hex_text(ticket->row.digest, STORE_DIGEST, id, sizeof(id));
        json_object_object_add(object, "id", json_object_new_string(id));
        json_object_object_add(object, "ticket", json_object_new_string(ticket->text));
        json_object_object_add(object, "expires", json_object_new_int64(ticket->row.expires));
    }
    reply_json(request, 201, object);
    return 0;
}

void api_ticket(struct worker *worker, struct request *request)
{
    static const struct field fields[] = {
        {"ek_sha256", FIELD_HEX, true, STORE_DIGEST, STORE_DIGEST},
        {"lifetime", FIELD_NUMBER, true, TICKET_LEAST_S, TICKET_MOST_S},
    };
    struct ticket *ticket;
    struct body body;

    (void)worker;
    if (!body_take(request, &body, fields, 2)) {
        return;
    }
    ticket = calloc(1, sizeof(*ticket));
    if (!ticket || !make_text(ticket)) {
        free(ticket);
        reply_unavailable(request);
    } else {
        if (body.fields[0].given) {
            memcpy(ticket->row.ek_digest, body.fields[0].bytes.data, STORE_DIGEST);
        }
        ticket->row.expires =
            clock_seconds() + (body.fields[1].given ? body.fields[1].number : TICKET_DEFAULT_S);
        request->context = ticket;
        request->apply = apply_ticket;
    }
    body_release(&body);
}

/* --- those that can still be used ---------------------------------------------------------- */

struct page {
    json_object *list;
    char last[DIGEST_TEXT];
    uint32_t count;
};

static void list_row(void *context, const struct store_ticket *row)
{
    json_object *object = json_object_new_object();
    struct page *page = context;
    char named[DIGEST_TEXT];

    hex_text(row->digest, STORE_DIGEST, page->last, sizeof(page->last));
    page->count++;
    if (object) {
        name_ek(row->ek_digest, named);
        json_object_object_add(object, "id", json_object_new_string(page->last));
        json_object_object_add(object, "ek_sha256", *named ? json_object_new_string(named) : NULL);
        json_object_object_add(object, "expires", json_object_new_int64(row->expires));
        json_object_array_add(page->list, object);
    }
}

/* Digits in lower case: an id has one spelling. */
static bool read_id(const char *text, uint8_t digest[STORE_DIGEST])
{
    return strspn(text, "0123456789abcdef") == 2 * STORE_DIGEST &&
           hex_decode(text, digest, STORE_DIGEST);
}

/* ?after=ID: what follows this one. */
void api_tickets(struct worker *worker, struct request *request)
{
    struct page page = {.list = NULL};
    uint8_t digest[STORE_DIGEST];
    json_object *object;
    const char *after;

    if (!api_after(request, "a ticket", &after)) {
        return;
    }
    if (*after && !read_id(after, digest)) {
        reply_error(request, 400, "bad-request", "?after=ID of a ticket expected: 64 digits");
        return;
    }
    page.list = json_object_new_array();
    object = json_object_new_object();
    if (!page.list || !object ||
        store_ticket_list(worker->db, *after ? digest : NULL, clock_seconds(), PAGE, list_row,
                          &page)) {
        json_object_put(page.list);
        json_object_put(object);
        reply_unavailable(request);
        return;
    }
    json_object_object_add(object, "tickets", page.list);
    json_object_object_add(object, "next",
                           page.count == PAGE ? json_object_new_string(page.last) : NULL);
    reply_json(request, 200, object);
}

/* --- one is revoked ------------------------------------------------------------------------ */

static int apply_delete(struct db *db, struct request *request)
{
    struct store_ticket row = {.expires = 0};
    int rc = read_id(request->argument, row.digest)
                 ? store_ticket_get(db, row.digest, clock_seconds(), row.ek_digest)
                 : -ENOENT;

    rc = rc ? rc : store_ticket_delete(db, row.digest);
    rc = rc ? rc : note(db, request, "ticket-revoked", &row);
    if (rc == -ENOENT && !request->unsure) {
        reply_error(request, 404, "not-found",
                    "there is no such ticket: it was used or revoked, or is too old");
    } else if (rc != -EIO) { /* it is gone: by this request, where its first COMMIT was lost */
        reply_text(request, 200, strdup("{}"), 2);
    }
    return rc == -EIO ? rc : 0;
}

void api_ticket_delete(struct worker *worker, struct request *request)
{
    (void)worker;
    request->apply = apply_delete;
}
