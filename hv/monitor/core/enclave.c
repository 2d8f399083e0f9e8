/* SPDX-License-Identifier: MIT */
#include "core/enclaves.h"

#include "core/count.h"
#include "core/refuse.h"

struct enclave_list enclaves;

void enclaves_init(void)
{
    memset(&enclaves, 0, sizeof(enclaves));
    enclaves.next_id = 1;
    host_lock_init(&enclaves.lock);
}

/* --- finding and holding --------------------------------------------------------------------- */

struct enclave **enclaves_link(uint64_t id)
{
    struct enclave **link = &enclaves.first;

    host_lock_expect(&enclaves.lock);
    while (*link && (*link)->id < id) {
        link = &(*link)->next;
    }
    return link;
}

struct enclave *enclaves_find(uint32_t id)
{
    struct enclave *enclave = *enclaves_link(id);

    return enclave && enclave->id == id ? enclave : NULL;
}

struct enclave *builder_take(uint32_t id, struct cloister_head *head, int *rc)
{
    *rc = 0;
    host_lock(&enclaves.lock);
    struct enclave *enclave = enclaves_find(id);
    if (!enclave) {
        *rc = refuse(head, -ENOENT, CLOISTER_REASON_NO_SUCH_ENCLAVE, id, 0);
    } else if (enclave->state == CLOISTER_ENCLAVE_DYING) {
        *rc = refuse(head, -EBUSY, CLOISTER_REASON_ENCLAVE_DYING, id, 0);
    } else if (enclave->state != CLOISTER_ENCLAVE_BUILDING || enclave->building ||
               enclave->signature) {
        *rc = refuse(head, -EBUSY, CLOISTER_REASON_ENCLAVE_STATE, enclave->state,
                     CLOISTER_ENCLAVE_BUILDING);
    } else {
        enclave->building = true;
    }
    host_unlock(&enclaves.lock);
    return *rc ? NULL : enclave;
}

void builder_drop(struct enclave *enclave)
{
    host_lock(&enclaves.lock);
    enclave->building = false;
    host_unlock(&enclaves.lock);
}

/* --- memory, charged to the tenant --------------------------------------------------------- */

int enclave_charge(struct enclave *enclave, struct cloister_head *head, uint64_t frames)
{
    uint64_t left;

    if (tenant_charge(enclave->tenant, frames, &left)) {
        return refuse(head, -EDQUOT, CLOISTER_REASON_QUOTA, frames, left);
    }
    count_add(&enclave->frames, frames);
    return 0;
}

void enclave_uncharge(struct enclave *enclave, uint64_t frames)
{
    count_add(&enclave->frames, -frames);
    tenant_uncharge(enclave->tenant, frames);
}

/* --- initialisation ------------------------------------------------------------------------ */

/* Gives the enclave a free slot of its tenant and a handle that names it. There is one: a tenant
 * never has more enclaves than slots. */
static void slot_take(struct enclave *enclave, const uint64_t random[2])
{
    struct tenant *tenant = enclave->tenant;
    uint32_t slot = 0;

    host_lock(&tenant->lock);
    while (slot < TENANT_MAX_ENCLAVES && tenant->slots[slot]) {
        slot++;
    }
    if (slot == TENANT_MAX_ENCLAVES) {
        host_panic("more enclaves than slots");
    }
    enclave->slot = slot;
    enclave->handle[0] = (random[0] & ~(uint64_t)(TENANT_MAX_ENCLAVES - 1)) | slot;
    enclave->handle[1] = random[1];
    tenant->slots[slot] = enclave;
    host_unlock(&tenant->lock);
}

static int init_decode(const struct enclave *enclave, struct cloister_init *op, uint64_t random[2])
{
    if (enclave->pages_added != enclave->header.launch.record_count) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_IMAGE_INCOMPLETE, enclave->pages_added,
                      enclave->header.launch.record_count);
    }
    measure_value(&enclave->measurement, op->measurement);
    if (memcmp(op->measurement, enclave->header.measurement, sizeof(op->measurement)) != 0) {
        return refuse(&op->head, -EACCES, CLOISTER_REASON_IMAGE_MEASUREMENT, 0, 0);
    }
    if (host_random(random, 2 * sizeof(*random))) {
        return refuse(&op->head, -EIO, CLOISTER_REASON_HOST_ENTROPY, 0, 0);
    }
    return 0;
}

