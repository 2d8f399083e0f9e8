/* SPDX-License-Identifier: MIT */
#include "fake_host.h"

#include <errno.h>
#include <string.h>

#include "suite.h"

void fake_host_kill(struct fake_host *host)
{
    host->state = TRANSPORT_CLOSED;
}

struct fake_enclave *fake_host_find(struct fake_host *host, uint32_t id)
{
    for (unsigned int i = 0; id && i < FAKE_MAX_ENCLAVES; i++)
        if (host->enclaves[i].id == id)
            return &host->enclaves[i];
    return NULL;
}

uint32_t fake_host_count(const struct fake_host *host)
{
    uint32_t count = 0;

    for (unsigned int i = 0; i < FAKE_MAX_ENCLAVES; i++)
        count += host->enclaves[i].id != 0;
    return count;
}

struct result {
    int error;
    uint16_t reason;
    size_t size;
    uint8_t body[16 * sizeof(struct cloister_enclave_info)];
};

static int create(struct fake_host *host, const uint8_t *body, size_t size, struct result *result)
{
    struct cloister_image_header header;
    struct cloister_msg_enclave answer = {0};

    REQUIRE(size == sizeof(header));
    memcpy(&header, body, sizeof(header));
    for (unsigned int i = 0; i < FAKE_MAX_ENCLAVES; i++) {
        struct fake_enclave *enclave = &host->enclaves[i];

        if (enclave->id)
            continue;
        *enclave = (struct fake_enclave){.id = ++host->next_id,
                                         .records = header.launch.record_count,
                                         .shared_wanted = header.launch.shared_count};
        answer.enclave = enclave->id;
        memcpy(result->body, &answer, sizeof(answer));
        result->size = sizeof(answer);
        return 0;
    }
    return -ENOSPC;
}

static int add(struct fake_host *host, const uint8_t *body, size_t size)
{
    struct cloister_msg_add add;
    struct fake_enclave *enclave;
    uint32_t content = 0;

    REQUIRE(size >= sizeof(add));
    memcpy(&add, body, sizeof(add));
    REQUIRE(add.count > 0);
    REQUIRE(add.content_count <= CLOISTER_MAX_ADD);
    REQUIRE(add.reserved == 0);
    REQUIRE(size == (sizeof(add) + add.count * sizeof(struct cloister_page_record) +
                     (size_t)add.content_count * CLOISTER_PAGE_SIZE));
    enclave = fake_host_find(host, add.enclave);
    if (!enclave)
        return -ENOENT;
    if (enclave->ready)
        return -EBUSY;
    for (uint32_t i = 0; i < add.count; i++) {
        struct cloister_page_record record;

        memcpy(&record, body + sizeof(add) + i * sizeof(record), sizeof(record));
        content += !(record.flags & CLOISTER_PAGE_ZERO);
    }
    REQUIRE(content == add.content_count);
    for (size_t i = size - (size_t)content * CLOISTER_PAGE_SIZE; i < size; i++)
        enclave->sum = enclave->sum * 31 + body[i];
    enclave->added += add.count;
    return 0;
}

static int share(struct fake_host *host, const uint8_t *body, size_t size)
{
    struct cloister_msg_share share;
    struct fake_enclave *enclave;

    REQUIRE(size >= sizeof(share));
    memcpy(&share, body, sizeof(share));
    REQUIRE(size == (sizeof(share) + share.count * sizeof(uint32_t)));
    enclave = fake_host_find(host, share.enclave);
    if (!enclave)
        return -ENOENT;
    if (share.first || share.count != enclave->shared_wanted)
        return -EINVAL;
    enclave->shared = share.count;
    return 0;
}

static struct fake_enclave *named(struct fake_host *host, const uint8_t *body, size_t size)
{
    struct cloister_msg_enclave request;

    REQUIRE(size == sizeof(request));
    memcpy(&request, body, sizeof(request));
    REQUIRE(request.reserved == 0);
    return fake_host_find(host, request.enclave);
}

static int initialise(struct fake_enclave *enclave, struct result *result)
{
    struct cloister_msg_handle answer = {0};

    if (!enclave)
        return -ENOENT;
    if (enclave->added != enclave->records || enclave->shared != enclave->shared_wanted)
        return -EINVAL;
    enclave->ready = true;
    enclave->handle[0] = UINT64_C(0x1111111100000000) | enclave->id;
    enclave->handle[1] = UINT64_C(0x2222222200000000) | enclave->id;
    memcpy(answer.handle, enclave->handle, sizeof(answer.handle));
    memset(answer.measurement, 0xab, sizeof(answer.measurement));
    memcpy(result->body, &answer, sizeof(answer));
    result->size = sizeof(answer);
    return 0;
}

