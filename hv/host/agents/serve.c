/* SPDX-License-Identifier: MIT */
#include "agents/serve.h"

#include <errno.h>
#include <string.h>

#include "base/digest.h"
#include "agents/message.h"
#include "agents/reply.h"
#include "log/names.h"
#include "log/notes.h"
#include "agents/proving.h"

_Static_assert(sizeof(struct cloister_msg_quota) <=
                   SESSION_LIST * sizeof(struct cloister_enclave_info),
               "replies fit");

/* The outcome of an operation, without a body. */
static bool pass_on(struct session *session, int error, const struct cloister_head *head)
{
    session_reply(session, error, head, NULL, 0);
    return !error;
}

/*
 * Is the enclave this domain's? Those that were created on this channel are; for others the monitor
 * is asked. Ids are never used twice, so the answer cannot become wrong.
 */
static int check_owner(struct session *session, uint32_t enclave, struct cloister_head *head)
{
    struct cloister_enclave_info info = {0};
    struct cloister_list op = {.start = enclave, .capacity = 1, .buffer = (uintptr_t)&info};

    for (unsigned int i = 0; i < session->building_count; i++) {
        if (session->building[i] == enclave)
            return 0;
    }
    int rc = hypercall_list(session->host->monitor, &op);
    *head = op.head;
    if (!rc && (op.count == 0 || info.enclave != enclave || info.domain != session->domain)) {
        *head = (struct cloister_head){.reason = CLOISTER_REASON_NO_SUCH_ENCLAVE, .found = enclave};
        rc = -ENOENT;
    }
    return rc;
}

static bool serve_hello(struct session *session, uint64_t now)
{
    struct cloister_msg_hello hello;

    (void)now;
    memcpy(&hello, session->body, sizeof(hello));
    if (hello.protocol != CLOISTER_PROTOCOL_VERSION || hello.abi != CLOISTER_ABI_VERSION) {
        bool protocol = hello.protocol != CLOISTER_PROTOCOL_VERSION;

        session->ending = true;
        session->fault = "the agent speaks another version: install the same version of both";
        return session_refuse(session, -EPROTONOSUPPORT, CLOISTER_REASON_NONE,
                              protocol ? hello.protocol : hello.abi,
                              protocol ? CLOISTER_PROTOCOL_VERSION : CLOISTER_ABI_VERSION);
    }
    hello.agent_version[sizeof(hello.agent_version) - 1] = 0;
    hello.kernel[sizeof(hello.kernel) - 1] = 0;
    session->hello = hello;
    session->greeted = true;
    session_reply(session, 0, NULL, NULL, 0);
    return false;
}

static bool serve_status(struct session *session, uint64_t now)
{
    memcpy(&session->status, session->body, sizeof(session->status));
    session->status.message[sizeof(session->status.message) - 1] = 0;
    session->status_time = now ? now : 1;
    session_reply(session, 0, NULL, NULL, 0);
    return false;
}

static void note_refusal(const struct session *session, const struct record_names *names,
                         const struct cloister_image_header *header,
                         const struct admission_verdict *verdict)
{
    struct note note;

    note_begin(&note, "admission");
    line_text(&note.line, "decision", "refused");
    line_text(&note.line, "reason", verdict->debug ? "ADMISSION_DEBUG" : "ADMISSION");
    line_number(&note.line, "rule_line", verdict->line);
    line_number(&note.line, "domain", session->domain);
    line_text(&note.line, "domain_name", names->name);
    line_text(&note.line, "domain_uuid", names->uuid);
    line_bytes(&note.line, "author", verdict->author, sizeof(verdict->author));
    line_bytes(&note.line, "measurement", header->measurement, sizeof(header->measurement));
    line_boolean(&note.line, "debug", header->launch.flags & CLOISTER_IMAGE_DEBUG);
    line_number(&note.line, "security_version", header->security_version);
    line_text_bounded(&note.line, "name", (const char *)header->name, sizeof(header->name));
    note_end(&note);
}

static bool serve_create(struct session *session, uint64_t now)
{
    struct cloister_image_header header;
    struct record_names names;

    (void)now;
    memcpy(&header, session->body, sizeof(header));
    names_get(session->domain, &names);
    struct admission_verdict verdict =
        admission_check(session->host->admission, &header, names.name, names.uuid);
    if (!verdict.allow) {
        note_refusal(session, &names, &header, &verdict);
        return session_refuse(
            session, -EACCES,
            verdict.debug ? CLOISTER_REASON_ADMISSION_DEBUG : CLOISTER_REASON_ADMISSION, 0, 0);
    }
    if (session->building_count == SESSION_MAX_BUILDING)
        return session_refuse(session, -ENOSPC, CLOISTER_REASON_TOO_MANY_ENCLAVES,
                              SESSION_MAX_BUILDING + 1, SESSION_MAX_BUILDING);

    struct cloister_create op = {.domain = session->domain, .header = (uintptr_t)&header};
    int rc = hypercall_create(session->host->monitor, &op);
    if (!rc)
        session->building[session->building_count++] = op.enclave;
    struct cloister_msg_enclave body = {.enclave = op.enclave};
    session_reply(session, rc, &op.head, &body, sizeof(body));
    return false; /* a signature check in the hypervisor is not for free */
}

/* Records of one kind, with or without content, that follow each other. */
static uint32_t run_length(const struct message_add *add, uint32_t first)
{
    uint32_t last = first + 1;

    while (last < add->count &&
           !((add->records[first].flags ^ add->records[last].flags) & CLOISTER_PAGE_ZERO))
        last++;
    return last - first;
}

