/* SPDX-License-Identifier: MIT */
/* Evidence of the host: asked for, waited for, collected in pieces (cloister/protocol.h). */
#include "libcloister/cloister.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libcloister/connection.h"
#include "libcloister/error.h"

#define PAUSE 100      /* milliseconds between two looks */
#define PATIENCE 1200u /* of them */
#define REPORT sizeof(struct cloister_report)

static int begin(struct connection *connection, const struct cloister_msg_evidence *head,
                 const void *reports, uint32_t *ticket, struct cloister_error *error)
{
    uint8_t body[sizeof(*head) + CLOISTER_MAX_EVIDENCE_REPORTS * REPORT];
    struct cloister_msg_ticket told;
    struct answer answer;

    memcpy(body, head, sizeof(*head));
    if (head->report_count)
        memcpy(body + sizeof(*head), reports, head->report_count * REPORT);
    int code = connection_ask(connection, APP_EVIDENCE, body,
                              sizeof(*head) + head->report_count * REPORT, -1, &answer, error);
    if (code)
        return code;
    memcpy(&told, answer.body, sizeof(told));
    *ticket = told.ticket;
    return 0;
}

/* One piece, when it is ready. */
static int collect(struct connection *connection, const struct cloister_msg_collect *wanted,
                   struct answer *answer, struct cloister_error *error)
{
    const struct timespec pause = {.tv_nsec = PAUSE * 1000000};

    for (unsigned int i = 0; i < PATIENCE; i++) {
        int code =
            connection_ask(connection, APP_COLLECT, wanted, sizeof(*wanted), -1, answer, error);

        if (code != -EAGAIN)
            return code;
        nanosleep(&pause, NULL);
    }
    return error_set(error, ETIMEDOUT, CLOISTER_ORIGIN_LIBRARY,
                     "the host has not made the evidence in two minutes");
}

static int collect_all(struct connection *connection, uint32_t ticket, uint8_t *evidence,
                       size_t capacity, size_t *size, struct cloister_error *error)
{
    struct cloister_msg_collect wanted = {.ticket = ticket};
    struct cloister_msg_piece piece = {.size = 1};
    struct answer answer;

    while (wanted.offset < piece.size) {
        int code = collect(connection, &wanted, &answer, error);

        if (code)
            return code;
        memcpy(&piece, answer.body, sizeof(piece));
        size_t bytes = answer.size - sizeof(piece);
        if (piece.size > capacity)
            return error_set(error, ENOSPC, CLOISTER_ORIGIN_LIBRARY,
                             "the evidence has %u bytes; there is room for %zu", piece.size,
                             capacity);
        if (wanted.offset > piece.size || bytes > piece.size - wanted.offset)
            return error_set(error, EPROTO, CLOISTER_ORIGIN_LIBRARY,
                             "the host's pieces do not fit together");
        memcpy(evidence + wanted.offset, (const uint8_t *)answer.body + sizeof(piece), bytes);
        wanted.offset += (uint32_t)bytes;
    }
    *size = piece.size;
    return 0;
}

int cloister_evidence(const char *agent_socket, const uint8_t *nonce, size_t nonce_size,
                      const void *reports, size_t report_count, uint8_t *evidence, size_t capacity,
                      size_t *size, struct cloister_error *error)
{
    struct cloister_msg_evidence head = {.nonce_size = (uint32_t)nonce_size,
                                         .report_count = (uint32_t)report_count};
    struct connection connection;
    uint32_t ticket = 0;

    if (nonce_size < CLOISTER_NONCE_MIN || nonce_size > sizeof(head.nonce))
        return error_set(error, EINVAL, CLOISTER_ORIGIN_LIBRARY,
                         "a nonce has %u to %u bytes, not %zu", CLOISTER_NONCE_MIN,
                         CLOISTER_NONCE_MAX, nonce_size);
    if (report_count > CLOISTER_MAX_EVIDENCE_REPORTS)
        return error_set(error, EINVAL, CLOISTER_ORIGIN_LIBRARY, "at most %u reports, not %zu",
                         CLOISTER_MAX_EVIDENCE_REPORTS, report_count);
    memcpy(head.nonce, nonce, nonce_size);
    int code = connection_open(&connection, agent_socket, 0, error);
    if (!code)
        code = begin(&connection, &head, reports, &ticket, error);
    if (!code)
        code = collect_all(&connection, ticket, evidence, capacity, size, error);
    connection_close(&connection);
    return code;
}