static void list(struct fake_host *host, const uint8_t *body, size_t size, struct result *result)
{
    struct cloister_msg_enclave request;
    uint32_t next = 0;

    REQUIRE(size == sizeof(request));
    memcpy(&request, body, sizeof(request));
    next = request.enclave;
    for (unsigned int entries = 0; entries < 16; entries++) {
        struct cloister_enclave_info info = {0};
        const struct fake_enclave *lowest = NULL;

        for (unsigned int i = 0; i < FAKE_MAX_ENCLAVES; i++)
            if (host->enclaves[i].id && host->enclaves[i].id >= next &&
                (!lowest || host->enclaves[i].id < lowest->id))
                lowest = &host->enclaves[i];
        if (!lowest)
            return;
        info.enclave = lowest->id;
        info.state = lowest->ready ? CLOISTER_ENCLAVE_READY : CLOISTER_ENCLAVE_BUILDING;
        memcpy(result->body + result->size, &info, sizeof(info));
        result->size += sizeof(info);
        next = lowest->id + 1;
    }
}

static void evidence(struct fake_host *host, const uint8_t *body, size_t size,
                     struct result *result)
{
    const struct cloister_msg_ticket ticket = {.ticket = 7};

    REQUIRE(size >= sizeof(host->evidence));
    memcpy(&host->evidence, body, sizeof(host->evidence));
    REQUIRE(host->evidence.nonce_size >= 16 && host->evidence.nonce_size <= 64);
    REQUIRE(size ==
            sizeof(host->evidence) + host->evidence.report_count * sizeof(struct cloister_report));
    for (size_t i = sizeof(host->evidence); i < size; i++)
        REQUIRE(body[i] == 0x5a);
    memcpy(result->body, &ticket, sizeof(ticket));
    result->size = sizeof(ticket);
}

static int collect(struct fake_host *host, const uint8_t *body, size_t size, struct result *result)
{
    struct cloister_msg_collect wanted;
    struct cloister_msg_piece piece = {.size = host->evidence_size};

    REQUIRE(size == sizeof(wanted));
    memcpy(&wanted, body, sizeof(wanted));
    REQUIRE(wanted.ticket == 7 && wanted.offset < host->evidence_size);
    if (host->not_ready) {
        host->not_ready--;
        return -EAGAIN;
    }
    if (host->pieces_lie && wanted.offset)
        piece.size = wanted.offset + 1;
    memcpy(result->body, &piece, sizeof(piece));
    result->size = sizeof(piece);
    for (uint32_t at = wanted.offset;
         at < host->evidence_size && at - wanted.offset < CLOISTER_EVIDENCE_PIECE; at++)
        result->body[result->size++] = (uint8_t)(at >> 4);
    return 0;
}

static void perform(struct fake_host *host, const struct cloister_message *message,
                    const uint8_t *body, struct result *result)
{
    const struct cloister_msg_quota quota = {.limit = 1000, .used = 10};
    struct fake_enclave *enclave;

    switch (message->type) {
    case CLOISTER_MSG_HELLO:
        REQUIRE(message->size == sizeof(struct cloister_msg_hello));
        break;
    case CLOISTER_MSG_STATUS:
        REQUIRE(message->size == sizeof(struct cloister_msg_status));
        break;
    case CLOISTER_MSG_CREATE:
        result->error = create(host, body, message->size, result);
        break;
    case CLOISTER_MSG_ADD:
        result->error = add(host, body, message->size);
        break;
    case CLOISTER_MSG_SHARE:
        result->error = share(host, body, message->size);
        break;
    case CLOISTER_MSG_INIT:
        result->error = initialise(named(host, body, message->size), result);
        break;
    case CLOISTER_MSG_DESTROY:
        enclave = named(host, body, message->size);
        result->error = enclave ? 0 : -ENOENT;
        if (enclave) {
            *enclave = (struct fake_enclave){0};
            host->destroyed++;
        }
        break;
    case CLOISTER_MSG_LIST:
        list(host, body, message->size, result);
        break;
    case CLOISTER_MSG_QUOTA:
        REQUIRE(message->size == 0);
        memcpy(result->body, &quota, sizeof(quota));
        result->size = sizeof(quota);
        break;
    case CLOISTER_MSG_EVIDENCE:
        evidence(host, body, message->size, result);
        break;
    case CLOISTER_MSG_COLLECT:
        result->error = collect(host, body, message->size, result);
        break;
    default:
        ck_abort_msg("unknown message %u", message->type);
    }
}

