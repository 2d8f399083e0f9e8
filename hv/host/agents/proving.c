/* SPDX-License-Identifier: MIT */
#include "agents/proving.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/errname.h"
#include "base/json.h"
#include "base/jsonbytes.h"
#include "base/digest.h"
#include "agents/reply.h"

#define MAX_EVIDENCE (256u * 1024u) /* CLOISTER_EVIDENCE_MAX_SIZE */

_Static_assert(sizeof(struct cloister_msg_piece) + CLOISTER_EVIDENCE_PIECE <=
                   SESSION_LIST * sizeof(struct cloister_enclave_info),
               "replies fit");

/* An answer's error by its name; the tenant learns no more of what the host's TPM has. */
static int error_of(json_object *answer)
{
    static const int known[] = {-EBUSY, -ENODEV, -EOPNOTSUPP, -ETIMEDOUT, -EAGAIN, -EINVAL};
    const char *name = json_member_text(answer, "error");

    for (size_t i = 0; name && i < sizeof(known) / sizeof(known[0]); i++) {
        if (!strcmp(name, errname(known[i])))
            return known[i] == -EAGAIN ? -EIO : known[i]; /* COLLECT's own says something else */
    }
    return -EIO;
}

static int take_evidence(struct session_evidence *evidence, json_object *answer)
{
    const char *text = json_member_text(answer, "evidence");

    if (!json_member_true(answer, "ok"))
        return error_of(answer);
    evidence->data = malloc(MAX_EVIDENCE);
    if (!evidence->data)
        return -ENOMEM;
    if (!text || json_bytes_read(text, evidence->data, MAX_EVIDENCE, &evidence->size))
        return -EIO;
    return evidence->size ? 0 : -EIO;
}

static void forget_data(struct session_evidence *evidence)
{
    free(evidence->data);
    evidence->data = NULL;
    evidence->size = 0;
}

static void made(void *context, json_object *answer)
{
    struct session *session = context;
    struct session_evidence *evidence = &session->evidence;

    evidence->making = false;
    evidence->error = take_evidence(evidence, answer);
    if (evidence->error)
        forget_data(evidence);
    json_object_put(answer);
}

static json_object *compose(const struct session *session,
                            const struct cloister_msg_evidence *wanted)
{
    const uint8_t *reports = session->body + sizeof(*wanted);
    json_object *request = json_object_new_object(), *list = json_object_new_array();
    char nonce[2 * sizeof(wanted->nonce) + 1];

    hex_encode(wanted->nonce, wanted->nonce_size, nonce);
    json_object_object_add(request, "nonce", json_object_new_string(nonce));
    for (uint32_t i = 0; i < wanted->report_count; i++)
        json_object_array_add(list, json_bytes_new(reports + i * sizeof(struct cloister_report),
                                                   sizeof(struct cloister_report)));
    json_object_object_add(request, "reports", list);
    return request;
}

/* Enough that the TPM is not asked for nothing; verifiers look at the rest. */
static bool are_reports(const uint8_t *reports, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct cloister_report report;

        memcpy(&report, reports + i * sizeof(report), sizeof(report));
        if (report.magic != CLOISTER_REPORT_MAGIC)
            return false;
    }
    return true;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    while (size && !bytes[size - 1])
        size--;
    return size == 0;
}

bool proving_evidence(struct session *session, uint64_t now)
{
    struct session_evidence *evidence = &session->evidence;
    struct cloister_msg_evidence wanted;
    json_object *request, *answer;

    memcpy(&wanted, session->body, sizeof(wanted));
    if (!is_zero(wanted.nonce + wanted.nonce_size, sizeof(wanted.nonce) - wanted.nonce_size))
        return session_refuse(session, -EINVAL, CLOISTER_REASON_RESERVED_NOT_ZERO, 0, 0);
    if (!are_reports(session->body + sizeof(wanted), wanted.report_count))
        return session_refuse(session, -EINVAL, CLOISTER_REASON_NONE, 0, 0);
    if (!session->host->attest)
        return session_refuse(session, -EOPNOTSUPP, CLOISTER_REASON_NONE, 0, 0);
    if (evidence->making || (evidence->data && evidence->wanted &&
                             now - evidence->used < 1000u * CLOISTER_EVIDENCE_KEPT))
        return session_refuse(session, -EBUSY, CLOISTER_REASON_NONE, 0, 0);
    forget_data(evidence);
    request = compose(session, &wanted);
    answer = session->host->attest("evidence", request, made, session);
    json_object_put(request);
    if (answer) {
        int rc = error_of(answer);

        json_object_put(answer);
        return session_refuse(session, rc, CLOISTER_REASON_NONE, 0, 0);
    }
    evidence->making = evidence->wanted = true;
    evidence->used = now;
    evidence->ticket = evidence->ticket == UINT32_MAX ? 1 : evidence->ticket + 1;
    struct cloister_msg_ticket body = {.ticket = evidence->ticket};
    session_reply(session, 0, NULL, &body, sizeof(body));
    return false;
}

bool proving_collect(struct session *session, uint64_t now)
{
    struct session_evidence *evidence = &session->evidence;
    uint8_t body[sizeof(struct cloister_msg_piece) + CLOISTER_EVIDENCE_PIECE];
    struct cloister_msg_collect wanted;

    memcpy(&wanted, session->body, sizeof(wanted));
    if (!wanted.ticket || wanted.ticket != evidence->ticket)
        return session_refuse(session, -ESTALE, CLOISTER_REASON_NONE, wanted.ticket,
                              evidence->ticket);
    evidence->used = now;
    if (evidence->making)
        return session_refuse(session, -EAGAIN, CLOISTER_REASON_NONE, 0, 0);
    if (evidence->error)
        return session_refuse(session, evidence->error, CLOISTER_REASON_NONE, 0, 0);
    if (wanted.offset >= evidence->size)
        return session_refuse(session, -ERANGE, CLOISTER_REASON_NONE, wanted.offset,
                              evidence->size);
    size_t size = evidence->size - wanted.offset;
    if (size > CLOISTER_EVIDENCE_PIECE)
        size = CLOISTER_EVIDENCE_PIECE;
    evidence->wanted = wanted.offset + size < evidence->size;
    struct cloister_msg_piece piece = {.size = (uint32_t)evidence->size};
    memcpy(body, &piece, sizeof(piece));
    memcpy(body + sizeof(piece), evidence->data + wanted.offset, size);
    session_reply(session, 0, NULL, body, sizeof(piece) + size);
    return false;
}

void proving_end(struct session *session)
{
    if (session->evidence.making)
        session->host->forget(session);
    session->evidence.making = false;
    forget_data(&session->evidence);
}