static bool serve_add(struct session *session, uint64_t now)
{
    struct message_add add = message_add(session->body);
    struct cloister_head head;
    const uint8_t *content = add.content;

    (void)now;
    if (add.reserved)
        return session_refuse(session, -EINVAL, CLOISTER_REASON_RESERVED_NOT_ZERO, add.reserved, 0);
    int rc = check_owner(session, add.enclave, &head);
    for (uint32_t first = 0, count; !rc && first < add.count; first += count) {
        bool zero = add.records[first].flags & CLOISTER_PAGE_ZERO;

        count = run_length(&add, first);
        struct cloister_add_pages op = {
            .enclave = add.enclave,
            .count = count,
            .records = (uintptr_t)&add.records[first],
            .content = zero ? 0 : (uintptr_t)content,
        };
        rc = hypercall_add_pages(session->host->monitor, &op);
        head = op.head;
        if (!zero)
            content += (size_t)count * CLOISTER_PAGE_SIZE;
    }
    return pass_on(session, rc, &head);
}

static bool serve_share(struct session *session, uint64_t now)
{
    struct message_share share = message_share(session->body);
    struct cloister_head head;

    (void)now;
    if (share.reserved)
        return session_refuse(session, -EINVAL, CLOISTER_REASON_RESERVED_NOT_ZERO, share.reserved,
                              0);
    int rc = check_owner(session, share.enclave, &head);
    if (!rc) {
        struct cloister_share op = {.enclave = share.enclave,
                                    .first = share.first,
                                    .count = share.count,
                                    .refs = (uintptr_t)share.refs};
        rc = hypercall_share(session->host->monitor, &op);
        head = op.head;
    }
    return pass_on(session, rc, &head);
}

/* INIT, DESTROY, LIST: the enclave's id, and whether the reserved field is zero. */
static bool parse_enclave(struct session *session, uint32_t *enclave)
{
    struct cloister_msg_enclave body;

    memcpy(&body, session->body, sizeof(body));
    *enclave = body.enclave;
    if (body.reserved)
        session_refuse(session, -EINVAL, CLOISTER_REASON_RESERVED_NOT_ZERO, body.reserved, 0);
    return !body.reserved;
}

static bool serve_init(struct session *session, uint64_t now)
{
    struct cloister_head head;
    uint32_t enclave;

    (void)now;
    if (!parse_enclave(session, &enclave))
        return false;
    int rc = check_owner(session, enclave, &head);
    if (rc)
        return pass_on(session, rc, &head);
    struct cloister_init op = {.enclave = enclave};
    rc = hypercall_init(session->host->monitor, &op);
    struct cloister_msg_handle body = {.handle = {op.handle[0], op.handle[1]}};
    memcpy(body.measurement, op.measurement, sizeof(body.measurement));
    session_reply(session, rc, &op.head, &body, sizeof(body));
    if (!rc)
        session->announced = enclave;
    explicit_bzero(&op, sizeof(op));
    explicit_bzero(&body, sizeof(body));
    return !rc;
}

static bool serve_destroy(struct session *session, uint64_t now)
{
    struct cloister_head head;
    uint32_t enclave;

    (void)now;
    if (!parse_enclave(session, &enclave))
        return false;
    int rc = check_owner(session, enclave, &head);
    if (!rc) {
        struct cloister_destroy op = {.enclave = enclave};

        rc = hypercall_destroy(session->host->monitor, &op);
        head = op.head;
    }
    if (!rc)
        session_forget(session, enclave);
    return pass_on(session, rc, &head);
}

static bool serve_list(struct session *session, uint64_t now)
{
    struct cloister_enclave_info page[32], own[SESSION_LIST];
    uint32_t start, count = 0;

    (void)now;
    if (!parse_enclave(session, &start))
        return false;
    for (;;) {
        struct cloister_list op = {.start = start, .capacity = 32, .buffer = (uintptr_t)page};
        int rc = hypercall_list(session->host->monitor, &op);

        if (rc)
            return pass_on(session, rc, &op.head);
        for (uint32_t i = 0; i < op.count && i < 32 && count < SESSION_LIST; i++) {
            if (page[i].domain == session->domain)
                own[count++] = page[i];
        }
        if (op.count < 32 || count == SESSION_LIST || page[31].enclave == UINT32_MAX)
            break;
        start = page[31].enclave + 1;
    }
    session_reply(session, 0, NULL, own, count * sizeof(own[0]));
    return false;
}

static bool serve_quota(struct session *session, uint64_t now)
{
    struct cloister_domain op = {.domain = session->domain};
    int rc = hypercall_domain(session->host->monitor, &op);
    struct cloister_msg_quota body = {.limit = op.quota, .used = op.used};

    (void)now;
    session_reply(session, rc, &op.head, &body, sizeof(body));
    return false;
}

bool session_serve(struct session *session, uint64_t now)
{
    static bool (*const serve[])(struct session *, uint64_t) = {
        [CLOISTER_MSG_HELLO] = serve_hello,       [CLOISTER_MSG_STATUS] = serve_status,
        [CLOISTER_MSG_CREATE] = serve_create,     [CLOISTER_MSG_ADD] = serve_add,
        [CLOISTER_MSG_SHARE] = serve_share,       [CLOISTER_MSG_INIT] = serve_init,
        [CLOISTER_MSG_DESTROY] = serve_destroy,   [CLOISTER_MSG_LIST] = serve_list,
        [CLOISTER_MSG_QUOTA] = serve_quota,       [CLOISTER_MSG_EVIDENCE] = proving_evidence,
        [CLOISTER_MSG_COLLECT] = proving_collect,
    };

    return serve[session->head.type](session, now);
}
