/* SPDX-License-Identifier: MIT */
/* Checks messages between applications and the agent; no I/O. */
#include "libcloister/app_protocol.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int check_head(const void *packet, size_t size, struct app_message *head)
{
    memset(head, 0, sizeof(*head));
    if (size < sizeof(*head))
        return -EBADMSG;
    memcpy(head, packet, sizeof(*head));
    if (head->magic != APP_MAGIC) {
        head->number = 0;
        return -EBADMSG;
    }
    if (head->version != APP_VERSION)
        return -EPROTONOSUPPORT;
    if (head->size != size - sizeof(*head))
        return -EMSGSIZE;
    return 0;
}

static int check_evidence(const uint8_t *body, size_t size)
{
    struct cloister_msg_evidence evidence;

    if (size < sizeof(evidence))
        return -EMSGSIZE;
    memcpy(&evidence, body, sizeof(evidence));
    if (evidence.nonce_size < CLOISTER_NONCE_MIN || evidence.nonce_size > sizeof(evidence.nonce) ||
        evidence.report_count > CLOISTER_MAX_EVIDENCE_REPORTS)
        return -EINVAL;
    return size == sizeof(evidence) + evidence.report_count * sizeof(struct cloister_report)
               ? 0
               : -EMSGSIZE;
}

int app_decode(const void *packet, size_t size, unsigned int descriptors,
               struct app_request *request)
{
    struct app_message head;
    int error = check_head(packet, size, &head);
    const uint8_t *body = (const uint8_t *)packet + sizeof(head);
    struct app_load load;
    unsigned int wanted = 0;

    memset(request, 0, sizeof(*request));
    request->type = head.type;
    request->number = head.number;
    if (error)
        return error;

    switch (head.type) {
    case APP_LOAD:
        if (head.size != sizeof(load))
            return -EMSGSIZE;
        memcpy(&load, body, sizeof(load));
        if (load.flags || load.reserved)
            return -EINVAL;
        wanted = 1;
        break;
    case APP_UNLOAD:
        if (head.size != sizeof(request->unload))
            return -EMSGSIZE;
        memcpy(&request->unload, body, sizeof(request->unload));
        if (request->unload.reserved || !request->unload.enclave)
            return -EINVAL;
        break;
    case APP_STATUS:
        if (head.size != 0)
            return -EMSGSIZE;
        break;
    case APP_LIST:
        if (head.size != sizeof(request->list))
            return -EMSGSIZE;
        memcpy(&request->list, body, sizeof(request->list));
        if (request->list.reserved)
            return -EINVAL;
        break;
    case APP_EVIDENCE:
        error = check_evidence(body, head.size);
        if (error)
            return error;
        break;
    case APP_COLLECT:
        if (head.size != sizeof(struct cloister_msg_collect))
            return -EMSGSIZE;
        break;
    default:
        return -ENOSYS;
    }
    request->body = body;
    request->size = head.size;
    return descriptors == wanted ? 0 : -EINVAL;
}

/* Is `size` what a successful request of this type is answered with? */
static bool reply_size_ok(uint16_t type, size_t size)
{
    switch (type) {
    case APP_LOAD:
        return size == sizeof(struct app_loaded);
    case APP_STATUS:
        return size == sizeof(struct app_status);
    case APP_LIST:
        return size % sizeof(struct cloister_enclave_info) == 0 &&
               size / sizeof(struct cloister_enclave_info) <= APP_MAX_LIST;
    case APP_EVIDENCE:
        return size == sizeof(struct cloister_msg_ticket);
    case APP_COLLECT:
        return size > sizeof(struct cloister_msg_piece) &&
               size <= sizeof(struct cloister_msg_piece) + CLOISTER_EVIDENCE_PIECE;
    default:
        return size == 0;
    }
}

int app_decode_reply(const void *packet, size_t size, uint16_t type, uint32_t number,
                     unsigned int descriptors, struct app_reply *reply, const void **body,
                     size_t *body_size)
{
    struct app_message head;
    int error = check_head(packet, size, &head);

    if (error)
        return error;
    if (head.type != APP_REPLY || head.number != number)
        return -EPROTO;
    if (head.size < sizeof(*reply))
        return -EMSGSIZE;
    memcpy(reply, (const uint8_t *)packet + sizeof(head), sizeof(*reply));
    reply->text[sizeof(reply->text) - 1] = '\0';
    *body = (const uint8_t *)packet + sizeof(head) + sizeof(*reply);
    *body_size = head.size - sizeof(*reply);
    if (reply->error > 0 || reply->error < -4095)
        return -EINVAL;
    if (reply->error)
        return *body_size ? -EMSGSIZE : descriptors ? -EINVAL : 0;
    if (!reply_size_ok(type, *body_size))
        return -EMSGSIZE;
    return descriptors == (type == APP_LOAD ? 1u : 0u) ? 0 : -EINVAL;
}

void app_refuse(struct app_reply *reply, int error, enum app_origin origin, const char *format, ...)
{
    va_list arguments;

    memset(reply, 0, sizeof(*reply));
    reply->error = error;
    reply->origin = (uint16_t)origin;
    va_start(arguments, format);
    vsnprintf(reply->text, sizeof(reply->text), format, arguments);
    va_end(arguments);
}
