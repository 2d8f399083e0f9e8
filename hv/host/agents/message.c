/* SPDX-License-Identifier: MIT */
#include "agents/message.h"

#include <stddef.h>
#include <string.h>

#define RECORD sizeof(struct cloister_page_record)

static const struct form {
    const char *name;
    uint32_t smallest, largest; /* bytes of body */
} forms[] = {
    [CLOISTER_MSG_HELLO] = {"HELLO", sizeof(struct cloister_msg_hello),
                            sizeof(struct cloister_msg_hello)},
    [CLOISTER_MSG_STATUS] = {"STATUS", sizeof(struct cloister_msg_status),
                             sizeof(struct cloister_msg_status)},
    [CLOISTER_MSG_CREATE] = {"CREATE", sizeof(struct cloister_image_header),
                             sizeof(struct cloister_image_header)},
    [CLOISTER_MSG_ADD] = {"ADD", sizeof(struct cloister_msg_add) + RECORD, CLOISTER_MAX_BODY},
    [CLOISTER_MSG_SHARE] = {"SHARE", sizeof(struct cloister_msg_share) + sizeof(uint32_t),
                            sizeof(struct cloister_msg_share) +
                                CLOISTER_MAX_SHARED_PAGES * sizeof(uint32_t)},
    [CLOISTER_MSG_INIT] = {"INIT", sizeof(struct cloister_msg_enclave),
                           sizeof(struct cloister_msg_enclave)},
    [CLOISTER_MSG_DESTROY] = {"DESTROY", sizeof(struct cloister_msg_enclave),
                              sizeof(struct cloister_msg_enclave)},
    [CLOISTER_MSG_LIST] = {"LIST", sizeof(struct cloister_msg_enclave),
                           sizeof(struct cloister_msg_enclave)},
    [CLOISTER_MSG_QUOTA] = {"QUOTA", 0, 0},
    [CLOISTER_MSG_EVIDENCE] = {"EVIDENCE", sizeof(struct cloister_msg_evidence),
                               sizeof(struct cloister_msg_evidence) +
                                   CLOISTER_MAX_EVIDENCE_REPORTS * sizeof(struct cloister_report)},
    [CLOISTER_MSG_COLLECT] = {"COLLECT", sizeof(struct cloister_msg_collect),
                              sizeof(struct cloister_msg_collect)},
};

const char *message_type_name(uint16_t type)
{
    return type < sizeof(forms) / sizeof(forms[0]) ? forms[type].name : NULL;
}

const char *message_check_head(const struct cloister_message *head)
{
    if (head->magic != CLOISTER_MESSAGE_MAGIC)
        return "magic: this is not a message";
    if (!message_type_name(head->type))
        return "type: not a request";
    if (head->reserved)
        return "reserved field of the header is not zero";
    if (head->size < forms[head->type].smallest)
        return "size: smaller than this type can be";
    if (head->size > forms[head->type].largest)
        return "size: larger than this type can be";
    return NULL;
}

struct message_add message_add(const void *body)
{
    struct cloister_msg_add head;

    memcpy(&head, body, sizeof(head));
    const uint8_t *records = (const uint8_t *)body + sizeof(head);
    return (struct message_add){
        .enclave = head.enclave,
        .count = head.count,
        .content_count = head.content_count,
        .reserved = head.reserved,
        .records = (const struct cloister_page_record *)(const void *)records,
        .content = records + (size_t)head.count * RECORD,
    };
}

struct message_share message_share(const void *body)
{
    struct cloister_msg_share head;

    memcpy(&head, body, sizeof(head));
    return (struct message_share){
        .enclave = head.enclave,
        .first = head.first,
        .count = head.count,
        .reserved = head.reserved,
        .refs = (const uint32_t *)(const void *)((const uint8_t *)body + sizeof(head)),
    };
}

static const char *check_add(uint32_t size, const void *body)
{
    struct cloister_msg_add head;

    memcpy(&head, body, sizeof(head));
    if (head.count == 0 || head.count > CLOISTER_MAX_BODY / RECORD)
        return "ADD: count of records out of range";
    if (head.content_count > CLOISTER_MAX_ADD || head.content_count > head.count)
        return "ADD: count of contents out of range";
    if (size != sizeof(head) + head.count * RECORD + head.content_count * CLOISTER_PAGE_SIZE)
        return "ADD: its counts do not agree with its size";
    struct message_add add = message_add(body);
    uint32_t contents = 0;
    for (uint32_t i = 0; i < add.count; i++)
        contents += !(add.records[i].flags & CLOISTER_PAGE_ZERO);
    return contents == add.content_count ? NULL : "ADD: its records do not have as many contents";
}

static const char *check_share(uint32_t size, const void *body)
{
    struct cloister_msg_share head;

    memcpy(&head, body, sizeof(head));
    if (head.count > CLOISTER_MAX_SHARED_PAGES ||
        size != sizeof(head) + head.count * sizeof(uint32_t))
        return "SHARE: its count does not agree with its size";
    return NULL;
}

static const char *check_evidence(uint32_t size, const void *body)
{
    struct cloister_msg_evidence head;

    memcpy(&head, body, sizeof(head));
    if (head.nonce_size < CLOISTER_NONCE_MIN || head.nonce_size > sizeof(head.nonce))
        return "EVIDENCE: size of the nonce out of range";
    if (head.report_count > CLOISTER_MAX_EVIDENCE_REPORTS ||
        size != sizeof(head) + head.report_count * sizeof(struct cloister_report))
        return "EVIDENCE: its count does not agree with its size";
    return NULL;
}

const char *message_check_body(const struct cloister_message *head, const void *body)
{
    switch (head->type) {
    case CLOISTER_MSG_ADD:
        return check_add(head->size, body);
    case CLOISTER_MSG_SHARE:
        return check_share(head->size, body);
    case CLOISTER_MSG_EVIDENCE:
        return check_evidence(head->size, body);
    default:
        return NULL;
    }
}