static void send_reply(struct fake_host *host, const struct cloister_message *request,
                       const struct result *result, enum fake_death death)
{
    struct cloister_msg_reply reply = {.error = result->error, .reason = result->reason};
    struct cloister_message message = {
        .magic = CLOISTER_MESSAGE_MAGIC, .type = CLOISTER_MSG_REPLY, .number = request->number};
    size_t body = result->error || host->short_bodies ? 0 : result->size;
    size_t start;

    if (host->out_at == host->out_size)
        host->out_at = host->out_size = 0;
    start = host->out_size;
    REQUIRE(start + sizeof(message) + sizeof(reply) + body <= sizeof(host->out));
    message.size = (uint32_t)(sizeof(reply) + body);
    if (death == FAKE_LIES_NUMBER)
        message.number++;
    if (death == FAKE_LIES_SIZE)
        message.size = CLOISTER_MAX_BODY + 1;
    if (death == FAKE_LIES_TYPE)
        message.type = CLOISTER_MSG_STATUS;
    memcpy(host->out + start, &message, sizeof(message));
    memcpy(host->out + start + sizeof(message), &reply, sizeof(reply));
    memcpy(host->out + start + sizeof(message) + sizeof(reply), result->body, body);
    host->out_size += sizeof(message) + sizeof(reply) + body;
    if (death == FAKE_DIES_WITHIN)
        host->out_size = start + (host->out_size - start) / 2;
}

static void serve(struct fake_host *host, const struct cloister_message *message,
                  const uint8_t *body)
{
    enum fake_death death = FAKE_LIVES;
    struct result result = {0};

    host->messages++;
    REQUIRE(message->type < 256);
    host->types[message->type]++;
    if (host->die_at == host->messages)
        death = host->death;
    if (death == FAKE_DIES_BEFORE) {
        fake_host_kill(host);
        return;
    }
    if (host->refuse_error && message->type == host->refuse_type &&
        host->types[message->type] > host->refuse_after) {
        result.error = host->refuse_error;
        result.reason = host->refuse_reason;
    } else {
        perform(host, message, body, &result);
    }
    if (death != FAKE_DIES_AFTER && death != FAKE_IS_SILENT)
        send_reply(host, message, &result, death);
    if (death == FAKE_DIES_AFTER || death == FAKE_DIES_WITHIN)
        fake_host_kill(host);
}

static int channel_open(void *context)
{
    struct fake_host *host = context;

    if (host->open_error)
        return host->open_error;
    REQUIRE(host->opened == host->closed);
    host->opened++;
    host->in_size = host->out_size = host->out_at = 0;
    host->state = host->absent ? TRANSPORT_WAITING : TRANSPORT_OPEN;
    host->moved = false;
    return 0;
}

static void channel_close(void *context)
{
    struct fake_host *host = context;

    host->closed++;
    REQUIRE(host->opened == host->closed);
    host->state = TRANSPORT_CLOSED;
}

static enum transport_state channel_state(void *context)
{
    const struct fake_host *host = context;

    return host->state;
}

static bool channel_offered(void *context)
{
    struct fake_host *host = context;

    REQUIRE(host->opened == host->closed + 1);
    host->looks++;
    return !host->moved;
}

static ssize_t channel_write(void *context, const void *data, size_t size)
{
    struct fake_host *host = context;
    struct cloister_message message;

    REQUIRE(host->state != TRANSPORT_WAITING);
    if (host->state == TRANSPORT_CLOSED)
        return -1;
    if (host->chunk && size > host->chunk)
        size = host->chunk;
    if (host->deaf) {
        size_t left = host->hears > host->heard ? host->hears - host->heard : 0;

        if (size > left)
            size = left;
    }
    host->heard += size;
    REQUIRE(host->in_size + size <= sizeof(host->in));
    memcpy(host->in + host->in_size, data, size);
    host->in_size += size;
    while (host->in_size >= sizeof(message) && host->state == TRANSPORT_OPEN) {
        size_t whole;

        memcpy(&message, host->in, sizeof(message));
        REQUIRE(message.magic == CLOISTER_MESSAGE_MAGIC);
        REQUIRE(message.reserved == 0);
        REQUIRE(message.size <= CLOISTER_MAX_BODY);
        whole = sizeof(message) + message.size;
        if (host->in_size < whole)
            break;
        serve(host, &message, host->in + sizeof(message));
        memmove(host->in, host->in + whole, host->in_size - whole);
        host->in_size -= whole;
    }
    return (ssize_t)size;
}

static ssize_t channel_read(void *context, void *data, size_t size)
{
    struct fake_host *host = context;
    size_t left = host->out_size - host->out_at;

    if (!left)
        return host->state == TRANSPORT_CLOSED ? -1 : 0;
    if (size > left)
        size = left;
    if (host->chunk && size > host->chunk)
        size = host->chunk;
    memcpy(data, host->out + host->out_at, size);
    host->out_at += size;
    return (ssize_t)size;
}

static int channel_descriptor(void *context)
{
    (void)context;
    return -1;
}

static void channel_acknowledge(void *context)
{
    (void)context;
}

void fake_host_start(struct fake_host *host, struct transport *transport)
{
    memset(host, 0, offsetof(struct fake_host, in));
    *transport = (struct transport){
        .context = host,
        .open = channel_open,
        .close = channel_close,
        .state = channel_state,
        .offered = channel_offered,
        .write = channel_write,
        .read = channel_read,
        .descriptor = channel_descriptor,
        .acknowledge = channel_acknowledge,
    };
}