int enclave_init(struct cloister_init *op)
{
    uint64_t random[2];
    int rc;

    if (op->reserved0) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_RESERVED_NOT_ZERO, op->reserved0, 0);
    }
    struct enclave *enclave = builder_take(op->enclave, &op->head, &rc);
    if (!enclave) {
        return rc;
    }
    rc = init_decode(enclave, op, random);
    host_lock(&enclaves.lock);
    if (!rc && enclave->state == CLOISTER_ENCLAVE_DYING) {
        rc = refuse(&op->head, -EBUSY, CLOISTER_REASON_ENCLAVE_DYING, op->enclave, 0);
    }
    if (!rc) {
        slot_take(enclave, random);
        op->handle[0] = enclave->handle[0];
        op->handle[1] = enclave->handle[1];
        enclave->state = CLOISTER_ENCLAVE_READY;
    }
    enclave->building = false;
    host_unlock(&enclaves.lock);
    return rc;
}

/* --- reporting ----------------------------------------------------------------------------- */

static struct cloister_enclave_info describe(const struct enclave *enclave)
{
    const struct cloister_image_header *header = &enclave->header;
    struct cloister_enclave_info info = {
        .enclave = enclave->id,
        .domain = enclave->tenant->id,
        .state = enclave->state,
        .flags = header->launch.flags,
        .thread_count = header->launch.thread_count,
        .page_count = header->launch.page_count,
        .pages_added = count_read(&enclave->pages_added),
        .shared_pages = count_read(&enclave->shared_pages),
        .frames = count_read(&enclave->frames),
        .entries = count_read(&enclave->entries),
        .faults = count_read(&enclave->faults),
        .image_version = header->image_version,
        .security_version = header->security_version,
    };

    memcpy(info.measurement, header->measurement, sizeof(info.measurement));
    memcpy(info.author, enclave->author, sizeof(info.author));
    memcpy(info.family_id, header->family_id, sizeof(info.family_id));
    memcpy(info.image_id, header->image_id, sizeof(info.image_id));
    memcpy(info.name, header->name, sizeof(info.name));
    for (uint32_t i = 0; i < header->launch.thread_count; i++) {
        const struct thread *thread = &enclave->threads[i];

        info.interruptions += count_read(&thread->interruptions);
        info.threads_running += thread_state(thread) == CLOISTER_THREAD_RUNNING;
        info.threads_dead += thread_state(thread) == CLOISTER_THREAD_DEAD;
    }
    return info;
}

static bool describe_from(uint32_t start, struct cloister_enclave_info *info)
{
    host_lock(&enclaves.lock);
    const struct enclave *enclave = *enclaves_link(start);
    if (enclave) {
        *info = describe(enclave);
    }
    host_unlock(&enclaves.lock);
    return enclave != NULL;
}

int enclave_list(struct cloister_list *op)
{
    struct cloister_enclave_info info;
    uint32_t start = op->start;

    if (op->reserved0 || op->count) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_RESERVED_NOT_ZERO, op->count, 0);
    }
    if (!op->capacity || op->capacity > CLOISTER_MAX_LIST) {
        return refuse(&op->head, -EINVAL, CLOISTER_REASON_BATCH, op->capacity, CLOISTER_MAX_LIST);
    }
    while (op->count < op->capacity && describe_from(start, &info)) {
        uint64_t address = op->buffer + (uint64_t)op->count * sizeof(info);
        if (host_copy_out(address, &info, sizeof(info))) {
            return refuse(&op->head, -EFAULT, CLOISTER_REASON_BAD_POINTER, address, 0);
        }
        op->count++;
        start = info.enclave + 1;
    }
    return 0;
}

void enclaves_count(struct cloister_info *info)
{
    host_lock(&enclaves.lock);
    info->created = enclaves.created;
    info->destroyed = enclaves.destroyed;
    info->enclaves = enclaves.created - enclaves.destroyed;
    host_unlock(&enclaves.lock);
}

/* Leaves looked at while the list is locked. */
#define AUDIT_BATCH 256u

int enclaves_audit(struct cloister_audit *op)
{
    bool more;

    do {
        host_lock(&enclaves.lock);
        const struct enclave *enclave = *enclaves_link(op->cursor[1]);
        more = enclave != NULL;
        /* Who has the token is changing the view; that is looked at the next time. */
        if (more && (enclave->building || view_audit(&enclave->view, &op->cursor[2], AUDIT_BATCH,
                                                     &op->entries, &op->views))) {
            op->cursor[1] = (uint64_t)enclave->id + 1;
            op->cursor[2] = 0;
        }
        host_unlock(&enclaves.lock);
        if (more && host_preempted()) {
            return -ERESTART;
        }
    } while (more);
    return 0;
}
