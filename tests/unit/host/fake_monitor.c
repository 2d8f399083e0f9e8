/* SPDX-License-Identifier: MIT */
#include "fake_monitor.h"

#include <errno.h>
#include <string.h>

struct fake_enclave *fake_enclave(struct fake_monitor *monitor, uint32_t id)
{
    for (unsigned int i = 0; i < FAKE_ENCLAVES; i++) {
        if (id && monitor->enclaves[i].id == id)
            return &monitor->enclaves[i];
    }
    return NULL;
}

unsigned int fake_living(const struct fake_monitor *monitor, uint16_t domain, uint16_t state)
{
    unsigned int living = 0;

    for (unsigned int i = 0; i < FAKE_ENCLAVES; i++)
        living += monitor->enclaves[i].id && monitor->enclaves[i].domain == domain &&
                  (!state || monitor->enclaves[i].state == state);
    return living;
}

uint32_t fake_create(struct fake_monitor *monitor, uint16_t domain, uint16_t state)
{
    for (unsigned int i = 0; i < FAKE_ENCLAVES; i++) {
        if (monitor->enclaves[i].id)
            continue;
        monitor->enclaves[i] =
            (struct fake_enclave){.id = ++monitor->next_id, .domain = domain, .state = state};
        return monitor->next_id;
    }
    return 0;
}

static int refuse(struct cloister_head *head, int error, uint16_t reason)
{
    head->reason = reason;
    head->found = 1;
    head->allowed = 2;
    return error;
}

static int add_pages(struct fake_monitor *monitor, struct cloister_add_pages *op)
{
    struct fake_enclave *enclave = fake_enclave(monitor, op->enclave);
    const struct cloister_page_record *records = (const void *)(uintptr_t)op->records;
    const uint8_t *content = (const void *)(uintptr_t)op->content;

    if (!enclave)
        return refuse(&op->head, -ENOENT, CLOISTER_REASON_NO_SUCH_ENCLAVE);
    if (enclave->state != CLOISTER_ENCLAVE_BUILDING)
        return refuse(&op->head, -EBUSY, CLOISTER_REASON_ENCLAVE_STATE);
    if (!op->count || op->done)
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_BATCH);
    for (uint32_t i = 0; i < op->count; i++, op->done++) {
        enclave->pages++;
        if (records[i].flags & CLOISTER_PAGE_ZERO)
            continue;
        if (!content)
            return refuse(&op->head, -EFAULT, CLOISTER_REASON_BAD_POINTER);
        for (uint32_t j = 0; j < CLOISTER_PAGE_SIZE; j++)
            enclave->content += content[i * CLOISTER_PAGE_SIZE + j];
    }
    return 0;
}

static int share(struct fake_monitor *monitor, struct cloister_share *op)
{
    struct fake_enclave *enclave = fake_enclave(monitor, op->enclave);
    const uint32_t *refs = (const void *)(uintptr_t)op->refs;

    if (!enclave)
        return refuse(&op->head, -ENOENT, CLOISTER_REASON_NO_SUCH_ENCLAVE);
    for (uint32_t i = 0; i < op->count; i++, op->done++) {
        if (!refs[i])
            return refuse(&op->head, -EINVAL, CLOISTER_REASON_SHARE_GRANT);
        enclave->shares++;
    }
    return 0;
}

static int init(struct fake_monitor *monitor, struct cloister_init *op)
{
    struct fake_enclave *enclave = fake_enclave(monitor, op->enclave);

    if (!enclave)
        return refuse(&op->head, -ENOENT, CLOISTER_REASON_NO_SUCH_ENCLAVE);
    if (enclave->state != CLOISTER_ENCLAVE_BUILDING)
        return refuse(&op->head, -EBUSY, CLOISTER_REASON_ENCLAVE_STATE);
    enclave->state = CLOISTER_ENCLAVE_READY;
    op->handle[0] = op->handle[1] = op->enclave;
    return 0;
}

static int list(struct fake_monitor *monitor, struct cloister_list *op)
{
    struct cloister_enclave_info *buffer = (void *)(uintptr_t)op->buffer;

    for (uint32_t id = op->start ? op->start : 1;
         id <= monitor->next_id && op->count < op->capacity; id++) {
        const struct fake_enclave *enclave = fake_enclave(monitor, id);

        if (enclave)
            buffer[op->count++] = (struct cloister_enclave_info){
                .enclave = id, .domain = enclave->domain, .state = enclave->state};
    }
    return 0;
}

static int create(struct fake_monitor *monitor, struct cloister_create *op)
{
    struct cloister_image_header header;

    memcpy(&header, (const void *)(uintptr_t)op->header, sizeof(header));
    op->enclave = fake_create(monitor, op->domain, CLOISTER_ENCLAVE_BUILDING);
    return op->enclave ? 0 : refuse(&op->head, -ENOMEM, CLOISTER_REASON_NO_MEMORY);
}

static int destroy(struct fake_monitor *monitor, struct cloister_destroy *op)
{
    struct fake_enclave *enclave = fake_enclave(monitor, op->enclave);

    if (!enclave)
        return refuse(&op->head, -ENOENT, CLOISTER_REASON_NO_SUCH_ENCLAVE);
    memset(enclave, 0, sizeof(*enclave));
    return 0;
}

static int fake_call(struct hypercalls *calls, uint32_t op, void *arg)
{
    struct fake_monitor *monitor = (struct fake_monitor *)calls;

    if (op < 16)
        monitor->count[op]++;
    if (monitor->fail_after >= 0 && (int)op == monitor->fail_op && monitor->fail_after-- == 0)
        return refuse(arg, monitor->fail_error, monitor->fail_reason);
    switch (op) {
    case CLOISTER_OP_CREATE:
        return create(monitor, arg);
    case CLOISTER_OP_ADD_PAGES:
        return add_pages(monitor, arg);
    case CLOISTER_OP_SHARE:
        return share(monitor, arg);
    case CLOISTER_OP_INIT:
        return init(monitor, arg);
    case CLOISTER_OP_DESTROY:
        return destroy(monitor, arg);
    case CLOISTER_OP_LIST:
        return list(monitor, arg);
    case CLOISTER_OP_DOMAIN:
        ((struct cloister_domain *)arg)->quota = 100;
        ((struct cloister_domain *)arg)->used = 7;
        return 0;
    default:
        return refuse(arg, -ENOSYS, CLOISTER_REASON_UNKNOWN_OP);
    }
}

void fake_monitor_clear(struct fake_monitor *monitor)
{
    memset(monitor, 0, sizeof(*monitor));
    monitor->calls.call = fake_call;
    monitor->fail_after = -1;
}
